"""Pictures that FFmpeg, as PyAV shows it, does not put together: tiles of a HEIF file, and animated WebP.

Both come out as frames of PyAV, so that what follows treats them as it does any others.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from ..bounds import check_clip
from .opening import opened, reason
from .types import VideoError
from .upright import Upright

_MOST_METADATA = 1 << 24  # bytes; that of a picture of a phone has some thousand
_QUARTER = np.array([[0, 1], [-1, 0]])  # counter-clockwise, of (x, y) with y downwards
_MIRRORS = (np.array([[1, 0], [0, -1]]), np.array([[-1, 0], [0, 1]]))  # top to bottom, left to right
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")  # of AVIF, and of HEIC
# What Pillow and its decoders raise for damaged files, besides its own error for pictures that are too large.
UNREADABLE = (
    *(OSError, EOFError, ValueError, SyntaxError, TypeError, LookupError, ArithmeticError),
    *(AttributeError, RuntimeError, struct.error),
)
_USUAL_DELAY = Fraction(1, 10)  # seconds; of frames that say 0, as browsers take it


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A picture that is cut into tiles, row by row."""

    rows: int
    columns: int
    width: int  # of the whole picture; the last tiles may hang over
    height: int
    tiles: tuple[int, ...]  # ids of their streams
    matrix: tuple[int, ...]  # display matrix

    @property
    def upright(self) -> Upright:
        """How the whole picture is to be seen."""
        return Upright(width=self.width, height=self.height).turned(self.matrix)


def heif_grid(path: Path) -> Grid | None:
    """How the main picture of a HEIC or AVIF file is put together; None if it is no such file, or a single picture."""
    try:
        meta = _meta_box(path)
        return None if meta is None else _grid(path, meta)
    except (struct.error, IndexError, KeyError, OSError) as error:
        raise VideoError(f"'{path}' has tiles that cannot be put together: save it as JPEG or PNG") from error


def heif_matrix(path: Path) -> tuple[int, ...] | None:
    """The display matrix of the main picture of a HEIC or AVIF file; None if it has none, or is no such file."""
    try:
        meta = _meta_box(path)
        return None if meta is None else _display_matrix(meta[b"iprp"], _primary(meta))
    except (struct.error, IndexError, KeyError, OSError):
        return None


def heif_alpha(path: Path) -> np.ndarray | None:
    """Opacity (H, W) uint8 of the main picture of a HEIC or AVIF file, not yet turned; None if it has none of its own.

    It is a picture of its own in the file, and FFmpeg shows it as a stream like any other.
    """
    try:
        meta = _meta_box(path)
        items = [] if meta is None else _alpha_items(meta)
    except (struct.error, IndexError, KeyError, OSError):
        return None
    with opened(path) as container:
        for stream in container.streams.video:
            if stream.id in items and stream.codec_context is not None:
                try:
                    for frame in container.decode(stream):
                        return np.ascontiguousarray(frame.to_ndarray(format="gray"))
                except (av.error.FFmpegError, ValueError) as error:
                    raise VideoError(f"the transparency of '{path}' is damaged: {reason(error)}") from error
    return None


def read_grid(path: Path, grid: Grid) -> Any:
    """The whole picture as one frame."""
    canvas: np.ndarray | None = None
    with opened(path) as container:
        places = {tile: divmod(place, grid.columns) for place, tile in enumerate(grid.tiles)}
        streams = [stream for stream in container.streams.video if stream.id in places]
        if len(streams) != grid.rows * grid.columns:
            raise VideoError(f"'{path}' holds {len(streams)} of its {grid.rows * grid.columns} tiles")
        try:
            for packet in container.demux(*streams):
                for frame in packet.decode() if packet.stream.id in places else []:
                    row, column = places.pop(packet.stream.id)
                    tile = Upright(width=frame.width, height=frame.height).array(frame)
                    if canvas is None:
                        check_clip(1, (grid.rows * frame.height, grid.columns * frame.width), name="picture")
                        canvas = np.zeros((grid.rows * frame.height, grid.columns * frame.width, 3), np.uint8)
                    top, left = row * tile.shape[0], column * tile.shape[1]
                    canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        except (av.error.FFmpegError, ValueError) as error:
            raise VideoError(f"'{path}' is damaged: {reason(error)}") from error
    if places or canvas is None or canvas.shape[0] < grid.height or canvas.shape[1] < grid.width:
        raise VideoError(f"'{path}' is cut into {len(grid.tiles)} tiles, some of which are damaged or too small")
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(canvas[: grid.height, : grid.width]), format="rgb24")


def webp_delays(path: Path) -> list[Fraction]:
    """Seconds that each frame of an animated WebP is shown; empty for any other file."""
    delays = []
    with path.open("rb") as file:
        if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WEBP":
            return []
        while len(head := file.read(8)) == 8:
            kind, size = struct.unpack("<4sI", head)
            body = file.read(16) if kind == b"ANMF" and size >= 16 else b""
            if body:
                delays.append(Fraction(int.from_bytes(body[12:15], "little"), 1000) or _USUAL_DELAY)
            file.seek(size + size % 2 - len(body), 1)
    return delays


def webp_frames(path: Path) -> Iterator[Any]:
    """The frames of an animated WebP. FFmpeg has no decoder for it; Pillow has, which ComfyUI brings."""
    try:
        from PIL import Image
    except ImportError as error:
        raise VideoError(
            f"'{path}' is an animated WebP, which FFmpeg does not read: pip install pillow, or save it as MP4 or GIF"
        ) from error
    try:
        with Image.open(path) as image:
            for index in range(getattr(image, "n_frames", 1)):
                image.seek(index)
                mode = "RGBA" if image.mode == "RGBA" else "RGB"
                pixels = np.array(image.convert(mode))
                yield av.VideoFrame.from_ndarray(pixels, format="rgba" if mode == "RGBA" else "rgb24")
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise VideoError(f"'{path}' is damaged: {error}") from error


def _grid(path: Path, meta: dict[bytes, bytes]) -> Grid | None:
    primary = _primary(meta)
    kind = _item_type(meta[b"iinf"], primary)
    if kind != b"grid":
        if kind in (b"iovl", b"iden"):
            raise VideoError(f"'{path}' is made of other pictures, which FFmpeg does not read: save it as JPEG")
        return None
    data = _item_data(path, meta, primary)
    size = 4 if data[1] & 1 else 2
    return Grid(
        rows=data[2] + 1,
        columns=data[3] + 1,
        width=_number(data, 4, size),
        height=_number(data, 4 + size, size),
        tiles=_tiles(meta[b"iref"], primary)[: (data[2] + 1) * (data[3] + 1)],
        matrix=_display_matrix(meta[b"iprp"], primary),
    )


def _primary(meta: dict[bytes, bytes]) -> int:
    """Number of the main picture."""
    return _number(meta[b"pitm"], 4, 2 if meta[b"pitm"][0] == 0 else 4)


def _meta_box(path: Path) -> dict[bytes, bytes] | None:
    """The boxes within the metadata of a HEIF file (ISO 23008-12); None if it is no HEIF file."""
    with path.open("rb") as file:
        size, kind = _head(file.read(8))
        if kind != b"ftyp" or not 16 <= size <= 4096:
            return None
        brands = file.read(size - 8)
        if not any(brand in brands for brand in (b"mif1", b"heic", b"heix", b"avif", b"msf1")):
            return None
        while len(head := file.read(8)) == 8:
            size, kind = _head(head)
            if kind == b"meta" and 12 <= size <= _MOST_METADATA:
                return dict(_boxes(file.read(size - 8)[4:]))
            if size < 8:
                return None
            file.seek(size - 8, 1)
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = _head(data[at : at + 8])
        if size < 8:
            return
        yield kind, data[at + 8 : at + size]
        at += size


def _head(data: bytes) -> tuple[int, bytes]:
    return struct.unpack(">I4s", data) if len(data) == 8 else (0, b"")


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "big")


def _item_type(iinf: bytes, item: int) -> bytes:
    for kind, data in _boxes(iinf[6 if iinf[0] == 0 else 8 :]):
        size = 2 if data[0] == 2 else 4  # versions 0 and 1 have no type
        if kind == b"infe" and data[0] >= 2 and _number(data, 4, size) == item:
            return data[6 + size : 10 + size]
    return b""


def _tiles(iref: bytes, item: int) -> tuple[int, ...]:
    size = 2 if iref[0] == 0 else 4
    for kind, data in _boxes(iref[4:]):
        if kind == b"dimg" and _number(data, 0, size) == item:
            return tuple(_number(data, size + 2 + size * n, size) for n in range(_number(data, size, 2)))
    raise KeyError(item)


def _alpha_items(meta: dict[bytes, bytes]) -> list[int]:
    """Pictures that are the alpha of the main one."""
    if b"iref" not in meta:
        return []
    iref, primary, found = meta[b"iref"], _primary(meta), []
    size = 2 if iref[0] == 0 else 4
    for kind, data in _boxes(iref[4:]):
        item, count = _number(data, 0, size), _number(data, size, 2)
        targets = [_number(data, size + 2 + size * n, size) for n in range(count)]
        properties = _properties(meta[b"iprp"], item) if kind == b"auxl" and primary in targets else []
        if any(kind == b"auxC" and data[4:].startswith(_ALPHA) for kind, data in properties):
            found.append(item)
    return found


def _properties(iprp: bytes, item: int) -> list[tuple[bytes, bytes]]:
    """Kinds and contents of what is said of an item, in its order."""
    parts = dict(_boxes(iprp))
    properties = list(_boxes(parts[b"ipco"]))
    return [properties[index - 1] for index in _associated(parts[b"ipma"], item) if index]


def _display_matrix(iprp: bytes, item: int) -> tuple[int, ...]:
    """What the properties `irot` and `imir` of an item do, one after the other."""
    matrix = np.eye(2, dtype=int)
    for kind, data in _properties(iprp, item):
        if kind == b"irot":
            matrix = np.linalg.matrix_power(_QUARTER, data[0] & 3) @ matrix
        elif kind == b"imir":
            matrix = _MIRRORS[data[0] & 1] @ matrix
    (a, c), (b, d) = matrix.tolist()
    return a, b, 0, c, d, 0, 0, 0, 1


def _associated(ipma: bytes, item: int) -> list[int]:
    """Numbers of the properties of an item, from 1 on."""
    id_size, wide = (2 if ipma[0] == 0 else 4), ipma[3] & 1
    at = 8
    for _ in range(_number(ipma, 4, 4)):
        found, count = _number(ipma, at, id_size), _number(ipma, at + id_size, 1)
        at += id_size + 1
        numbers = [_number(ipma, at + n * (1 + wide), 1 + wide) & (0x7FFF if wide else 0x7F) for n in range(count)]
        if found == item:
            return numbers
        at += count * (1 + wide)
    return []


def _item_data(path: Path, meta: dict[bytes, bytes], item: int) -> bytes:
    """The first 12 bytes of an item, from `idat` or from the file."""
    iloc, version = meta[b"iloc"], meta[b"iloc"][0]
    offsets, lengths, bases, indices = iloc[4] >> 4, iloc[4] & 15, iloc[5] >> 4, iloc[5] & 15 if version else 0
    wide = 4 if version == 2 else 2
    at = 6 + wide
    for _ in range(_number(iloc, 6, wide)):
        found = _number(iloc, at, wide)
        method = _number(iloc, at + wide, 2) & 15 if version else 0
        at += wide + (2 if version else 0) + 2
        base, count = _number(iloc, at, bases), _number(iloc, at + bases, 2)
        at += bases + 2
        if found == item:
            start = base + _number(iloc, at + indices, offsets)
            if method == 1:
                return meta[b"idat"][start : start + 12]
            with path.open("rb") as file:
                file.seek(start)
                return file.read(12)
        at += count * (indices + offsets + lengths)
    raise KeyError(item)

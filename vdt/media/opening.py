"""Opening media files: which streams of a file are its pictures and its sound, and errors of one sentence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import av.error

from .types import VideoError

# AV_DISPOSITION_* of FFmpeg: what a stream is for.
_DEFAULT = 0x1
_ATTACHED_PICTURE = 0x400  # the cover image of a music file
_NO_FILM = _ATTACHED_PICTURE | 0x800 | 0x80000  # also thumbnails along the time line, and the tiles of a larger picture
_FOR_SOME = 0x8 | 0x10 | 0x20 | 0x80 | 0x100 | 0x400000  # comments, lyrics, karaoke, for hearing or visually impaired
_IMAGE_BRANDS = {"heic", "heix", "heim", "heis", "mif1", "avif", "avis", "msf1"}  # HEIF: one picture, or a sequence
_JUMPS = 0x0200  # AVFMT_TS_DISCONT: formats whose time stamps may jump, such as MPEG-TS and VOB

_TAGS: Any = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}  # since 19 always so
_log = logging.getLogger(__name__)


@lru_cache(maxsize=512)
def note(text: str) -> None:
    """Say once in a process what a user should know about a file that is read all the same."""
    _log.warning(text)


def existing_file(path: str | Path) -> Path:
    """The path of a file that is there; VideoError if it is none."""
    path = Path(path)
    if path.is_dir():
        raise VideoError(f"'{path}' is a folder, expected a video file")
    if not path.exists():
        raise VideoError(f"no such file: '{path}'")
    return path


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The container of a file. Tags that are not UTF-8 are read as well as they can be."""
    try:  # absolute: "a:b.mp4" is a file, not a protocol
        container = av.open(str(path.absolute()), **_TAGS)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"'{path}' cannot be read as a video: {reason(error)}") from error
    with container:
        yield container


def reason(error: Exception) -> str:
    """What FFmpeg says, without its error number."""
    return str(getattr(error, "strerror", None) or error)


def picture_stream(container: Any, path: Path) -> Any:
    """The stream that players show: the default one, no cover and no single picture before a moving one."""
    streams = [stream for stream in container.streams.video if not flags_of(stream.disposition) & _NO_FILM]
    if not streams or container.format.name == "tty":  # FFmpeg draws text files as terminals
        found = "it holds audio only" if container.streams.audio else "it holds no video stream"
        raise VideoError(f"'{path}' is not a video: {found}")
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        raise VideoError(f"'{path}' cannot be read as a video: FFmpeg has no decoder for it")
    moving = [stream for stream in decodable if not _is_item(container, stream)]
    return _ranked(moving or decodable)[0]


def sound_streams(container: Any) -> list[Any]:
    """Streams of sound with a decoder, those that players choose first."""
    return _ranked([stream for stream in container.streams.audio if stream.codec_context is not None])


def is_still(container: Any, stream: Any) -> bool:
    """Whether the stream is one picture without a time of its own."""
    name = container.format.name
    return name == "image2" or name.endswith("_pipe") or _is_item(container, stream)


def may_jump(container: Any) -> bool:
    """Whether time stamps of this format may start anew within a file."""
    return bool(flags_of(container.format.flags) & _JUMPS)


def flags_of(flags: Any) -> int:
    """Flags of PyAV as a number: they are an enumeration up to version 14."""
    return int(getattr(flags, "value", flags) or 0)


def _is_item(container: Any, stream: Any) -> bool:
    """Whether a stream of a HEIF file is a picture of it, and not a sequence: items have no clock of their own."""
    brand = container.metadata.get("major_brand", "").strip()
    return brand in _IMAGE_BRANDS and stream.time_base == 1 and (stream.frames or 1) == 1


def _ranked(streams: list[Any]) -> list[Any]:
    def rank(stream: Any) -> tuple[bool, bool]:
        flags = flags_of(stream.disposition)
        return bool(flags & _FOR_SOME), not flags & _DEFAULT

    return sorted(streams, key=rank)  # stable: in the order of the file among equals

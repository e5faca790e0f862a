"""Decoded frames as they are to be seen: upright, unmirrored, with square pixels, in RGB."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import av.error
import numpy as np
from av.sidedata.sidedata import Type as DataType
from av.video.reformatter import Colorspace, Interpolation

_NOT_BT601 = (1, 4, 7, 9)  # BT.709, FCC, SMPTE 240M and BT.2020: the same numbers in FFmpeg's AVCOL_SPC and SWS_CS
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_ODDEST = 10  # pixels further from square are a mistake of the file


@dataclass(frozen=True, kw_only=True)
class Upright:
    """How decoded frames are to be seen: their size with square pixels, then transposed, then flipped."""

    width: int  # of decoded frames once their pixels are square
    height: int
    transposed: bool = False
    flipped_x: bool = False  # left to right
    flipped_y: bool = False

    @classmethod
    def of(cls, frame: Any, stream: Any) -> Upright:
        """What the display matrix of a frame and the pixel aspect of its stream ask for."""
        width = frame.width
        aspect = Fraction(getattr(stream, "sample_aspect_ratio", None) or 1)
        if 1 / _ODDEST <= aspect <= _ODDEST:
            width = max(1, int(frame.width * aspect))  # as FFmpeg's scale=iw*sar:ih
        return cls(width=width, height=frame.height).turned(_display_matrix(frame))

    def turned(self, matrix: tuple[int, ...] | None) -> Upright:
        """The same with a display matrix of 3x3 numbers, of which the upper left 2x2 turn and mirror (ISO 14496-12)."""
        if matrix is None:
            return self
        a, b, _, c, d = matrix[:5]
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return replace(self, flipped_x=a < 0, flipped_y=d < 0)
        return replace(self, transposed=True, flipped_x=c < 0, flipped_y=b < 0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of upright frames."""
        return (self.height, self.width) if self.transposed else (self.width, self.height)

    @property
    def is_plain(self) -> bool:
        """Whether frames are neither turned nor mirrored."""
        return not (self.transposed or self.flipped_x or self.flipped_y)

    @property
    def mirrored(self) -> bool:
        """Whether frames are mirrored, besides being turned."""
        return self.transposed ^ self.flipped_x ^ self.flipped_y

    @property
    def rotation(self) -> int:
        """Degrees counter-clockwise by which frames are turned, after those that are mirrored were flipped in x."""
        if self.transposed:
            return 90 if self.flipped_y ^ self.mirrored else 270
        return 180 if self.flipped_y else 0

    def array(self, frame: Any, *, alpha: bool = False) -> np.ndarray:
        """The frame as uint8 (H, W, 3) in RGB, or (H, W, 4) with its alpha; another size is brought to the first."""
        wanted = {"format": "rgba" if alpha else "rgb24", **_colours(frame)}
        if (frame.width, frame.height) != (self.width, self.height):
            wanted |= {"width": self.width, "height": self.height, "interpolation": Interpolation.BICUBIC}
        return self.oriented(frame.to_ndarray(**wanted))

    def oriented(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (H, W, ...) turned and mirrored."""
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        return np.ascontiguousarray(pixels[:: -1 if self.flipped_y else 1, :: -1 if self.flipped_x else 1])


def _colours(frame: Any) -> dict[str, Any]:
    """Name the colour matrix and the full range: PyAV 14 takes BT.601 and limited range for all that do not."""
    source = int(frame.colorspace)
    named: dict[str, Any] = {}
    if source in _NOT_BT601:
        named |= {"src_colorspace": source, "dst_colorspace": Colorspace.ITU601.value}
    if int(frame.color_range) == _FULL_RANGE and not frame.format.is_rgb:
        named["src_color_range"] = _FULL_RANGE
    return named


def _display_matrix(frame: Any) -> tuple[int, ...] | None:
    """The display matrix that a frame carries, of the container or of EXIF; None if there is none."""
    frame = _small(frame)
    for _ in range(8):
        try:
            found = frame.side_data.get(DataType.DISPLAYMATRIX)  # iterated, PyAV 19 yields types and older ones data
        except ValueError as error:  # side data that this PyAV has no name for, such as the EXIF of FFmpeg 8
            unknown = re.match(r"(\d+) is not a valid", str(error))
            if unknown is None:
                return None
            frame = _filtered(frame, "sidedata", f"mode=delete:type={unknown[1]}")
            continue
        return None if found is None else struct.unpack("=9i", bytes(found))
    return None


def _small(frame: Any) -> Any:
    """A frame of 8x8 with the same side data, where it can be scaled.

    PyAV ties a frame and its side data into a circle, which keeps the memory of both until Python looks for circles.
    """
    try:
        return _filtered(frame, "scale", "8:8")
    except (av.error.FFmpegError, ValueError):
        return frame


def _filtered(frame: Any, name: str, options: str) -> Any:
    """What one of FFmpeg's filters makes of a frame."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 25)
    )
    chosen, sink = graph.add(name, options), graph.add("buffersink")
    source.link_to(chosen)
    chosen.link_to(sink)
    graph.configure()
    graph.push(frame)
    return graph.pull()

"""Two versions of a clip held against each other: exactly, or as far as the encoding of one of them tells."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from vdt.media.video import VideoError, read_frames, write_video

# Frames are uint8 (T, H, W, 3); differences are in levels of 255.

_BLOCK = 8  # pixels along the side of the blocks that are compared
# Times what the encoding changes by itself, and levels more for rounding and colours, for each measure of a frame.
_MARGINS = np.array([1.2, 1.2, 1.5])
_SLACKS = np.array([0.25, 0.25, 4.0])
_EQUAL = (0.0, 0.0, 0.0)
_RATE = Fraction(25)
_UNKNOWN_CRF = 28  # where a file does not say how much its encoder left out
_OPTIONS = re.compile(rb"x264 - core (\d+)[^\0]*? - options: ([ -~]{1,2000})")


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How the frames of a file were encoded; two files of equal encodings and frames decode to equal frames."""

    codec: str
    colours: tuple[Any, ...] = ()
    settings: str = ""  # of x264, which writes them into its streams

    @property
    def is_lossless(self) -> bool:
        return self.codec in ("png", "ffv1") or (" qp=0 " in f" {self.settings} " and "rc=cqp" in self.settings)

    @property
    def crf(self) -> float | None:
        """The quality of x264, None where it is not said."""
        found = re.search(r"\bcrf=([\d.]+)", self.settings)
        return float(found[1]) if found else None

    def __str__(self) -> str:
        return self.codec + ("" if self.crf is None else f" at crf {self.crf:g}")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far clips are apart: the largest difference of a value, frames beyond what is allowed, and measures.

    The measures are those of the worst frame, as root mean squares in levels: over all of it, over the means of its
    blocks, and over its worst block. `allowed` are the same three that pass; 0 where frames must be equal.
    """

    largest: int
    different: int
    measures: tuple[float, float, float]
    allowed: tuple[float, float, float] = _EQUAL

    @property
    def matches(self) -> bool:
        return self.different == 0


PNG = Encoding(codec="png")


def encoding_of(codec: str, colours: tuple[Any, ...], packet: bytes) -> Encoding:
    """The encoding of a video, of which this is the first packet."""
    found = _OPTIONS.search(packet)
    settings = f"core {found[1].decode()} {found[2].decode()}" if found else ""
    return Encoding(codec=codec, colours=colours, settings=settings)


def compare(frames: np.ndarray, made: np.ndarray, encoding: Encoding, made_with: Encoding) -> Difference:
    """The frames of a file and those that its graph makes here.

    They must be equal if both were encoded in the same way, or without loss. Else they may differ by what an encoding
    of that quality changes in these frames, which is measured: x264 encodes them once more.
    """
    exact = encoding == made_with or (encoding.is_lossless and made_with.is_lossless)
    allowed = np.zeros(3) if exact else _tolerance(made, encoding)
    largest, by_frame = _apart(frames, made)
    return Difference(
        largest=largest,
        different=int((by_frame > allowed).any(1).sum()),
        measures=_three(by_frame.max(0)),
        allowed=_three(allowed),
    )


def _tolerance(made: np.ndarray, encoding: Encoding) -> np.ndarray:
    """What each measure may be if the file was encoded from these frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "again.mp4"
        crf = _UNKNOWN_CRF if encoding.crf is None else encoding.crf
        write_video(path, made, _RATE, crf=min(51, round(crf)))
        again = np.stack(list(read_frames(path)))
    if again.shape != made.shape:
        raise VideoError(f"an encoded clip came back as {again.shape}, expected {made.shape}")
    return _MARGINS * _apart(again, made)[1].max(0) + _SLACKS


def _three(values: np.ndarray) -> tuple[float, float, float]:
    first, second, third = map(float, values)
    return first, second, third


def _apart(one: np.ndarray, other: np.ndarray) -> tuple[int, np.ndarray]:
    """The largest difference of a value, and the measures of each frame, (T, 3)."""
    largest, measures = 0, []
    for first, second in zip(one, other, strict=True):  # a frame at a time: clips may be long
        apart = first.astype(np.int16) - second
        largest = max(largest, int(np.abs(apart).max(initial=0)))
        squares = apart.astype(np.float64) ** 2
        coarse = _block_means(apart.astype(np.float64)) ** 2
        measures.append([squares.mean(), coarse.mean(), _block_means(squares).mean(2).max()])
    return largest, np.sqrt(np.array(measures).reshape(-1, 3))


def _block_means(values: np.ndarray) -> np.ndarray:
    """Means over blocks of a frame (H, W, C), by channel; those at the lower and right edge may be smaller."""
    height, width = values.shape[:2]
    rows, columns = np.arange(0, height, _BLOCK), np.arange(0, width, _BLOCK)
    sums = np.add.reduceat(np.add.reduceat(values, rows, 0), columns, 1)
    counts = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    return sums / counts[..., None]

"""The sound of a clip, placed by its time stamps, and cut or padded to the length of its frames."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from .opening import existing_file, may_jump, note, opened, picture_stream, sound_streams
from .packets import Decoded, decode, demux
from .probing import inspect
from .types import Sound, VideoError

_JITTER = Fraction(3, 100)  # seconds: stamps that are off by less go on where the sound before them ends
_LONGEST_GAP = 3600  # seconds of silence within a track; stamps that leap further are faulty
_MOST_SAMPLES = 1 << 31  # of all channels: 6 hours of stereo
_LAYOUTS = ("mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")  # FFmpeg's own, by the number of channels


class _Piece(NamedTuple):
    at: int  # number of its first sample since the first picture
    samples: NDArray[np.float32]  # (channels, n)
    rate: int

    @property
    def end(self) -> int:
        return self.at + self.samples.shape[1]


def read_sound(
    path: str | Path, *, start: float = 0.0, seconds: float | None = None, rate: int | None = None
) -> Sound | None:
    """The sound of a file, whole, or exactly `seconds` of it from `start` on; None if there is none.

    Of the tracks that can be decoded it is the one that players choose. Time 0 is the first picture; gaps are silence,
    and so is what is damaged. More than two channels are mixed down to two, as FFmpeg's -ac 2 does. It is resampled to
    `rate` if that is given. Only what is needed is kept. VideoError for a file that cannot be opened.
    """
    path = Path(path)
    try:
        with opened(existing_file(path)) as container:
            tracks, count = [stream.index for stream in sound_streams(container)], len(container.streams.audio)
    except VideoError as error:
        raise VideoError(f"the sound of '{path}' cannot be read: {error}") from error
    origin = _origin(path) if tracks else None
    for track in tracks:
        part = _Part(start, seconds)
        for piece in _pieces(_decoded(path, track), origin, rate):
            if not part.take(piece):
                break
        if part.rate:
            return part.sound(path)
    if count:
        note(f"the sound of '{path}' cannot be decoded: it is left out")
    return None


class _Part:
    """The samples of a track between two times, or all of them."""

    def __init__(self, start: float, seconds: float | None) -> None:
        self._start, self._seconds = start, seconds
        self._pieces: list[_Piece] = []
        self.rate = 0  # samples a second, once a piece has come

    def take(self, piece: _Piece) -> bool:
        """Keep a piece if it belongs to the part; False if nothing that follows does."""
        self.rate = piece.rate
        first, count = self._bounds()
        if piece.end > first and (count is None or piece.at < first + count):
            self._pieces.append(piece)
        return count is None or piece.at < first + count

    def sound(self, path: Path) -> Sound:
        """What was kept, each piece at its place, in silence; one channel serves both where others have two."""
        first, count = self._bounds()
        if count is None:
            count = max((piece.end for piece in self._pieces), default=first) - first
        channels = max((len(piece.samples) for piece in self._pieces), default=1)
        if count * channels > _MOST_SAMPLES:
            raise VideoError(f"the sound of '{path}' lasts {count / self.rate / 3600:.0f} hours: cut the file first")
        samples = np.zeros((channels, count), np.float32)
        for piece in self._pieces:
            place = piece.at - first
            part = piece.samples[:, max(0, -place) : count - place]
            samples[:, max(0, place) : max(0, place) + part.shape[1]] = part
        return Sound(samples=samples, rate=self.rate)

    def _bounds(self) -> tuple[int, int | None]:
        """The first sample, and how many there are; None is to the end."""
        count = None if self._seconds is None else max(1, round(self._seconds * self.rate))
        return round(self._start * self.rate), count


def mixed_down(sound: Sound) -> Sound:
    """The same with two channels at most, by FFmpeg's matrix for the usual layout of so many."""
    channels = len(sound.samples)
    if channels <= 2:
        return sound
    if channels > len(_LAYOUTS):
        return Sound(samples=sound.samples.mean(0, keepdims=True).repeat(2, 0), rate=sound.rate)
    packed = np.ascontiguousarray(sound.samples.T, np.float32).reshape(1, -1)  # PyAV cannot fill 8 planes
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=_LAYOUTS[channels - 1])
    frame.sample_rate = sound.rate
    converter = _Converter(frame, sound.rate)
    return Sound(samples=np.concatenate([*converter.convert(frame), *converter.convert(None)], axis=1), rate=sound.rate)


class _Converter:
    """Frames of one format to float samples of one or two channels at one rate, by FFmpeg's resampler."""

    def __init__(self, frame: Any, rate: int) -> None:
        self.rate = rate
        self._kind = _kind(frame)
        self._channels = frame.layout.nb_channels
        named = not frame.layout.name.startswith((f"{self._channels} channels", "ambisonic"))
        self._whole = self._channels > 2 and not named  # FFmpeg only has matrices for channels with names
        layout = frame.layout.name if self._whole else "mono" if self._channels == 1 else "stereo"
        self._resampler = av.AudioResampler(format="flt", layout=layout, rate=rate)

    def takes(self, frame: Any) -> bool:
        """Whether a frame is of the format that this was made for."""
        return _kind(frame) == self._kind

    def convert(self, frame: Any) -> Iterator[NDArray[np.float32]]:
        """Samples (channels, n) that come out now that this frame went in; None is the end."""
        for piece in self._resampler.resample(frame):
            samples = piece.to_ndarray().reshape(-1, piece.layout.nb_channels).T.astype(np.float32)
            yield mixed_down(Sound(samples=samples, rate=self.rate)).samples if self._whole else samples


def _kind(frame: Any) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _origin(path: Path) -> Fraction | None:
    """The stamp of the first picture; None where there are no pictures."""
    try:
        return inspect(path).origin
    except VideoError:
        return None


def _decoded(path: Path, track: int) -> Iterator[Decoded]:
    """Frames of a track; what cannot be decoded is left out. Where stamps may jump, pictures are read too."""

    def on_error(error: Exception) -> None:
        note(f"some of the sound of '{path}' is damaged: it is silent there")

    with opened(path) as container:
        stream, jumps = container.streams[track], may_jump(container)
        try:
            others = [picture_stream(container, path), *sound_streams(container)] if jumps else [stream]
        except VideoError:
            others = sound_streams(container)
        try:
            yield from decode(demux(container, *others, jumps=jumps), track, on_error=on_error)
        except (av.error.FFmpegError, ValueError) as error:  # of the container: nothing follows
            on_error(error)


def _pieces(decoded: Iterator[Decoded], origin: Fraction | None, rate: int | None) -> Iterator[_Piece]:
    """Converted samples with their places. A gap, or another format, begins anew."""
    converter: _Converter | None = None
    place = _Places()
    index = 0
    for item in decoded:
        frame = item.frame
        if not frame.samples or not frame.sample_rate:
            continue
        origin = item.stamp if origin is None else origin
        at = place.next(None if item.stamp is None or origin is None else item.stamp - origin)
        place.end = at + Fraction(frame.samples, frame.sample_rate)
        if converter is not None and (place.gap or not converter.takes(frame)):
            yield from _placed(converter.convert(None), index, converter.rate)
            converter = None
        if converter is None:
            rate = rate or frame.sample_rate
            converter, index = _Converter(frame, rate), math.floor(at * rate + Fraction(1, 2))
        for piece in _placed(converter.convert(frame), index, converter.rate):
            index = piece.end
            yield piece
    if converter is not None:
        yield from _placed(converter.convert(None), index, converter.rate)


class _Places:
    """Where frames of sound stand, in seconds: where their stamps say, unless these are faulty."""

    def __init__(self) -> None:
        self.end: Fraction | None = None  # of the frame before
        self.gap = False
        self._moved = Fraction(0)  # what is added to stamps since they stepped back

    def next(self, stamp: Fraction | None) -> Fraction:
        """The place of the next frame; `gap` tells whether it begins a piece of its own."""
        self.gap = False
        if self.end is None:
            return stamp or Fraction(0)
        if stamp is None:
            return self.end
        for moved in (Fraction(0), self._moved):
            off = stamp + moved - self.end
            if -_JITTER <= off <= _LONGEST_GAP:
                self._moved, self.gap = moved, off > _JITTER
                return self.end + off if self.gap else self.end
        self._moved = self.end - stamp
        return self.end


def _placed(parts: Iterator[NDArray[np.float32]], index: int, rate: int) -> Iterator[_Piece]:
    for part in parts:
        yield _Piece(index, part, rate)
        index += part.shape[1]

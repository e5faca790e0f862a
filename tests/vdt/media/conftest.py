"""Files of the kinds that people bring, made with PyAV: pictures and sound with stamps of choice, in any container."""

from fractions import Fraction
from itertools import islice
from types import SimpleNamespace

import av
import numpy as np
import pytest

STEP = 12  # grey levels between one frame and the next
MOST = 500
TONE = 880  # cycles a second


def has_encoder(name):
    try:
        av.codec.Codec(name, "w")
    except av.error.FFmpegError:
        return False
    return True


def flat(count, height=48, width=64, step=STEP):
    """Flat grey frames whose level tells their number, even after a codec."""
    for index in range(count):
        yield np.full((height, width, 3), 10 + step * index, np.uint8)


def flash(count, at, height=48, width=64):
    """Dark frames of which one is white."""
    for index in range(count):
        yield np.full((height, width, 3), 235 if index == at else 20, np.uint8)


def tone(seconds, rate=48000, channels=1, level=0.5, begin=0.0, end=None):
    """A tone, float32 (channels, n), silent before `begin` and after `end` seconds."""
    time = np.arange(round(seconds * rate)) / rate
    heard = (time >= begin) & (time < (seconds if end is None else end))
    return np.tile((level * np.sin(2 * np.pi * TONE * time) * heard).astype(np.float32), (channels, 1))


def numbers(frames):
    """Numbers of flat frames, of a few hundred at most: more is a read that does not end."""
    return [round((float(frame.mean()) - 10) / STEP) for frame in islice(frames, MOST)]


def onsets(levels, threshold):
    """Where levels rise above a threshold."""
    loud = np.concatenate([[False], np.asarray(levels) > threshold])
    return np.flatnonzero(loud[1:] & ~loud[:-1]).tolist()


def loudness(sound):
    """The peak of every hundredth of a second."""
    width = sound.rate // 100
    peaks = np.abs(sound.samples).max(0)
    return peaks[: len(peaks) // width * width].reshape(-1, width).max(1)


@pytest.fixture
def media():
    """What test files are made of, and what is read off them."""
    return SimpleNamespace(
        flat=flat, flash=flash, tone=tone, numbers=numbers, onsets=onsets, loudness=loudness, has_encoder=has_encoder
    )


@pytest.fixture
def make(tmp_path):
    """Write a file: pictures and sounds with codecs, stamps and tags of choice; its path."""

    def write(name, frames=(), sounds=(), *, rate=24, format=None, options=None, tags=None, **picture):
        path = tmp_path / name
        with av.open(str(path), "w", format=format, options=options or {}) as container:
            container.metadata.update(tags or {})
            film = _picture_track(container, frames := list(frames), rate, **picture) if frames else None
            tracks = [_sound_track(container, sound) for sound in sounds]
            packets = [packet for track in ([film] if film else []) + tracks for packet in track]
            start = {packet.stream.index: packet.dts * packet.time_base for packet in reversed(packets)}
            for packet in sorted(packets, key=lambda p: (p.dts * p.time_base, start[p.stream.index])):
                container.mux(packet)
        return path

    return write


def _picture_track(
    container,
    frames,
    rate,
    *,
    codec="libx264",
    pix_fmt="yuv420p",
    codec_options=None,
    stamps=None,
    aspect=None,
    curve=None,
):
    rate = Fraction(rate).limit_denominator(3600)
    stream = container.add_stream(codec, rate=rate, options=codec_options or {})
    stream.height, stream.width = frames[0].shape[:2]
    stream.pix_fmt = pix_fmt
    if aspect:
        stream.codec_context.sample_aspect_ratio = aspect
    if curve:
        stream.codec_context.color_trc = curve
    if stamps is not None:
        stream.codec_context.time_base = Fraction(1, 1000)
    packets = []
    for index, array in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=pix_fmt)
        frame.pts, frame.time_base = (index, 1 / rate) if stamps is None else (stamps[index], Fraction(1, 1000))
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _sound_track(container, sound):
    """`sound`: samples (channels, n), and perhaps codec, rate, layout, start in seconds, or flags of the track."""
    samples, rate = sound["samples"], sound.get("rate", 48000)
    layout = sound.get("layout", {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)])
    stream = container.add_stream(sound.get("codec", "aac"), rate=rate, layout=layout)
    if "flags" in sound:
        stream.disposition = sound["flags"]
    packets = []
    for begin, end in sound.get("pieces", [(0, samples.shape[1] / rate)]):
        part = np.ascontiguousarray(samples[:, round(begin * rate) : round(end * rate)])
        for at in range(0, part.shape[1], 1024):
            piece = np.ascontiguousarray(part[:, at : at + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = round((begin + sound.get("start", 0)) * rate) + at
            packets += stream.encode(frame)
    return packets + stream.encode(None)

"""Frames and sound into an h264 mp4 that is the same for the same frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace

from .audio import mixed_down
from .types import Sound, VideoInfo

# Without it x264's AVX-512 code reads memory it never wrote where pictures are narrow, and no two files are alike.
_REPEATABLE = {"x264-params": "cpu-independent=1"}
_BT709, _LIMITED_RANGE = 1, 1  # AVCOL_*_BT709, AVCOL_RANGE_MPEG


def encode_video(
    path: Path,
    frames: Iterator[np.ndarray],
    rate: Fraction,
    *,
    crf: int,
    metadata: Mapping[str, str],
    sound: Sound | None,
) -> VideoInfo:
    """Write frames, uint8 (H, W, 3) of one size, at least one, to a path; errors are those of PyAV."""
    flags = {"movflags": "use_metadata_tags+faststart"}
    first = next(frames)
    height, width = (side + side % 2 for side in first.shape[:2])
    with av.open(str(path.absolute()), "w", format="mp4", options=flags) as container:
        container.metadata.update({key: str(value) for key, value in metadata.items()})
        stream: Any = container.add_stream("libx264", rate=rate, options={"crf": str(crf), **_REPEATABLE})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        _tag_colours(stream.codec_context)
        if sound is not None and sound.samples.size:
            _encode_sound(container, mixed_down(sound))
        count = 0
        for array in chain([first], frames):
            padded = np.pad(array, ((0, height - array.shape[0]), (0, width - array.shape[1]), (0, 0)), mode="edge")
            frame = av.VideoFrame.from_ndarray(padded, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
            frame.pts, frame.time_base = count, 1 / rate
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
    return VideoInfo(width=width, height=height, fps=rate, frames=count, duration=float(count / rate), rotation=0)


def _encode_sound(container: Any, sound: Sound) -> None:
    """All of it before the first picture: it is small, and FFmpeg puts both in the order of their times."""
    samples = np.ascontiguousarray(sound.samples.clip(-1, 1))
    layout = "mono" if len(samples) == 1 else "stereo"
    track = container.add_stream("aac", rate=sound.rate, layout=layout)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
    frame.sample_rate, frame.pts = sound.rate, 0
    container.mux([*track.encode(frame), *track.encode(None)])


def _tag_colours(context: Any) -> None:
    """Say which matrix the frames are converted with; untagged files are guessed by their size, and wrongly."""
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED_RANGE

"""What a clip is made of: images or a VIDEO of the graph, and the MASK that was painted on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from comfy_api.latest import InputImpl
from torch import Tensor

from ...vdt.evaluation.advice import source_advice
from ...vdt.inference.codec import VideoCodec
from ...vdt.masks.clip_plan import pick_frames
from ...vdt.masks.fitting import fit_painted, take_frames
from ...vdt.media.clip import open_clip
from ...vdt.media.frames import DEFAULT_FPS, FitMode
from ...vdt.media.types import Sound
from ...vdt.media.video import probe
from . import convert


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceClip:
    """What a clip is read from: uint8 frames (H, W, 3), one at a time, with their size and rate, and the sound."""

    frames: Iterator[np.ndarray]
    width: int
    height: int
    fps: float
    taken: tuple[int, ...]  # which frames of the source these are, by their number
    total: int | None = None  # frames of the source, where they can be counted
    sound: Sound | None = None  # as long as the clip is to be


def read_source(images: Tensor | None, video: Any, *, length: int, fps: float, start: float) -> SourceClip:
    """The first `length` frames from `start` seconds on of what is connected; a video goes before images.

    A VIDEO is read by its time stamps at `fps`, or at its own rate if that is 0; of images it only says how fast they
    are.
    """
    if images is None and video is None:
        raise ValueError("nothing to encode: connect images or a video")
    if video is None:
        return _from_images(convert.rgb(images), rate=fps or DEFAULT_FPS, length=length, fps=0.0, start=start)
    part = _part_of_file(video)
    if part is not None:
        return _from_file(part, length=length, fps=fps, start=start)
    parts = video.get_components()
    clip = _from_images(convert.rgb(parts.images), rate=float(parts.frame_rate), length=length, fps=fps, start=start)
    return replace(clip, sound=convert.sound_for(parts.audio, length / clip.fps, start=start))


def notes(codec: VideoCodec, frames: np.ndarray, images: Tensor | None, video: Any) -> list[str]:
    """What to say of a source, uint8 (T, H, W, 3): which input it is where there are two, and `source_advice`."""
    both = "the video is the source, the images are not used" if images is not None and video is not None else ""
    return [text for text in (both, source_advice(codec, frames)) if text]


def source_mask(
    mask: Tensor | None, clip: SourceClip, *, length: int, size: tuple[int, int], mode: FitMode
) -> Tensor | None:
    """MASK for what a clip of that length takes of its source, bool (n, *size): see `take_frames` and `fit_painted`."""
    if mask is None:
        return None
    frames = take_frames(convert.painted_mask(mask), clip.taken, source=clip.total, length=length)
    return fit_painted(frames, size, mode)


@dataclass(frozen=True, kw_only=True)
class FilePart:
    """What a VIDEO shows of a file, in seconds; a length of 0 is all from the start on."""

    path: str
    start: float = 0.0
    seconds: float = 0.0

    def count(self, rate: float, after: float, most: int) -> int:
        """Frames at a rate that there are `after` seconds into it, at most so many; ValueError beyond its end."""
        if not self.seconds:
            return most
        if after >= self.seconds:
            raise ValueError(f"start {after:g} s lies outside a clip of {self.seconds:g} s: use less")
        return max(1, min(most, math.ceil((self.seconds - after) * rate - 1e-6)))


def _part_of_file(video: Any) -> FilePart | None:
    """What a VIDEO shows of a file, so that only needed frames are ever decoded; None if it is made or changed here.

    Nodes of newer versions of ComfyUI cut and crop a VIDEO. The newest tell it in public; those after 0.3.64 and before
    them only have private fields.
    """
    if not isinstance(video, InputImpl.VideoFromFile) or getattr(video, "has_pending_frame_edits", lambda: False)():
        return None
    source, window = video.get_stream_source(), getattr(video, "get_active_trim_window", None)
    private = ("crop",) if window else ("crop", "start_time", "duration")
    if not isinstance(source, str) or any(getattr(video, f"_VideoFromFile__{name}", None) for name in private):
        return None
    start, seconds = window() if window else (0.0, 0.0)
    return FilePart(path=source, start=start, seconds=seconds)


def _from_file(part: FilePart, *, length: int, fps: float, start: float) -> SourceClip:
    """As `vdt generate` reads a file, by its time stamps."""
    info = probe(part.path)
    rate = float(info.fps or DEFAULT_FPS)
    count = part.count(fps or rate, start, length)
    opened = open_clip(part.path, frames=count, fps=fps, start=part.start + start, sound=True)
    shown = None if info.frames is None else part.count(rate, 0.0, max(1, info.frames - round(part.start * rate)))
    return SourceClip(
        frames=opened.frames,
        width=info.width,
        height=info.height,
        fps=opened.fps,
        taken=_taken(shown, rate, length=length, fps=fps, start=start),
        total=shown,
        sound=None if opened.sound is None else opened.sound.fitted(0.0, length / opened.fps),
    )


def _taken(count: int | None, rate: float, *, length: int, fps: float, start: float) -> tuple[int, ...]:
    """Which of the frames that a VIDEO shows a clip takes, as if all of them lasted equally long."""
    if not count or start * rate >= count:  # reading will tell
        return tuple(range(length))
    return tuple(pick_frames(count, rate, length=length, fps=fps, start=start))


def _from_images(images: Tensor, *, rate: float, length: int, fps: float, start: float) -> SourceClip:
    picked = pick_frames(len(images), rate, length=length, fps=fps, start=start)
    return SourceClip(
        frames=(convert.to_frames(images[index])[0] for index in picked),
        width=images.shape[2],
        height=images.shape[1],
        fps=fps or rate,
        taken=tuple(picked),
        total=len(images),
    )

"""Video files of any length: extend, connect, loop and slow motion, with the sound of the result.

Frames are read, generated and handed on one at a time, so that memory does not grow with the clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..bounds import MAX_FRAMES, MAX_SIDE, whole
from ..masks.keyframes import LOOP_LEAD, loop_start
from ..media.audio import read_sound
from ..media.frames import DEFAULT_FPS, FitMode, fit_frames
from ..media.types import Sound
from ..media.video import probe, read_frames
from .pipeline import Pipeline
from .settings import WindowConfig
from .streaming import (
    GenerationConfig,
    connect_frames,
    count_slow_windows,
    count_windows,
    extend_frames,
    loop_frames,
    slow_frames,
)

VIDEO_TASKS: tuple[str, ...] = ("extend", "connect", "loop", "slow_motion")


@dataclass(frozen=True, kw_only=True)
class VideoJob:
    """What is made of which file; ValueError where something is missing or impossible."""

    task: str  # one of VIDEO_TASKS
    input: Path
    size: tuple[int, int]  # height and width in pixels
    second: Path | None = None  # connect: the clip to lead to
    frames: int = 0  # new frames; extend: after the clip
    before: int = 0  # extend: new frames before the clip
    every: int = 2  # slow_motion: every - 1 new frames between each two
    fps: float | None = None  # both clips are resampled to this rate; None is that of the first, or DEFAULT_FPS
    start: float = 0.0  # seconds into the first clip
    fit: FitMode = "crop"

    def __post_init__(self) -> None:
        if self.task not in VIDEO_TASKS:
            raise ValueError(f"unknown task {self.task!r}: expected one of {', '.join(VIDEO_TASKS)}")
        if (self.second is None) == (self.task == "connect"):
            raise ValueError(f"{self.task} got {self.second} as the second clip: connect needs one, others take none")
        for name in ("frames", "before", "every"):
            whole(name, getattr(self, name), -MAX_FRAMES, MAX_FRAMES)  # less than 0 is refused below
        for side in self.size:
            whole("a side of the picture", side, 1, MAX_SIDE)
        if min(self.frames, self.before) < 0 or (self.before and self.task != "extend"):
            raise ValueError(
                f"{self.task} got {self.frames} new frames and {self.before} before the clip: expected 0 or more, "
                f"and only extend adds frames before it"
            )
        if self.task != "slow_motion" and not self.frames + self.before:
            raise ValueError(f"{self.task} got no frames to add: expected 1 or more")

    @cached_property
    def rate(self) -> float:
        """Frames a second of what is read and of what is made."""
        return self.fps or float(probe(self.input).fps or DEFAULT_FPS)

    def read(self, path: Path, *, start: float = 0.0) -> Iterator[np.ndarray]:
        """The frames of a file, uint8 (H, W, 3), at the rate and size of the job."""
        for frame in read_frames(path, fps=self.rate, start=start):
            yield fit_frames(frame[None], self.size, self.fit)[0]

    def count_frames(self) -> int:
        """How many frames the first clip has at this rate: only reading them tells."""
        return sum(1 for _ in read_frames(self.input, fps=self.rate, start=self.start))

    def estimate_frames(self) -> int | None:
        """About how many frames the first clip has, without reading them; None where the file does not say."""
        info = probe(self.input)
        if info.frames is not None and not (self.start or self.fps):
            return info.frames
        return None if info.duration is None else max(1, round((info.duration - self.start) * self.rate))

    def describe(self, windows: WindowConfig) -> str:
        """One line; windows are resolved. Such as "loop: 9 new frames, in windows of 16 frames that overlap by 8…"."""
        return f"{self.task}: {self._describe_frames(windows)}; {self._describe_size()}"

    def _describe_frames(self, windows: WindowConfig) -> str:
        if self.task == "slow_motion":
            count = self.estimate_frames()
            total = f", {(count - 1) * self.every + 1} in all" if count else ""
            between = "1 new frame" if self.every == 2 else f"{self.every - 1} new frames"
            return f"{between} between each two{total}, in windows of {windows.frames} frames"
        added = " and ".join([f"{self.frames} new frames", *([f"{self.before} in front"] if self.before else [])])
        return f"{added}, in windows of {windows.frames} frames that overlap by {windows.overlap}"

    def _describe_size(self) -> str:
        return f"{self.size[1]}x{self.size[0]} at {self.rate:g} fps ({self.fit})"


class JobFrames(Iterator[np.ndarray]):
    """The frames of the result, uint8 (H, W, 3), one at a time.

    Args:
        job: what is made.
        pipeline: model and VAE.
        options: None is the measured defaults.
    """

    def __init__(self, job: VideoJob, pipeline: Pipeline, config: GenerationConfig | None = None) -> None:
        self.job = job
        self.given = 0  # frames of the first clip that have been read
        self._frames = self._generate(pipeline, config)

    def __next__(self) -> np.ndarray:
        return next(self._frames)

    @property
    def first_new(self) -> int:
        """Place of the first new frame behind given ones, once the first clip has been read."""
        return self.job.before + self.given - (loop_start(self.given) if self.job.task == "loop" else 0)

    def is_generated(self, index: int) -> bool:
        """Whether the frame at that place is a new one, once the first clip has been read."""
        if self.job.task == "slow_motion":
            return index % self.job.every != 0
        return index < self.job.before or 0 <= index - self.first_new < self.job.frames

    def _generate(self, pipeline: Pipeline, config: GenerationConfig | None) -> Iterator[np.ndarray]:
        job, source = self.job, self._counted()
        if job.task == "slow_motion":
            return slow_frames(pipeline, source, every=job.every, config=config)
        if job.task == "loop":
            return loop_frames(pipeline, source, between=job.frames, config=config)
        if job.second is not None:
            return connect_frames(pipeline, source, job.read(job.second), between=job.frames, config=config)
        return extend_frames(pipeline, source, after=job.frames, before=job.before, config=config)

    def _counted(self) -> Iterator[np.ndarray]:
        for frame in self.job.read(self.job.input, start=self.job.start):
            self.given += 1
            yield frame


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Windows to generate, and frames to encode or decode."""

    windows: int
    frames: int


def count_work(job: VideoJob, windows: WindowConfig) -> Workload | None:
    """What a job takes in windows, resolved; None where the file does not say how long it is.

    Clips that go on are taken to have as many frames as a window sees of them.
    """
    if job.task == "slow_motion":
        count = job.estimate_frames()
        if count is None:
            return None
        if count * job.every > MAX_FRAMES:
            raise ValueError(
                f"slow motion of {count} frames with every={job.every} makes {(count - 1) * job.every + 1:,} frames, "
                f"expected at most {MAX_FRAMES:,}: use a smaller every, or a part of the clip"
            )
        return Workload(windows=count_slow_windows(count, every=job.every, windows=windows), frames=count * job.every)
    seen = windows.overlap
    if job.task == "extend":
        before = count_windows(0, job.before, seen, windows) if job.before else 0
        after = count_windows(seen, job.frames, 0, windows) if job.frames else 0
        return Workload(windows=before + after, frames=job.before + job.frames + 2 * seen)
    ahead = min(seen, LOOP_LEAD) if job.task == "loop" else seen
    return Workload(windows=count_windows(seen, job.frames, ahead, windows), frames=job.frames + seen + ahead)


def job_sound(job: VideoJob) -> Sound | None:
    """The sound of the clips, where their pictures are in the result; None in slow motion and where there is none."""
    if job.task == "slow_motion":
        return None
    sound = _after(read_sound(job.input), job.start)
    if job.second is not None:
        return _connected(job, sound, read_sound(job.second, rate=sound.rate if sound else None))
    if sound is None:
        return None
    return _looped(job, sound) if job.task == "loop" else sound.delayed(job.before / job.rate)


def _after(sound: Sound | None, start: float) -> Sound | None:
    return sound and Sound(samples=sound.samples[:, round(start * sound.rate) :], rate=sound.rate)


def _looped(job: VideoJob, sound: Sound) -> Sound:
    """What is heard from the start of the loop on, silence for the new frames, then what was heard before it."""
    count = job.count_frames()
    whole = sound.fitted(0.0, count / job.rate).samples
    start, silent = round(loop_start(count) / job.rate * sound.rate), round(job.frames / job.rate * sound.rate)
    silence = np.zeros((len(whole), silent), np.float32)
    return Sound(samples=np.concatenate([whole[:, start:], silence, whole[:, :start]], axis=1), rate=sound.rate)


def _connected(job: VideoJob, first: Sound | None, second: Sound | None) -> Sound | None:
    """Both sounds, with silence for the new frames between them."""
    if second is None:
        return first
    frames = job.count_frames()  # the sound is written before the pictures
    return _joined(first, frames / job.rate, second.delayed((frames + job.frames) / job.rate))


def _joined(first: Sound | None, seconds: float, second: Sound) -> Sound:
    """So many seconds of the first sound, and the second one, which begins with silence for as long and longer."""
    if first is None:
        return second
    channels = min(2, max(len(first.samples), len(second.samples)))  # as many as are written
    samples = np.resize(second.samples[:2], (channels, second.samples.shape[1]))
    head = first.fitted(0.0, min(seconds, samples.shape[1] / first.rate)).samples[:2]
    samples[:, : head.shape[1]] = head  # one channel serves both
    return Sound(samples=samples, rate=first.rate)

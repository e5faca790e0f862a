"""What a user asks of `vdt generate`, as frozen records that refuse what makes no sense before any work is done."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..task_flags import SETTINGS, SIDES, check_task_flags, clip_tasks

if TYPE_CHECKING:
    from ...config import VDTConfig
    from ...inference.video_jobs import VideoJob
    from ...masks.outpaint import Sides
    from ...media.frames import FitMode


@dataclass(frozen=True, kw_only=True)
class ClipRequest:
    """Which frames of which file are read, and how they are brought to a size; None is the file's, or the model's."""

    task: str
    input: Path | None = None
    frames: int | None = None
    size: tuple[int, int] | None = None  # height, width
    fps: float | None = None
    start: float = 0.0  # seconds
    fit: FitMode = "crop"

    def __post_init__(self) -> None:
        from ...bounds import MAX_FRAMES, MAX_SIDE

        if self.size is not None and not 1 <= min(self.size) <= max(self.size) <= MAX_SIDE:
            raise ValueError(
                f"got --size {self.size[0]}x{self.size[1]}, expected 1 or more on each side, and at most {MAX_SIDE:,}"
            )
        if self.frames is not None and not 1 <= self.frames <= MAX_FRAMES:
            raise ValueError(f"got --frames {self.frames}, expected 1 or more, and at most {MAX_FRAMES:,}")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ValueError(f"got --fps {self.fps}, expected more than 0 and at most 1000")

    def clip_size(self, config: VDTConfig, *, downscale: int = 8) -> tuple[int, int]:
        """Height and width in pixels: those asked for, or the model's own."""
        native = config.input_size * downscale
        return self.size or (native, native)


@dataclass(frozen=True, kw_only=True)
class GenerateRequest(ClipRequest):
    """Complete a clip in memory."""

    setting: Any = None  # of the task, such as its number of given frames; None leaves the choice to `make_plan`

    def __post_init__(self) -> None:
        super().__post_init__()
        own = clip_tasks()[self.task]
        if own in ("given_frames", "mask") and self.setting is None:
            raise ValueError(f"the task {self.task} needs --{SETTINGS[own].name}: it says what is given")

    @property
    def mask(self) -> Path | None:
        """An image or a video, white = generate."""
        return self.setting if self.task == "spatial" else None

    def clip_length(self, config: VDTConfig) -> int:
        """Frames worth reading from the source: those asked for, or as many as the model makes at once."""
        return config.num_frames if self.frames is None else self.frames

    def task_settings(self) -> dict[str, Any]:
        """What the user set of the task, for `make_task`."""
        own = clip_tasks()[self.task]
        return {} if own is None or self.setting is None else {own: self.setting}


@dataclass(frozen=True, kw_only=True)
class OutpaintRequest(ClipRequest):
    """Make what lies around the picture of a clip."""

    sides: Sides
    task: str = "outpaint"


@dataclass(frozen=True, kw_only=True)
class VideoRequest(ClipRequest):
    """Add frames to a clip of any length."""

    second: Path | None = None
    before: int | None = None
    every: int | None = None

    def __post_init__(self) -> None:
        from ...bounds import MAX_FRAMES

        super().__post_init__()
        for name in ("before", "every"):
            value = getattr(self, name)
            if value is not None and value > MAX_FRAMES:
                raise ValueError(f"got --{name} {value}, expected at most {MAX_FRAMES:,}")
        if self.task == "slow_motion":
            if self.frames is not None:
                raise ValueError("--frames has no meaning for the task slow_motion: all frames of the clip are kept")
            return
        if self.task == "connect" and self.second is None:
            raise ValueError("the task connect needs --second: the clip to lead to")
        if not (self.frames or self.before):
            before = ", or --before N to add them in front" if self.task == "extend" else ""
            raise ValueError(f"the task {self.task} needs --frames N, how many frames to add{before}")

    def job(self, config: VDTConfig, *, downscale: int = 8) -> VideoJob:
        """The same for a model of that size."""
        from ...inference.video_jobs import VideoJob

        assert self.input is not None
        numbers = {"frames": self.frames, "before": self.before, "every": self.every}
        return VideoJob(
            task=self.task,
            input=self.input,
            second=self.second,
            size=self.clip_size(config, downscale=downscale),
            fps=self.fps,
            start=self.start,
            fit=self.fit,
            **{name: number for name, number in numbers.items() if number is not None},
        )


def make_request(options: argparse.Namespace) -> GenerateRequest | OutpaintRequest | VideoRequest:
    """The request of a command line; ValueError for one that makes no sense, or for files that are not there."""
    from ...inference.video_jobs import VIDEO_TASKS
    from ...masks.outpaint import Sides

    check_task_flags(options)
    task = options.task
    if options.input is None and task != "unconditional":
        raise ValueError(f"the task {task} needs --input: a video or an image to start from")
    shared = {name: getattr(options, name) for name in ("task", "input", "frames", "size", "fps", "start")}
    shared["fit"] = options.policy
    request: GenerateRequest | OutpaintRequest | VideoRequest
    if task in VIDEO_TASKS:
        request = VideoRequest(**shared, second=options.second, before=options.before, every=options.every)
    elif task == "outpaint":
        sides = Sides(**{side: getattr(options, side) or 0.0 for side in SIDES})
        request = OutpaintRequest(**shared, sides=sides)
    else:
        own = clip_tasks()[task]
        request = GenerateRequest(**shared, setting=getattr(options, own) if own else None)
    for path in (options.input, options.second, options.mask):
        if path is not None and not path.exists():
            raise ValueError(f"no such file: '{path}'")
    return request

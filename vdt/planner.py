"""The one place that decides how many frames, of which size and rate, a task makes, and which of them are given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import masks
from .config import VDTConfig
from .frames import FitPolicy

DEFAULT_FPS = 8.0  # of images and of clips made from nothing
DEFAULT_GIVEN = 8
DEFAULT_EVERY = 4
DEFAULT_SLOWDOWN = 2
PLACEHOLDER = 127  # grey: the content of a frame that is to be generated

# Which wish belongs to which task; any other is refused, never ignored.
_WISHES: dict[str, str | None] = {
    "predict": "given",
    "backward": "given",
    "interpolate": "every",
    "slow_motion": "every",
    "image_to_video": "frame",
    "frames": "known",
    "spatial": "mask",
    "unconditional": None,
}
TASKS: tuple[str, ...] = tuple(_WISHES)


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is known of an input clip: frames it has (as many as were read), their size in pixels, frames a second."""

    num_frames: int
    height: int
    width: int
    fps: float


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the user asked for; None leaves the choice to the planner."""

    task: str
    given: int | None = None  # predict, backward: number of given frames
    every: int | None = None  # interpolate: distance of given frames
    frame: int | None = None  # image_to_video: where the image stands
    known: str | None = None  # frames: list such as 0-3,8,-1
    mask: bool | None = None  # spatial: a pixel mask comes with the clip
    frames: int | None = None
    size: tuple[int, int] | None = None  # height, width
    fps: float | None = None
    policy: FitPolicy = "crop"

    def __post_init__(self) -> None:
        if self.task not in _WISHES:
            raise ValueError(f"unknown task {self.task!r}: expected one of {', '.join(TASKS)}")
        own = _WISHES[self.task]
        for name in filter(None, _WISHES.values()):
            if name != own and getattr(self, name) is not None:
                use = f"it takes --{own}" if own else "it takes none"
                raise ValueError(f"--{name} has no meaning for the task {self.task}: {use}")
        if own in ("known", "mask") and getattr(self, own) is None:
            raise ValueError(f"the task {self.task} needs --{own}: it says what is given")
        if self.task == "slow_motion" and self.frames is not None:
            raise ValueError("--frames has no meaning for the task slow_motion: all frames of the clip are kept")
        if self.size is not None and min(self.size) < 1:
            raise ValueError(f"got --size {self.size[0]}x{self.size[1]}, expected 1 or more on each side")
        if self.frames is not None and self.frames < 1:
            raise ValueError(f"got --frames {self.frames}, expected 1 or more")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ValueError(f"got --fps {self.fps}, expected more than 0 and at most 1000")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The decision: output frame `positions[i]` is source frame `sources[i]`; all other frames are generated."""

    task: str
    num_frames: int
    height: int
    width: int
    fps: float
    policy: FitPolicy
    positions: tuple[int, ...] = ()
    sources: tuple[int, ...] = ()

    def describe(self) -> str:
        """One line for people, such as "predict: 16 frames of 64x64 at 8 fps (crop), frames 0–7 given, …"."""
        what = "inside the mask generated" if self.task == "spatial" else masks.describe(self.frame_mask())
        size = f"{self.num_frames} frames of {self.width}x{self.height}"
        return f"{self.task}: {size} at {self.fps:g} fps ({self.policy}), {what}"

    def frame_mask(self, height: int = 1, width: int = 1) -> Tensor:
        """bool (T, height, width), True = generate: whole frames; the task spatial has its mask from pixels instead."""
        if not self.positions:
            return masks.unconditional(self.num_frames, height, width)
        return masks.frames(self.num_frames, height, width, given=self.positions)

    def place(self, frames: np.ndarray) -> np.ndarray:
        """Put source frames, uint8 (n, H, W, 3), where they belong in a grey clip: uint8 (T, H, W, 3)."""
        clip = np.full((self.num_frames, self.height, self.width, 3), PLACEHOLDER, np.uint8)
        if self.positions:
            clip[list(self.positions)] = frames[list(self.sources)]
        return clip


def clip_length(config: VDTConfig, wishes: Wishes) -> int:
    """Frames worth reading from the source: the wished length, or the model's own; all of them for slow motion."""
    if wishes.task == "slow_motion":
        return sys.maxsize
    return wishes.frames if wishes.frames is not None else config.num_frames


def clip_size(config: VDTConfig, wishes: Wishes, *, downscale: int = 8) -> tuple[int, int]:
    """Height and width in pixels: the wished size, or the model's own."""
    native = config.input_size * downscale
    return wishes.size or (native, native)


def fit_size(size: tuple[int, int], source: tuple[int, int]) -> tuple[int, int]:
    """Height and width, where a 0 follows from the other in the proportions of the source; both 0 are its own."""
    (height, width), (rows, columns) = size, source
    if height == width == 0:
        return source
    return height or max(1, round(width * rows / columns)), width or max(1, round(height * columns / rows))


def make_plan(config: VDTConfig, wishes: Wishes, source: Source | None, *, downscale: int = 8) -> Plan:
    """Decide length, size, rate and given frames; ValueError names what was got, what was expected and the fix."""
    if source is None and wishes.task != "unconditional":
        raise ValueError(f"the task {wishes.task} needs --input: a video or an image to start from")
    if source is not None and source.num_frames < 1:
        raise ValueError("the input has no frames: expected 1 or more")
    available = source.num_frames if source is not None else 0
    placement = _PLACE[wishes.task](wishes, available, clip_length(config, wishes))
    height, width = clip_size(config, wishes, downscale=downscale)
    rate = wishes.fps or (source.fps if source is not None and source.fps > 0 else DEFAULT_FPS)
    return Plan(
        task=wishes.task,
        num_frames=placement.num_frames,
        height=height,
        width=width,
        fps=rate * placement.speed,
        policy=wishes.policy,
        positions=placement.positions,
        sources=placement.sources,
    )


def plan_clip(
    source: Source, *, length: int, size: tuple[int, int], policy: FitPolicy = "crop", fps: float = 0.0
) -> Plan:
    """A clip of `length` frames from whatever the source has: its first frames, then grey ones up to the length.

    fps 0 keeps the source's own rate, or DEFAULT_FPS where it has none.
    """
    if min(length, source.num_frames, *size) < 1:
        raise ValueError(
            f"got a length of {length}, a size of {size[0]}x{size[1]} and a clip of {source.num_frames} frames, "
            f"expected 1 or more of each"
        )
    positions = tuple(range(min(source.num_frames, length)))
    rate = fps or (source.fps if source.fps > 0 else DEFAULT_FPS)
    return Plan(
        task="clip",
        num_frames=length,
        height=size[0],
        width=size[1],
        fps=rate,
        policy=policy,
        positions=positions,
        sources=positions,
    )


def describe_clip(plan: Plan, source: Source) -> str:
    """One line for people about a plan of `plan_clip`."""
    here, size = len(plan.positions), f"{plan.num_frames} frames of {plan.width}x{plan.height}"
    empty = plan.num_frames - here
    rest = f", then {empty} empty ones to generate" if empty else ""
    fit = "" if (source.height, source.width) == (plan.height, plan.width) else f" ({plan.policy})"
    return f"{size} at {plan.fps:g} fps: {here} from a clip of {source.width}x{source.height}{fit}{rest}"


def pick_frames(count: int, rate: float, *, length: int, fps: float = 0.0, start: float = 0.0) -> list[int]:
    """Which of `count` frames at `rate` a clip of at most `length` frames takes from `start` seconds on.

    fps 0 takes one after the other; any other rate the nearest frame at each of its ticks. ValueError beyond the end.
    """
    if not 0 <= start * rate < count:
        raise ValueError(f"start {start:g} s lies outside a clip of {count / rate:g} s: use less")
    step = rate / fps if fps > 0 else 1.0
    ticks = (round(start * rate + index * step) for index in range(length))
    return [tick for tick in ticks if tick < count] or [count - 1]


def check_given(frames: np.ndarray, mask: Tensor) -> None:
    """Refuse a mask, bool (T, H, W), that gives pixels of frames (T, H, W, 3) which hold only the placeholder grey."""
    given = (~mask).flatten(1).any(1).nonzero().flatten().tolist()
    empty = [index for index in given if bool((frames[index] == PLACEHOLDER).all())]
    if empty:
        raise ValueError(
            f"frame {empty[0]} is given by the mask but holds no picture ({len(empty)} such frames of {len(frames)}): "
            f"give fewer frames, use a longer clip, or set the clip elsewhere with keyframes"
        )


@dataclass(frozen=True)
class _Placement:
    num_frames: int
    positions: tuple[int, ...]
    sources: tuple[int, ...]
    speed: int = 1


def _predict(wishes: Wishes, available: int, length: int) -> _Placement:
    given = _given_count(wishes, available, length)
    positions = _given(masks.predict(length, 1, 1, given=given))
    return _Placement(length, positions, positions)


def _backward(wishes: Wishes, available: int, length: int) -> _Placement:
    given = _given_count(wishes, available, length)
    positions = _given(masks.backward(length, 1, 1, given=given))
    offset = length - min(available, length)  # the clip is the end of the output
    return _Placement(length, positions, tuple(index - offset for index in positions))


def _interpolate(wishes: Wishes, available: int, length: int) -> _Placement:
    every = DEFAULT_EVERY if wishes.every is None else wishes.every
    if available >= length:
        positions = _given(masks.interpolate(length, 1, 1, every=every))
        return _Placement(length, positions, positions)
    spread = (available - 1) * every + 1
    if available < 2 or wishes.frames not in (None, spread):
        fix = f"use --frames {spread} to spread them" if available > 1 else "give 2 frames or more"
        raise ValueError(
            f"interpolate to {length} frames got a clip of {available}: {fix}, or a clip of {length} frames"
        )
    positions = _given(masks.interpolate(spread, 1, 1, every=every))
    return _Placement(spread, positions, tuple(range(available)), speed=every)


def _slow_motion(wishes: Wishes, available: int, length: int) -> _Placement:
    every = DEFAULT_SLOWDOWN if wishes.every is None else wishes.every
    if available < 2:
        raise ValueError("slow_motion got a clip of 1 frame: expected 2 or more, to make the frames between them")
    spread = (available - 1) * every + 1
    return _Placement(spread, _given(masks.interpolate(spread, 1, 1, every=every)), tuple(range(available)))


def _image_to_video(wishes: Wishes, available: int, length: int) -> _Placement:
    mask = masks.image_to_video(length, 1, 1, frame=0 if wishes.frame is None else wishes.frame)
    return _Placement(length, _given(mask), (0,))


def _frames(wishes: Wishes, available: int, length: int) -> _Placement:
    assert wishes.known is not None
    positions = _given(masks.frames(length, 1, 1, given=wishes.known))
    if available > positions[-1]:
        return _Placement(length, positions, positions)
    if available == len(positions):
        return _Placement(length, positions, tuple(range(available)))
    raise ValueError(
        f"--known {wishes.known} asks for frame {positions[-1]}, the clip has {available} frames: "
        f"give {positions[-1] + 1} or more, or exactly the {len(positions)} known ones in order"
    )


def _spatial(wishes: Wishes, available: int, length: int) -> _Placement:
    if wishes.frames is not None and available < wishes.frames:
        raise ValueError(
            f"--frames {wishes.frames} got a clip of {available} frames: use --frames {available} or fewer"
        )
    everything = tuple(range(min(available, length)))
    return _Placement(len(everything), everything, everything)


def _unconditional(wishes: Wishes, available: int, length: int) -> _Placement:
    return _Placement(length, (), ())


_PLACE: dict[str, Callable[[Wishes, int, int], _Placement]] = {
    "predict": _predict,
    "backward": _backward,
    "interpolate": _interpolate,
    "slow_motion": _slow_motion,
    "image_to_video": _image_to_video,
    "frames": _frames,
    "spatial": _spatial,
    "unconditional": _unconditional,
}


def _given(mask: Tensor) -> tuple[int, ...]:
    return tuple(torch.nonzero(~mask[:, 0, 0]).flatten().tolist())


def _given_count(wishes: Wishes, available: int, length: int) -> int:
    if wishes.given is None:
        return min(DEFAULT_GIVEN, available, max(length - 1, 1))
    if available < wishes.given < length:
        raise ValueError(
            f"--given {wishes.given} needs a clip of {wishes.given} frames, got {available}: "
            f"use --given {available} or a longer clip"
        )
    return wishes.given  # the mask refuses less than 1 and all of the clip

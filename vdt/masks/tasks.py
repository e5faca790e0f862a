"""The tasks of masked modelling, each with its one setting: which frames of a clip are generated.

This table is read by the command line, nodes, evaluation and training; the parity test reads it for the editor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from ..bounds import MAX_FRAMES, shown, whole
from .blocks import generator_of, pick
from .frame_lists import parse_frames, resolve_frame

# Frame masks are bool (T,), True = generate.


class Task(Protocol):
    """Which whole frames of a clip are generated."""

    name: ClassVar[str]
    setting: ClassVar[str | None]  # the field that is a choice of the user's

    def frame_mask(self, num_frames: int) -> Tensor:
        """bool (T,), True = generate; ValueError where the clip is too short for the setting."""
        ...


@dataclass(frozen=True, kw_only=True)
class Predict:
    """Generate what follows the first `given` frames."""

    name: ClassVar[str] = "predict"
    setting: ClassVar[str | None] = "given"
    given: int = 8

    def frame_mask(self, num_frames: int) -> Tensor:
        """See `Task.frame_mask`."""
        _check_given(self.given, num_frames)
        return _all_but(range(self.given), num_frames)


@dataclass(frozen=True, kw_only=True)
class Backward:
    """Generate what came before the last `given` frames."""

    name: ClassVar[str] = "backward"
    setting: ClassVar[str | None] = "given"
    given: int = 8

    def frame_mask(self, num_frames: int) -> Tensor:
        """See `Task.frame_mask`."""
        _check_given(self.given, num_frames)
        return _all_but(range(num_frames - self.given, num_frames), num_frames)


@dataclass(frozen=True, kw_only=True)
class Interpolate:
    """Generate between frames 0, every, 2 * every, …, and the last one, so that no tail has to be extrapolated."""

    name: ClassVar[str] = "interpolate"
    setting: ClassVar[str | None] = "every"
    every: int = 4
    last_given: bool = True

    def frame_mask(self, num_frames: int) -> Tensor:
        """See `Task.frame_mask`."""
        if self.every < 2:
            raise ValueError(f"interpolate got every={self.every}: expected 2 or more, so that frames are left between")
        last = [num_frames - 1] if self.last_given else []
        return _all_but([*range(0, num_frames, self.every), *last], num_frames)


@dataclass(frozen=True, kw_only=True)
class ImageToVideo:
    """Generate all but one frame, counted from the end when negative."""

    name: ClassVar[str] = "image_to_video"
    setting: ClassVar[str | None] = "frame"
    frame: int = 0

    def frame_mask(self, num_frames: int) -> Tensor:
        """See `Task.frame_mask`."""
        return _all_but([self.frame], num_frames)


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Generate all frames that are not listed, such as "0-3,8,-1" or (0, 8, -1)."""

    name: ClassVar[str] = "frames"
    setting: ClassVar[str | None] = "given_frames"
    given_frames: str | Sequence[int] = "0-3,-1"

    def frame_mask(self, num_frames: int) -> Tensor:
        """See `Task.frame_mask`."""
        listed = self.given_frames
        indices = parse_frames(listed, num_frames) if isinstance(listed, str) else list(listed)
        if not indices:
            raise ValueError("frames got an empty list of given frames: list some, such as 0-3,8,-1")
        return _all_but(indices, num_frames)


@dataclass(frozen=True, kw_only=True)
class Spatial:
    """Generate a part of every frame: a painted mask says which, or random blocks do (`task_mask`)."""

    name: ClassVar[str] = "spatial"
    setting: ClassVar[str | None] = "mask"

    def frame_mask(self, num_frames: int) -> Tensor:
        """See `Task.frame_mask`."""
        return torch.ones(_checked(num_frames), dtype=torch.bool)


@dataclass(frozen=True, kw_only=True)
class RandomFrames:
    """Generate each frame with a probability, but at least one, and give at least one."""

    name: ClassVar[str] = "random"
    setting: ClassVar[str | None] = "seed"
    seed: int = 0
    probability: float = 0.8

    def frame_mask(self, num_frames: int) -> Tensor:
        """See `Task.frame_mask`."""
        return random_frames(num_frames, self.probability, generator_of(self.seed))


@dataclass(frozen=True, kw_only=True)
class Unconditional:
    """Generate everything."""

    name: ClassVar[str] = "unconditional"
    setting: ClassVar[str | None] = None

    def frame_mask(self, num_frames: int) -> Tensor:
        """See `Task.frame_mask`."""
        return torch.ones(_checked(num_frames), dtype=torch.bool)


# In the order in which menus offer them.
TASKS: Mapping[str, type[Task]] = {
    task.name: task
    for task in (Predict, Backward, Interpolate, ImageToVideo, Frames, Spatial, RandomFrames, Unconditional)
}


def make_task(name: str, **settings: Any) -> Task:
    """The task of that name with those of the settings that are its own; ValueError for an unknown name."""
    if not isinstance(name, str) or name not in TASKS:
        raise ValueError(f"unknown task {shown(name)}: expected one of {', '.join(TASKS)}")
    own = {field.name for field in fields(TASKS[name])}  # type: ignore[arg-type]
    return TASKS[name](**{key: value for key, value in settings.items() if key in own})


def random_frames(num_frames: int, probability: float, generator: torch.Generator) -> Tensor:
    """bool (T,): each frame generated with a probability; at least one is generated, and at least one given."""
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"random frames got probability={probability}: expected 0 to 1")
    if num_frames < 2:
        raise ValueError("random frames need 2 frames or more, got 1: one is given and one generated at least")
    generated = torch.rand(num_frames, generator=generator) < probability
    if generated.all() or not generated.any():
        generated[pick(0, num_frames - 1, generator)] ^= True
    return generated


def over_cells(frame_mask: Tensor, height: int, width: int) -> Tensor:
    """A frame mask (T,) as bool (T, height, width), of cells or pixels."""
    return frame_mask[:, None, None].repeat(1, height, width)


def _all_but(given: Iterable[int], num_frames: int) -> Tensor:
    generated = torch.ones(_checked(num_frames), dtype=torch.bool)
    generated[[resolve_frame(index, num_frames) for index in given]] = False
    if not generated.any():
        raise ValueError(
            f"given {num_frames} of {num_frames} frames: nothing left to generate; give fewer frames or use a longer "
            f"clip"
        )
    return generated


def _checked(num_frames: int) -> int:
    if num_frames < 1:
        raise ValueError(f"a mask needs at least 1 frame, got {num_frames}")
    return whole("the number of frames of a mask", num_frames, 1, MAX_FRAMES)


def _check_given(given: int, num_frames: int) -> None:
    if given < 1:
        raise ValueError(f"given {given} frames: expected 1 to {num_frames - 1}; to give none, use unconditional")
    if given >= num_frames:
        fix = f"use 1 to {num_frames - 1}" if num_frames > 1 else "use a clip of 2 frames or more"
        raise ValueError(f"given {given} of {num_frames} frames: nothing left to generate; {fix}")

"""How a clip of the graph is laid out: its length, size, rate, and which frames come from the source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..bounds import LEAST_RATE, MAX_RATE, real
from ..media.frames import DEFAULT_FPS, PLACEHOLDER, FitMode, is_placeholder
from .frame_lists import describe_mask
from .tasks import Frames, over_cells


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is known of an input clip: frames it has (as many as were read), their size in pixels, frames a second."""

    num_frames: int
    height: int
    width: int
    fps: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The decision: output frame `positions[i]` is source frame `sources[i]`; all other frames are generated."""

    task: str
    num_frames: int
    height: int
    width: int
    fps: float
    fit: FitMode
    positions: tuple[int, ...] = ()
    sources: tuple[int, ...] = ()

    def describe(self) -> str:
        """One line for people, such as "predict: 16 frames of 64x64 at 8 fps (crop), frames 0–7 given, …"."""
        what = "inside the mask generated" if self.task == "spatial" else describe_mask(self.frame_mask())
        size = f"{self.num_frames} frames of {self.width}x{self.height}"
        return f"{self.task}: {size} at {self.fps:g} fps ({self.fit}), {what}"

    def frame_mask(self, height: int = 1, width: int = 1) -> Tensor:
        """bool (T, height, width), True = generate: whole frames; the task spatial has its mask from pixels instead."""
        if not self.positions:
            return torch.ones(self.num_frames, height, width, dtype=torch.bool)
        return over_cells(Frames(given_frames=self.positions).frame_mask(self.num_frames), height, width)

    def mask(self, painted: Tensor | None = None) -> Tensor:
        """bool (T, H, W), True = generate: frames the source lacks, and what is painted on its own, bool (n, H, W).

        The last painted frame serves all that follow, so that one serves them all.
        """
        generated = torch.ones(self.num_frames, self.height, self.width, dtype=torch.bool)
        if self.positions:
            places = list(self.positions)
            generated[places] = False if painted is None else painted[[min(i, len(painted) - 1) for i in self.sources]]
        return generated

    def place(self, frames: np.ndarray) -> np.ndarray:
        """Put source frames, uint8 (n, H, W, 3), where they belong in a grey clip: uint8 (T, H, W, 3)."""
        clip = np.full((self.num_frames, self.height, self.width, 3), PLACEHOLDER, np.uint8)
        if self.positions:
            clip[list(self.positions)] = frames[list(self.sources)]
        return clip


def fit_size(size: tuple[int, int], source: tuple[int, int]) -> tuple[int, int]:
    """Height and width, where a 0 follows from the other in the proportions of the source; both 0 are its own."""
    (height, width), (rows, columns) = size, source
    if height == width == 0:
        return source
    return height or max(1, round(width * rows / columns)), width or max(1, round(height * columns / rows))


def plan_clip(source: Source, *, length: int, size: tuple[int, int], fit: FitMode = "crop", fps: float = 0.0) -> Plan:
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
        fit=fit,
        positions=positions,
        sources=positions,
    )


def describe_clip(plan: Plan, source: Source) -> str:
    """One line for people about a plan of `plan_clip`."""
    here, size = len(plan.positions), f"{plan.num_frames} frames of {plan.width}x{plan.height}"
    empty = plan.num_frames - here
    rest = f", then {empty} empty ones to generate" if empty else ""
    fit = "" if (source.height, source.width) == (plan.height, plan.width) else f" ({plan.fit})"
    return f"{size} at {plan.fps:g} fps: {here} from a clip of {source.width}x{source.height}{fit}{rest}"


def pick_frames(count: int, rate: float, *, length: int, fps: float = 0.0, start: float = 0.0) -> list[int]:
    """Which of `count` frames at `rate` a clip of at most `length` frames takes from `start` seconds on.

    fps 0 takes one after the other; any other rate the nearest frame at each of its ticks. ValueError beyond the end,
    and for a rate that no clip has.
    """
    if fps:
        real("fps", fps, LEAST_RATE, MAX_RATE)
    if not 0 <= start * rate < count:
        raise ValueError(f"start {start:g} s lies outside a clip of {count / rate:g} s: use less")
    step = rate / fps if fps > 0 else 1.0
    ticks = (round(start * rate + index * step) for index in range(length))
    return [tick for tick in ticks if tick < count] or [count - 1]


def check_given(frames: np.ndarray, mask: Tensor) -> None:
    """Refuse a mask, bool (T, H, W), that gives pixels of frames (T, H, W, 3) which hold only the placeholder grey."""
    given = (~mask).flatten(1).any(1).nonzero().flatten().tolist()
    empty = [index for index in given if is_placeholder(frames[index])]
    if empty:
        raise ValueError(
            f"frame {empty[0]} is given by the mask but holds no picture ({len(empty)} such frames of {len(frames)}): "
            f"give fewer frames, use a longer clip, or set the clip elsewhere with keyframes"
        )

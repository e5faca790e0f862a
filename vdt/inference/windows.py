"""Clips longer than the model sees at once, as a list of windows: which frames each sees, and which it generates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .settings import WindowConfig


@dataclass(frozen=True)
class Window:
    """Frames that the model sees at once, in rising order; `makes` of them are generated, the others are known by then.

    Frames below 0 or beyond the end of the clip are generated and dropped, so that a clip that is made longer begins
    as the shorter one did.
    """

    frames: tuple[int, ...]
    makes: tuple[int, ...]

    def cells(self, clip: Tensor) -> Tensor:
        """What it generates of cells (T, h, w), bool (n, h, w): nothing of known frames, all outside the clip."""

        def of(frame: int) -> Tensor:
            if frame not in self.makes:
                return torch.zeros_like(clip[0])
            return clip[frame] if 0 <= frame < len(clip) else torch.ones_like(clip[0])

        return torch.stack([of(frame) for frame in self.frames])

    def sees_a_frame(self, clip: Tensor) -> bool:
        """Whether it knows as many cells as a frame has, of cells (T, h, w): True = generate."""
        return len(self.makes) < len(self.frames) or int((~self.cells(clip)).sum()) >= clip[0].numel()

    def latents(self, raw: Tensor, made: Mapping[int, Tensor]) -> Tensor:
        """What it sees (B, n, C, h, w): frames that are made by now, else those of raw (B, T, C, h, w)."""
        return torch.stack([made[f] if f in made else raw_frame(raw, f) for f in self.frames], dim=1)


def raw_frame(raw: Tensor, frame: int) -> Tensor:
    """One frame of clips (B, T, C, h, w), float32 (B, C, h, w); 0 outside of them."""
    inside = 0 <= frame < raw.shape[1]
    return raw[:, frame].float() if inside else torch.zeros_like(raw[:, 0], dtype=torch.float32)


def plan_windows(cells: Tensor, windows: WindowConfig, *, pad_short_clips: bool = False) -> list[Window]:
    """Windows that together generate every frame of a mask, each frame once.

    A gap between given frames that is too long for one window is first filled coarsely, by every n-th frame, so that
    both its ends are seen at once. Then windows go from the first given frame to the end, each seeing `overlap` frames
    that are known by then, and from there back to the beginning.

    Args:
        cells: bool (T, h, w), True = generate; a frame of which a part is given counts as given in a gap's ends.
        windows: resolved, see `WindowConfig.resolve`; a clip that is not longer than a window is one window.
        pad_short_clips: make windows of full length of such a short clip too, so that it begins as a long one would.
    """
    flat = cells.flatten(1)
    plan = _Plan(
        done=(~flat).all(1).tolist(), given=(~flat).any(1).tolist(), size=windows.frames, overlap=windows.overlap
    )
    return plan.windows(pad_short_clips)


class _Plan:
    """A clip being planned: `done` frames are known whole, `given` ones in part at least."""

    def __init__(self, *, done: Sequence[bool], given: Sequence[bool], size: int, overlap: int) -> None:
        self.length, self.size, self.overlap = len(done), size, overlap
        self.done = {frame for frame, whole in enumerate(done) if whole}
        self.given = {frame for frame, some in enumerate(given) if some}
        self.last = max(self.given, default=-1)
        self.ends = sorted(self.done | self.given)  # known frames, in order, while gaps are filled coarsely
        self.checked = 0  # of these, from the first on: no gap is too long up to there
        self.made: list[Window] = []

    def windows(self, pad_short_clips: bool) -> list[Window]:
        if self.length <= self.size and not pad_short_clips:
            self._add(range(self.length))
            return self.made
        while (gap := self._long_gap()) is not None:
            self._fill_coarsely(*gap)
        self._sweep()
        self._sweep_back()
        return self.made

    def _add(self, frames: Sequence[int]) -> None:
        makes = tuple(frame for frame in frames if frame not in self.done)
        if makes:
            self.made.append(Window(tuple(frames), makes))
            self.done.update(makes)

    def _long_gap(self) -> tuple[int, int] | None:
        """The first two neighbouring known frames with too much between them for one window."""
        sides = 2 * max(1, self.size // 8)  # known frames around a gap in one window, both ends among them
        longest = self.size - sides + 1  # from end to end
        while self.checked < len(self.ends) - 1:
            first, last = self.ends[self.checked : self.checked + 2]
            if last - first > longest:
                return first, last
            self.checked += 1
        return None

    def _fill_coarsely(self, first: int, last: int) -> None:
        """Frames at even distances between two known ones; what room is left shows known frames on both sides."""
        stride = max(2, -(-(last - first) // (self.size - 1)))
        count = -(-(last - first) // stride) + 1
        between = [first + round(step * (last - first) / (count - 1)) for step in range(count)]
        around: list[int] = []
        for distance in range(stride, stride * (self.size - count) + 1, stride):
            around += [frame for frame in (first - distance, last + distance) if frame in self.done]
        self._add(sorted({*between, *around[: self.size - count]}))
        place = self.checked + 1
        self.ends[place:place] = sorted(set(between) - {first, last})

    def _sweep(self) -> None:
        """From the first known frame on."""
        start = min(self.done | self.given, default=0)
        for position in range(start, self.length):
            if position not in self.done:
                first = max(start, position - self._seen_before(position))
                self._add(range(first, self._uncut(first + self.size)))

    def _seen_before(self, position: int) -> int:
        """How many known frames a window shows before a position: fewer where it would not see the end of a gap."""
        reach = range(position, position + self.size)
        end = next((frame for frame in reach if frame in self.done or frame in self.given), None)
        if end is None or end < position - self.overlap + self.size:
            return self.overlap
        return (self.size - (end - position)) // 2

    def _uncut(self, stop: int) -> int:
        """The end of a window, earlier if it would cut a gap whose other end it does not see."""
        if stop > self.last:
            return stop
        return next(frame for frame in range(stop - 1, -1, -1) if frame in self.done or frame in self.given) + 1

    def _sweep_back(self) -> None:
        """From the first known frame back to the beginning."""
        for position in range(min(self.done) - 1, -1, -1):
            if position not in self.done:
                stop = position + 1 + self.overlap
                self._add(range(stop - self.size, stop))

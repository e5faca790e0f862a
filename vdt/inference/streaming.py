"""Videos of any length, frame by frame: given frames pass through, new ones are decoded as they are finished."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..bounds import MAX_FRAMES, whole
from ..masks.keyframes import LOOP_LEAD, loop_start
from .compositing import Compositor
from .prompt import resolve_text
from .rollout import generate_latents, roll_out, window_seed
from .settings import GenerationConfig, WindowConfig
from .static_background import ReferenceFrame
from .windows import plan_windows

if TYPE_CHECKING:
    from .pipeline import Pipeline

# Masks here say of whole frames whether they are generated; cells (T, 1, 1) are enough to plan with.


def extend_frames(
    pipeline: Pipeline,
    frames: Iterable[np.ndarray],
    *,
    after: int = 0,
    before: int = 0,
    config: GenerationConfig | None = None,
) -> Iterator[np.ndarray]:
    """`before` new frames, those there are, bit for bit, and `after` new ones: uint8 (H, W, 3) one at a time.

    Memory does not grow with the clip; only `before` frames have to be kept until they are all made, as latents.

    Args:
        pipeline: model and VAE.
        frames: uint8 (H, W, 3) of a size that the model takes.
        after, before: how many frames to add.
        config: None is the measured defaults.

    Raises:
        ValueError: no frames, or see `roll_out`.
    """
    stream = _Stream(pipeline, config)
    source = iter(frames)
    head = list(islice(source, stream.windows.overlap))
    if before and head:
        yield from stream.between([], head, before)
    tail = stream.tail()
    yield from _remembered(chain(head, source), tail)
    if after:
        yield from stream.between(list(tail), [], after)


def connect_frames(
    pipeline: Pipeline,
    first: Iterable[np.ndarray],
    second: Iterable[np.ndarray],
    *,
    between: int,
    config: GenerationConfig | None = None,
) -> Iterator[np.ndarray]:
    """Two clips of one size, bit for bit, with `between` new frames that lead from one to the other.

    Settings and errors are those of `extend_frames`.
    """
    stream = _Stream(pipeline, config)
    tail = stream.tail()
    yield from _remembered(first, tail)
    source = iter(second)
    head = list(islice(source, stream.windows.overlap))
    if not head:
        raise ValueError("there are no frames to lead to")
    yield from stream.between(list(tail), head, between)
    yield from chain(head, source)


def loop_frames(
    pipeline: Pipeline, frames: Iterable[np.ndarray], *, between: int, config: GenerationConfig | None = None
) -> Iterator[np.ndarray]:
    """A seamless loop: the clip, bit for bit, with `between` new frames from its end back to its beginning.

    The loop starts some frames into the clip, see `loop_start`, and ends with those, so that the way back lies inside
    of it and its last frame is followed by its first one as they were in the clip.

    Settings and errors are those of `extend_frames`.
    """
    stream = _Stream(pipeline, config)
    source = iter(frames)
    start = list(islice(source, 2 * LOOP_LEAD))
    lead = loop_start(len(start))
    tail = stream.tail()
    yield from _remembered(chain(start[lead:], source), tail)
    yield from stream.between(list(tail), start[:lead][: stream.windows.overlap], between)
    yield from start[:lead]


def slow_frames(
    pipeline: Pipeline, frames: Iterable[np.ndarray], *, every: int, config: GenerationConfig | None = None
) -> Iterator[np.ndarray]:
    """A clip, bit for bit, with every - 1 new frames between each two: (n - 1) every + 1 frames, one at a time.

    It is made a group at a time, each of as many given frames as fit into one window after `overlap` known ones, so
    that motion goes on from group to group. Where `every` is too large for one window, a group takes several.

    Settings are those of `extend_frames`. ValueError for fewer than 2 frames,
    an `every` below 2, or see `roll_out`.
    """
    if every < 2:
        raise ValueError(f"slow motion got every={every}: expected 2 or more, so that there are frames to make")
    whole("every", every, 2, MAX_FRAMES)
    return _Stream(pipeline, config).slowed(iter(frames), every)


def count_windows(before: int, count: int, after: int, windows: WindowConfig) -> int:
    """How many windows, resolved, `count` new frames take between or next to known ones."""
    return len(plan_windows(_gap(before, count, after, 1, 1), windows, pad_short_clips=not (before and after)))


def count_slow_windows(frames: int, *, every: int, windows: WindowConfig) -> int:
    """How many windows, resolved, the slow motion of so many frames takes."""
    made, count, left = 1, 0, frames - 1
    while left > 0:
        taken = min(left, _fitting(made, every, windows))
        seen = min(made, _seen(taken, every, windows))
        count += _windows_of_group(seen, taken, every, windows)
        made, left = made + taken * every, left - taken
    return count


class _Stream:
    """A pipeline with resolved settings, for one stream."""

    def __init__(self, pipeline: Pipeline, config: GenerationConfig | None) -> None:
        config = config or GenerationConfig()
        self.model, self.codec = pipeline.model, pipeline.codec
        self.config = config
        self.windows = config.windows.resolve(pipeline.model.config)
        self.compositor = Compositor(pipeline.codec, config.compositing)
        self.text = resolve_text(pipeline.model.config, config.text)

    def tail(self) -> deque[np.ndarray]:
        """Room for the last frames that a window sees."""
        return deque(maxlen=self.windows.overlap)

    def between(self, left: Sequence[np.ndarray], right: Sequence[np.ndarray], count: int) -> Iterator[np.ndarray]:
        """`count` new frames between known ones, of which one side may be empty."""
        whole("the number of new frames", count, 0, MAX_FRAMES)
        shown = np.stack([*left, *right])
        known = self.codec.encode(shown)
        missing = known.new_zeros(count, *known.shape[1:])
        raw = torch.cat([known[: len(left)], missing, known[len(left) :]]) if right else known
        pieces = roll_out(
            self.model,
            raw[None],
            _gap(len(left), count, len(right), *known.shape[-2:]),
            seeds=[self.config.seed],
            sampling=self.config.sampling,
            windows=self.windows,
            pad_short_clips=not (left and right),
            text=self.text,
        )
        latents = (latent for piece in pieces for latent in piece[0])
        ends = [len(left) - 1] * bool(left) + [len(left)] * bool(right)  # known frames next to the new ones
        places = [-1] * bool(left) + [count] * bool(right)
        references = self.compositor.references(known, shown, ends, shown_at=places)
        new = islice(latents, len(left), len(left) + count)
        return self.compositor.new_frames(new, shown.shape[1:3], references)

    def slowed(self, source: Iterator[np.ndarray], every: int) -> Iterator[np.ndarray]:
        """Frames with every - 1 new ones between each two, group by group."""
        start = list(islice(source, 2))
        if len(start) < 2:
            raise ValueError(
                f"slow motion got a clip of {len(start)} frame{'' if start else 's'}: expected 2 or more, to make the "
                f"frames between them"
            )
        yield start[0]
        source = chain(start[1:], source)
        known = self.codec.encode(start[0][None])  # raw latents of the last frames so far, new and given
        last = self.compositor.references(known, start[0][None], [0], shown_at=[-1])
        windows = 0
        while taken := list(islice(source, _fitting(len(known), every, self.windows))):
            seen = known[-_seen(len(taken), every, self.windows) :]
            given = self.codec.encode(np.stack(taken))
            made = self._group(torch.cat([seen, _spread(given, every)]), len(seen), len(taken), every, windows)
            windows += _windows_of_group(len(seen), len(taken), every, self.windows)
            known = torch.cat([known, made])[-_seen(1, every, self.windows) :]
            ends = self.compositor.references(
                given, np.stack(taken), range(len(taken)), shown_at=[every - 1] * len(taken)
            )
            yield from self._interleaved(taken, made, every, last, ends)
            last = [replace(end, index=-1) for end in ends[-1:]]

    def _group(self, raw: Tensor, seen: int, taken: int, every: int, windows: int) -> Tensor:
        """Raw latents (taken every, C, h, w) of one group, generated after `seen` known ones."""
        mask = _group_mask(seen, taken, every).expand(-1, *raw.shape[-2:])
        made = generate_latents(
            self.model,
            raw[None],
            mask,
            seeds=[window_seed(self.config.seed, windows)],
            sampling=self.config.sampling,
            windows=self.windows,
            text=self.text,
        )
        return made[0, seen:]

    def _interleaved(
        self,
        taken: Sequence[np.ndarray],
        made: Tensor,
        every: int,
        last: Sequence[ReferenceFrame],
        ends: Sequence[ReferenceFrame],
    ) -> Iterator[np.ndarray]:
        """The frames of a group: each given one after the new ones that lead to it."""
        for index, frame in enumerate(taken):
            new = made[index * every : (index + 1) * every - 1]
            references = [*last, *ends[index : index + 1]]
            yield from self.compositor.new_frames(new, frame.shape[:2], references)
            yield frame
            last = [replace(end, index=-1) for end in ends[index : index + 1]]


def _gap(before: int, count: int, after: int, height: int, width: int) -> Tensor:
    """bool (before + count + after, height, width), True in between."""
    mask = torch.zeros(before + count + after, height, width, dtype=torch.bool)
    mask[before : before + count] = True
    return mask


def _fitting(known: int, every: int, windows: WindowConfig) -> int:
    """How many given frames, each with the new ones before it, fit into a window after the known ones it must see."""
    return max(1, (windows.frames - min(known, windows.overlap)) // every)


def _seen(taken: int, every: int, windows: WindowConfig) -> int:
    """How many known frames a group sees: what room it leaves, so that windows are as long as in training."""
    return max(windows.overlap, windows.frames - taken * every)


def _spread(given: Tensor, every: int) -> Tensor:
    """Latents (n every, C, h, w): each of n given ones after every - 1 empty ones."""
    spread = given.new_zeros(len(given) * every, *given.shape[1:])
    spread[every - 1 :: every] = given
    return spread


def _group_mask(seen: int, taken: int, every: int) -> Tensor:
    """bool (seen + taken every, 1, 1), True = generate."""
    frames = torch.arange(1 - seen, taken * every + 1)
    return ((frames > 0) & (frames % every != 0))[:, None, None]


@lru_cache(maxsize=64)
def _windows_of_group(seen: int, taken: int, every: int, windows: WindowConfig) -> int:
    return len(plan_windows(_group_mask(seen, taken, every), windows))


def _remembered(frames: Iterable[np.ndarray], last: deque[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames, of which `last` keeps as many as it holds."""
    for frame in frames:
        last.append(frame)
        yield frame
    if not last:
        raise ValueError("there are no frames to go on from")

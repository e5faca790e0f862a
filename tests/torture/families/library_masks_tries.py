"""What is tried with the masks of `library_masks`, and what must hold of each result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from vdt import masks
from vdt.bounds import MAX_FRAMES
from vdt.masks.blocks import spatial_block
from vdt.masks.control import make_control
from vdt.masks.fitting import cell_support, fit_painted, fit_soft, take_frames
from vdt.masks.frame_lists import describe_mask
from vdt.masks.grids import TARGETS
from vdt.masks.keyframes import Keyframe, connect_clips, place_keyframes, spread_frames
from vdt.masks.outpaint import Sides, outpaint
from vdt.masks.pixel import ClipMask, combine, task_mask, to_cells, to_pixels
from vdt.masks.sampling import sample_task_masks
from vdt.masks.tasks import make_task

from ..outcomes import check


def noise(shape: Any, seed: int = 0) -> torch.Tensor:
    return torch.rand(tuple(shape), generator=torch.Generator().manual_seed(seed))


def pictures(count: int, height: int = 8, width: int = 12) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def try_task(name: Any, settings: dict[str, Any], length: int) -> None:
    length = min(length, MAX_FRAMES + 1)
    mask = make_task(name, **settings).frame_mask(length)
    check(tuple(mask.shape) == (length,) and mask.dtype == torch.bool, "a mask of the length of the clip")
    check(bool(mask.any()), "something is generated")
    if length < 1000:
        check(bool(describe_mask(mask[:, None, None])), "a mask is described")


def try_painted(name: Any, settings: dict[str, Any], size: Any, shape: Any, seed: int) -> None:
    painted = None if shape is None else noise(shape) > 0.5
    mask = task_mask(make_task(name, **settings), size, painted=painted, seed=abs(seed) % 2**63)
    check(tuple(mask.shape) == size, "a mask of the size of the clip")
    if painted is not None:
        check(not (mask & ~painted).any(), "nothing is generated outside of what is painted")


def try_fit(shape: Any, size: Any, mode: Any, level: float) -> None:
    mask = noise(shape) * level
    check(tuple(fit_soft(mask, size, mode).shape[1:]) == size, "a fitted mask has the size")
    check(fit_painted(mask, size, mode).dtype == torch.bool, "a fitted mask is black and white")


def try_cells(shape: Any, size: Any, downscale: int) -> None:
    if len(shape) == 1:  # mostly a mask that belongs to the size
        shape = (shape[0] + 1, *size)
    mask = noise(shape) > 0.5
    both = ClipMask.of(mask, size, downscale=downscale)
    check(tuple(both.pixels.shape[1:]) == size, "pixels of the size")
    check(not (both.pixels & ~to_pixels(both.cells, tuple(both.pixels.shape), downscale=downscale)).any(), "covered")
    cells = to_cells(both.pixels, tuple(both.cells.shape), downscale=downscale)
    check(torch.equal(cells, both.cells), "cells of pixels are the cells")
    check(not (cell_support(both.pixels, downscale=downscale) & both.pixels).any(), "support lies beside the mask")


def try_take(frames: int, taken: list[int], source: int | None, length: int) -> None:
    made = take_frames(noise((frames, 2, 3)), taken, source=source, length=length)
    check(len(made) in (1, len(taken), min(length, len(taken))), "as many masks as frames")


def try_combine(one: Any, other: Any, operation: Any) -> None:
    made = combine(noise(one), operation, noise(other, 1))
    check(float(made.min()) >= 0 and float(made.max()) <= 1 if made.numel() else True, "a soft mask stays within 0..1")


def try_keyframes(keyframes: Any, length: int, size: Any, mode: Any) -> None:
    given = [Keyframe(frames=pictures(count, *size), index=index) for count, index in keyframes]
    clip = place_keyframes(given, length, size, mode)
    check(clip.frames.shape == (length, *size, 3) and tuple(clip.mask.shape) == (length, *size), "shapes of the clip")
    check(int((~clip.mask[:, 0, 0]).sum()) == sum(len(each.frames) for each in given), "every picture is given")
    for each in given:
        start = each.index if each.index >= 0 else length + each.index - len(each.frames) + 1
        check(
            np.array_equal(clip.frames[start : start + len(each.frames)], each.frames), "a picture stands at its place"
        )


def try_connect(first: int, second: int | None, count: int) -> None:
    one, other = pictures(first), None if second is None else pictures(second)
    clip = connect_clips(one, other, count)
    check(len(clip.frames) == first + count + (second or 0), "all frames of both clips and the new ones")
    check(int(clip.mask[:, 0, 0].sum()) == count, "the new ones are generated")


def try_spread(count: int, every: int) -> None:
    frames = pictures(count)
    clip = spread_frames(frames, every)
    check(np.array_equal(clip.frames[::every], frames) and not clip.mask[::every].any(), "its own frames are given")


def try_blocks(frames: int, rows: int, columns: int, ratio: Any, first: int, last: int) -> None:
    mask = spatial_block(frames, rows, columns, ratio=ratio, generator=torch.Generator(), first=first, last=last)
    check(0 < int(mask[first].sum()) < rows * columns, "a part of the picture")
    check(not mask[:first].any() and not mask[frames - last :].any(), "frames at the ends are given")


def try_batch(batch: int, size: Any, mix: dict[str, float]) -> None:
    drawn = sample_task_masks(batch, *size, torch.Generator().manual_seed(0), mix or None)
    check(tuple(drawn.shape) == (batch, *size), "a mask for each sample")
    check(bool(drawn.flatten(1).any(1).all()), "something is generated in each")


def try_outpaint(shape: Any, sides: Any) -> None:
    frames = pictures(*shape)
    made = Sides(**dict(zip(("left", "top", "right", "bottom"), sides, strict=True)))
    canvas, mask = outpaint(frames, made)
    check(np.array_equal(canvas[~mask.numpy()], frames.reshape(-1, 3)), "the picture is given, pixel for pixel")


def try_control(target: int, given: list[bool], part: int, cut: bool) -> None:
    """Random timelines for every model: no given frame is changed, no frame is off by one."""
    name = list(TARGETS)[target % len(TARGETS)]
    step = TARGETS[name].step
    mask = ~torch.tensor(given)[:, None, None].repeat(1, step, 2 * step)
    if cut:
        mask[part % len(mask), :, : step // 2] ^= True
    frames = noise((len(given), step, 2 * step, 3))
    made = make_control(frames, mask, name, source=(part + 1, 7))
    total = TARGETS[name].grid.padded(len(given))
    check(len(made.frames) == total and len(made.generated) == total, "a length that the model takes")
    check(not (mask & ~made.generated[: len(mask)]).any(), "all that the mask generates is generated")
    kept = ~made.generated[: len(mask)]
    check(torch.equal(made.frames[: len(mask)][kept], frames[kept]), "given pixels are those of the clip")
    check(bool(made.report) and "\n" not in made.report, "a report in one line")
    for guide in made.guides:
        check(not made.generated[guide.covered.start : guide.covered.stop].any(), "frames of guides are given")


def try_bad_control(name: str, frames: Any, mask: Any) -> None:
    for target in (name, "Wan VACE", "LTX guides"):
        make_control(noise(frames), noise(mask) > 0.5, target)


def try_public(number: int, count: int, setting: Any, frames: int | None) -> None:
    """The helpers of `vdt.masks`."""
    clip, whole = pictures(count), setting if isinstance(setting, int) else len(setting)
    made = (
        lambda: masks.predict(clip, given=whole, frames=frames),
        lambda: masks.backward(clip, given=whole, frames=frames),
        lambda: masks.interpolate(clip, every=whole, frames=frames),
        lambda: masks.from_image(clip, frame=whole, frames=count),
        lambda: masks.given_frames(clip, str(setting), frames=frames),
        lambda: masks.everything(count, (8, 12)),
    )[number]()
    check(tuple(made.shape[1:]) == (8, 12) and made.dtype == torch.bool, "a mask of the size of the clip")


TRIES: Mapping[str, Callable[..., None]] = {
    "task": try_task,
    "painted": try_painted,
    "fit": try_fit,
    "cells": try_cells,
    "take": try_take,
    "combine": try_combine,
    "keyframes": try_keyframes,
    "connect": try_connect,
    "spread": try_spread,
    "blocks": try_blocks,
    "batch": try_batch,
    "outpaint": try_outpaint,
    "control": try_control,
    "public": try_public,
    "bad control": try_bad_control,
}

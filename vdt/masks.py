"""Task masks: which latent cells of a clip are generated (True) and which are given (False)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from einops import reduce
from torch import Tensor

# T frames, h and w latent rows and columns; every task is a function of them and returns bool (T, h, w).
# ruff: noqa: N803 -- T is the letter for frames in the whole library

_PIECE = re.compile(r"(-?\d+)(?:\s*-\s*(-?\d+))?")
_MAX_BLOCKS = 64


def unconditional(T: int, h: int, w: int) -> Tensor:
    """Generate everything; bool (T, h, w)."""
    _check_size(T, h, w)
    return torch.ones(T, h, w, dtype=torch.bool)


def predict(T: int, h: int, w: int, *, given: int) -> Tensor:
    """Generate what follows the first `given` frames; bool (T, h, w), ValueError unless 1 <= given < T."""
    _check_given(given, T)
    return _from_given(T, h, w, range(given))


def backward(T: int, h: int, w: int, *, given: int) -> Tensor:
    """Generate what came before the last `given` frames; bool (T, h, w), ValueError unless 1 <= given < T."""
    _check_given(given, T)
    return _from_given(T, h, w, range(T - given, T))


def interpolate(T: int, h: int, w: int, *, every: int, last_given: bool = True) -> Tensor:
    """Generate between the given frames 0, every, 2 * every, …; bool (T, h, w).

    The last frame is given too unless `last_given` is off, so that no tail has to be extrapolated.
    """
    if every < 2:
        raise ValueError(f"interpolate got every={every}: expected 2 or more, so that frames are left between")
    return _from_given(T, h, w, [*range(0, T, every), *([T - 1] if last_given else [])])


def image_to_video(T: int, h: int, w: int, *, frame: int = 0) -> Tensor:
    """Generate all but one given frame, counted from the end when negative; bool (T, h, w)."""
    return _from_given(T, h, w, [frame])


def frames(T: int, h: int, w: int, *, given: str | Sequence[int]) -> Tensor:
    """Generate all frames not listed in `given`, such as "0-3,8,-1" or [0, 8, -1]; bool (T, h, w)."""
    indices = parse_frames(given, T) if isinstance(given, str) else list(given)
    if not indices:
        raise ValueError("frames got an empty list of given frames: list some, such as 0-3,8,-1, or use unconditional")
    return _from_given(T, h, w, indices)


def random_frames(T: int, h: int, w: int, *, probability: float = 0.8, generator: torch.Generator) -> Tensor:
    """Generate each frame with a probability, but at least one, and give at least one; bool (T, h, w)."""
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"random_frames got probability={probability}: expected 0 to 1")
    _check_size(T, h, w)
    if T < 2:
        raise ValueError("random_frames needs 2 frames or more, got 1: one is given and one generated at least")
    generated = torch.rand(T, generator=generator) < probability
    if generated.all() or not generated.any():
        generated[pick(0, T - 1, generator)] ^= True
    return _over_cells(generated, h, w)


def spatial_block(
    T: int,
    h: int,
    w: int,
    *,
    ratio: float = 0.5,
    generator: torch.Generator,
    aspect: tuple[float, float] = (0.3, 3.3),
    min_cells: int = 4,
    first: int = 0,
    last: int = 0,
) -> Tensor:
    """Generate the same area of blocks in all frames but the `first` and `last` few; bool (T, h, w).

    Blocks as in BEiT (arXiv 2106.08254): overlapping rectangles of random place and height/width ratio
    within `aspect`, until exactly round(ratio * h * w) cells are covered, at least `min_cells` and never all.
    """
    _check_size(T, h, w)
    if not 0.0 < ratio < 1.0:
        raise ValueError(f"spatial_block got ratio={ratio}: expected more than 0 and less than 1")
    if h * w < 2:
        raise ValueError(f"spatial_block needs a grid of 2 cells or more, got {h}x{w}: use a temporal task")
    if first < 0 or last < 0 or first + last >= T:
        raise ValueError(
            f"spatial_block got first={first} and last={last} given of {T} frames: together they must leave one"
        )
    mask = torch.zeros(T, h, w, dtype=torch.bool)
    mask[first : T - last] = _blocks(h, w, ratio, generator, aspect, min_cells)
    return mask


def from_pixels(mask: Tensor, *, downscale: int = 8) -> Tensor:
    """Latent mask of a pixel mask, bool (T, H, W) or (H, W): a cell is generated if any of its pixels is.

    Returns (T, H / downscale, W / downscale), T = 1 for an (H, W) mask; the caller repeats that over frames.
    """
    if mask.dtype != torch.bool or mask.ndim not in (2, 3):
        raise ValueError(
            f"expected a bool mask (T, H, W) or (H, W), got {mask.dtype} {tuple(mask.shape)}: pass `mask > 0.5`"
        )
    pixels = mask if mask.ndim == 3 else mask[None]
    height, width = pixels.shape[1:]
    if height % downscale or width % downscale:
        raise ValueError(
            f"mask size {width}x{height} (WxH) is not a multiple of {downscale}: "
            "resize the mask to the size of the frames"
        )
    return reduce(pixels, "t (h i) (w j) -> t h w", "max", i=downscale, j=downscale)


TASKS: Mapping[str, Callable[..., Tensor]] = {
    "unconditional": unconditional,
    "predict": predict,
    "backward": backward,
    "interpolate": interpolate,
    "image_to_video": image_to_video,
    "frames": frames,
    "random": random_frames,
    "spatial": spatial_block,
}


def parse_frames(text: str, num_frames: int) -> list[int]:
    """Sorted frame indices of a list such as "0-3,8,-1": ranges include both ends, -1 is the last frame."""
    found: set[int] = set()
    for piece in filter(None, (part.strip() for part in text.split(","))):
        match = _PIECE.fullmatch(piece)
        if match is None:
            raise ValueError(f"'{piece}' in frame list '{text}' is no frame or range: write it like 0-3,8,-1")
        start, stop = (_resolve(int(end), num_frames) for end in (match[1], match[2] or match[1]))
        if start > stop:
            raise ValueError(
                f"range '{piece}' in frame list '{text}' runs backwards in a clip of {num_frames} frames "
                f"({start} to {stop}): write the earlier frame first"
            )
        found.update(range(start, stop + 1))
    if not found:
        raise ValueError(f"frame list '{text}' names no frame: write it like 0-3,8,-1")
    return sorted(found)


def describe(mask: Tensor) -> str:
    """Say in words what a mask (T, h, w) does, such as "frames 0–7 given, 8–15 generated"."""
    share = mask.flatten(1).float().mean(dim=1).tolist()  # (T,)
    groups = {
        "given": [i for i, value in enumerate(share) if value == 0.0],
        "generated": [i for i, value in enumerate(share) if value == 1.0],
        "partly generated": [i for i, value in enumerate(share) if 0.0 < value < 1.0],
    }
    if part := groups["partly generated"]:
        percent = max(1, min(99, round(100 * sum(share[i] for i in part) / len(part))))
        groups[f"partly generated ({percent} %)"] = groups.pop("partly generated")
    present = {name: indices for name, indices in groups.items() if indices}
    if len(present) == 1:
        (name,) = present
        note = {"given": ": nothing to generate", "generated": ": nothing given"}.get(name, "")
        return f"all {len(share)} frames {name}{note}"
    texts = [f"{_ranges(indices)} {name}" for name, indices in present.items()]
    plural = "frame" if len(next(iter(present.values()))) == 1 else "frames"
    return f"{plural} " + ("; " if any(", " in text for text in texts) else ", ").join(texts)


def pick(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number from `low` to `high`, both among them."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def uniform(low: float, high: float, generator: torch.Generator) -> float:
    """A number between `low` and `high`."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def _blocks(
    h: int, w: int, ratio: float, generator: torch.Generator, aspect: tuple[float, float], min_cells: int
) -> Tensor:
    target = min(max(round(ratio * h * w), min_cells, 1), h * w - 1)
    block = torch.zeros(h, w, dtype=torch.bool)
    for _ in range(_MAX_BLOCKS):
        remaining = target - int(block.sum())
        if remaining == 0:
            return block
        area = pick(min(min_cells, remaining), remaining, generator)
        tall = math.exp(uniform(math.log(aspect[0]), math.log(aspect[1]), generator))
        rows = min(h, max(1, round(math.sqrt(area * tall))))
        columns = min(w, max(1, round(math.sqrt(area / tall))))
        top, left = pick(0, h - rows, generator), pick(0, w - columns, generator)
        fresh = torch.zeros_like(block)
        fresh[top : top + rows, left : left + columns] = True
        _add_cells(block, fresh, remaining)
    _add_cells(block, torch.ones_like(block), target - int(block.sum()))  # the draws kept missing the last cells
    return block


def _add_cells(block: Tensor, fresh: Tensor, limit: int) -> None:
    new = (fresh & ~block).flatten().nonzero()[:limit, 0]
    block.view(-1)[new] = True


def _from_given(T: int, h: int, w: int, given: Iterable[int]) -> Tensor:
    _check_size(T, h, w)
    generated = torch.ones(T, dtype=torch.bool)
    generated[[_resolve(index, T) for index in given]] = False
    if not generated.any():
        raise ValueError(f"given {T} of {T} frames: nothing left to generate; give fewer frames or use a longer clip")
    return _over_cells(generated, h, w)


def _over_cells(generated: Tensor, h: int, w: int) -> Tensor:
    return generated[:, None, None].repeat(1, h, w)  # (T, h, w)


def _resolve(index: int, num_frames: int) -> int:
    if not -num_frames <= index < num_frames:
        raise ValueError(
            f"frame {index} is outside a clip of {num_frames} frames: "
            f"use 0 to {num_frames - 1}, or -1 (last) to {-num_frames}"
        )
    return index % num_frames


def _check_size(T: int, h: int, w: int) -> None:
    if min(T, h, w) < 1:
        raise ValueError(f"a mask needs at least 1 frame, row and column, got (T, h, w) = ({T}, {h}, {w})")


def _check_given(given: int, num_frames: int) -> None:
    if given < 1:
        raise ValueError(f"given {given} frames: expected 1 to {num_frames - 1}; to give none, use unconditional")
    if given >= num_frames:
        fix = f"use 1 to {num_frames - 1}" if num_frames > 1 else "use a clip of 2 frames or more"
        raise ValueError(f"given {given} of {num_frames} frames: nothing left to generate; {fix}")


def _ranges(indices: list[int]) -> str:
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    texts = [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]  # noqa: RUF001
    return ", ".join(texts if len(texts) <= 10 else [*texts[:8], "…", texts[-1]])

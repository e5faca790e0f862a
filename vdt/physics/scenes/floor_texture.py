"""The floor's textures of MuJoCo, as shares of the second of two colours, averaged over what a pixel covers."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

SIDE = 256  # texels
LEVELS = 9  # each of half the side of the one before
KINDS = ("flat", "checker", "gradient")


def blend(position: Tensor) -> Tensor:
    """MuJoCo's smooth step from 0 at -1 to 1 at 1."""
    return 0.5 + 0.5 * position * (2 / (1 + position * position)).sqrt()


def floor_share(kinds: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The second colour's share (B, P, P) at texture coordinates u and v (B, P, P) of the pixels of a picture.

    kinds (B,) are places in KINDS. What lies between two neighbouring pixels decides which level is read.
    """
    table, offsets = (part.to(u.device) for part in _pyramid())
    rows, columns = (
        torch.stack(torch.gradient(coordinate, dim=(1, 2)), dim=-1).square()  # type: ignore[arg-type]
        for coordinate in (u, v)
    )
    covered = (rows + columns).amax(-1).sqrt() * SIDE
    level = covered.clamp(min=1, max=2 ** (LEVELS - 1)).log2()
    fine = level.long().clamp(max=LEVELS - 2)
    first, second = (_texel(table, offsets, kinds[:, None, None], each, u, v) for each in (fine, fine + 1))
    return torch.lerp(first, second, level - fine)


def _texel(table: Tensor, offsets: Tensor, kinds: Tensor, level: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The bilinear value of a level of the pyramid, which repeats in both directions."""
    side = SIDE >> level
    x, y = u * side - 0.5, v * side - 0.5
    left, top = x.floor().long(), y.floor().long()
    right_share, bottom_share = x - left, y - top

    def at(row: Tensor, column: Tensor) -> Tensor:
        return table[kinds, offsets[level] + row.remainder(side) * side + column.remainder(side)]

    above = torch.lerp(at(top, left), at(top, left + 1), right_share)
    below = torch.lerp(at(top + 1, left), at(top + 1, left + 1), right_share)
    return torch.lerp(above, below, bottom_share)


@lru_cache(maxsize=1)
def _pyramid() -> tuple[Tensor, Tensor]:
    """All levels of all kinds one after another (3, texels), and where each level begins."""
    place = torch.linspace(-1, 1, SIDE)
    radius = (place[:, None] ** 2 + place[None] ** 2).sqrt().clamp(max=1)
    upper = torch.arange(SIDE) < SIDE // 2
    level = torch.stack([torch.zeros(SIDE, SIDE), (upper[:, None] != upper[None]).float(), blend(2 * radius - 1)])
    levels = [level]
    for _ in range(LEVELS - 1):
        levels.append(torch.nn.functional.avg_pool2d(levels[-1], 2))
    sizes = torch.tensor([each[0].numel() for each in levels])
    return torch.cat([each.flatten(1) for each in levels], dim=1), sizes.cumsum(0) - sizes

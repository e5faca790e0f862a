"""How other video models cut a clip into latent cells: lengths and sizes they take, frames of each latent frame.

Sources: the stock nodes of ComfyUI 0.33 in nodes_wan.py, nodes_lt.py, nodes_cosmos.py, nodes_hunyuan.py and
nodes_minimax_h3.py, and the encoders they call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..bounds import shown

# T pixel frames, t latent frames, H x W pixels, h x w latent cells. Masks are bool, True = generate.

Form = Literal["vace", "ends", "guides", "latent"]


@dataclass(frozen=True, kw_only=True)
class LatentGrid:
    """Pixel frames of the latent frames: those of `lead`, then those of `block` any number of times."""

    lead: tuple[int, ...]
    block: tuple[int, ...]

    def padded(self, frames: int) -> int:
        """The shortest length of this grid that holds so many frames."""
        lead, block = sum(self.lead), sum(self.block)
        return lead + block * max(0, -(-(frames - lead) // block))

    def spans(self, frames: int) -> list[range]:
        """The pixel frames of each latent frame of a clip whose length is one of this grid."""
        assert frames == self.padded(frames)
        counts = self.lead + self.block * ((frames - sum(self.lead)) // sum(self.block))
        starts = [sum(counts[:index]) for index in range(len(counts))]
        return [range(start, start + count) for start, count in zip(starts, counts, strict=True)]


EVERY_4 = LatentGrid(lead=(1,), block=(4,))  # lengths 4n + 1
EVERY_8 = LatentGrid(lead=(1,), block=(8,))  # 8n + 1
MINIMAX = LatentGrid(lead=(1, 4), block=(4, 4, 4, 1, 4))  # 17n + 5


@dataclass(frozen=True, kw_only=True)
class Target:
    """A family of models: what its nodes take (`form`), its grid in time, and in space in pixels.

    cell: side of a latent cell. patch: cells along the side of what the model treats as one. step: of width and height.
    """

    form: Form
    grid: LatentGrid
    cell: int
    patch: int = 1
    step: int

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The height and width that the model takes which are nearest to these."""
        height, width = (max(self.step, round(side / self.step) * self.step) for side in size)
        return height, width

    def cells(self, mask: Tensor) -> Tensor:
        """Latent cells (t, h, w) of a mask (T, H, W): a cell is generated if any pixel of any of its frames is."""
        side = self.cell * self.patch
        whole = torch.stack([mask[span.start : span.stop].any(0) for span in self.grid.spans(len(mask))])
        pooled = F.max_pool2d(whole[:, None].float(), side)[:, 0] > 0
        return pooled.repeat_interleave(self.patch, 1).repeat_interleave(self.patch, 2)

    def pixels(self, cells: Tensor, frames: int) -> Tensor:
        """All pixels (T, H, W) of latent cells (t, h, w)."""
        counts = torch.tensor([len(span) for span in self.grid.spans(frames)])
        return cells.repeat_interleave(self.cell, 1).repeat_interleave(self.cell, 2).repeat_interleave(counts, 0)


# In the order in which menus offer them; graphs hold the names, so append only.
TARGETS: Mapping[str, Target] = {
    "Wan VACE": Target(form="vace", grid=EVERY_4, cell=8, step=16),
    "Wan first/last frame": Target(form="ends", grid=EVERY_4, cell=8, step=16),
    "Wan Fun inpaint": Target(form="ends", grid=EVERY_4, cell=8, step=16),
    "LTX latent mask": Target(form="latent", grid=EVERY_8, cell=32, step=32),
    "LTX guides": Target(form="guides", grid=EVERY_8, cell=32, step=32),
    "Wan 2.2 5B latent mask": Target(form="latent", grid=EVERY_4, cell=16, step=32),
    "Hunyuan Video latent mask": Target(form="latent", grid=EVERY_4, cell=8, step=16),
    "Cosmos latent mask": Target(form="latent", grid=EVERY_8, cell=8, step=16),
    "Cosmos Predict2 latent mask": Target(form="latent", grid=EVERY_4, cell=8, step=16),
    "MiniMax H3 latent mask": Target(form="latent", grid=MINIMAX, cell=16, patch=2, step=32),
}


def find_target(name: str) -> Target:
    """The target of that name; ValueError for an unknown one."""
    if not isinstance(name, str) or name not in TARGETS:
        raise ValueError(f"unknown target {shown(name)}: expected one of {', '.join(TARGETS)}")
    return TARGETS[name]

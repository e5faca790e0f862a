"""One training step: ours, and one as in the released loop, of the same model on the same batch."""

from __future__ import annotations

from typing import Any

import torch

from ..config import VDTConfig
from ..diffusion import Schedule, make_given, masked_hybrid_loss
from ..masks.tasks import Predict, over_cells
from ..models.transformer import VDT
from ..training.ema import EMA
from ..training.loop import new_optimizers
from ..training.recipe import OptimRecipe
from .plain import PlainModel
from .timing import in_turns


class _Loop:
    """A model, its optimiser and its running average; one call is one step on a fixed batch."""

    def __init__(self, config: VDTConfig, batch: int, device: str, *, plain: bool) -> None:
        generator = torch.Generator().manual_seed(0)
        self.model = VDT(config, generator).to(device).train()
        self.average = EMA(self.model, 0.999)
        side, frames = config.input_size, config.num_frames
        shape = (batch, frames, config.in_channels, side, side)
        self.x0, self.noise = (torch.randn(shape, generator=generator).to(device) for _ in range(2))
        cells = over_cells(Predict(given=frames // 2).frame_mask(frames), side, side)
        self.given = make_given(config.conditioning, self.x0, cells.expand(batch, -1, -1, -1).to(device))
        self.t = torch.arange(batch) * 1000 // batch
        self.schedule = Schedule.from_config(config.diffusion)
        self.plain = plain
        if plain:
            self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, foreach=False)
        else:
            (self.optimizer,) = new_optimizers(self.model, OptimRecipe(lr=1e-4)).values()

    def __call__(self) -> None:
        model = PlainModel(self.model) if self.plain else self.model
        loss = masked_hybrid_loss(model, self.x0, self.given, self.t, self.noise, self.schedule).total.mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._follow()

    @torch.no_grad()
    def _follow(self) -> None:
        if not self.plain:
            self.average.update(1)
            return
        for name, value in self.model.named_parameters():
            self.average.shadow[name].mul_(0.999).add_(value, alpha=0.001)


def bench_train(config: VDTConfig, *, batch: int = 16, rounds: int = 5, device: str = "cpu") -> dict[str, Any]:
    """Seconds of a step in float32: forward, backward, optimiser, running average."""
    seconds = in_turns(
        {
            "ours_s": _Loop(config, batch, device, plain=False),
            "official_style_s": _Loop(config, batch, device, plain=True),
        },
        rounds=rounds,
    )
    return {**seconds, "batch": batch, "hidden_size": config.hidden_size, "depth": config.depth}


def train_table(record: dict[str, Any]) -> str:
    """Markdown: both steps."""
    ours, plain = record["ours_s"], record["official_style_s"]
    lines = [
        "| a training step | seconds |",
        "|---|---|",
        f"| ours | {ours:.3f} |",
        f"| official style | {plain:.3f} |",
    ]
    return "\n".join([*lines, "", f"{plain / ours:.2f} times as fast, {record['batch']} clips.", ""])

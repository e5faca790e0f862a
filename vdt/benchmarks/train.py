"""One training step: ours, and one as in the released loop, of the same model on the same batch, beside the limit."""

from __future__ import annotations

from typing import Any

import torch

from ..config import VDTConfig
from ..diffusion import Schedule, make_given, masked_hybrid_loss
from ..masks.tasks import Predict, over_cells
from ..models.linear import has_products
from ..models.transformer import VDT
from ..training.optim.ema import EMA
from ..training.optim.optimizers import new_optimizers
from ..training.parallel.network import prepare
from ..training.recipe import OptimRecipe
from .limits import forward_flops, matmul_call, matmul_flops
from .plain import PlainModel
from .timing import in_turns

PASSES = 3  # of a forward pass's operations: the backward pass takes twice as many


class _Loop:
    """A model, its optimiser and its running average; one call is one step on a fixed batch."""

    def __init__(
        self, config: VDTConfig, batch: int, device: str, *, plain: bool = False, bfloat16: bool = False, compiled: bool
    ) -> None:
        generator = torch.Generator().manual_seed(0)
        optim = OptimRecipe(lr=1e-4, compile=compiled and not plain)
        self.model = VDT(config, generator).to(device).train()
        self.average = EMA(self.model, 0.999)
        side, frames = config.input_size, config.num_frames
        shape = (batch, frames, config.in_channels, side, side)
        self.x0, self.noise = (torch.randn(shape, generator=generator).to(device) for _ in range(2))
        cells = over_cells(Predict(given=frames // 2).frame_mask(frames), side, side)
        self.given = make_given(config.conditioning, self.x0, cells.expand(batch, -1, -1, -1).to(device))
        self.t = torch.arange(batch) * 1000 // batch
        self.schedule = Schedule.from_config(config.diffusion)
        self.plain, self.bfloat16, self.device = plain, bfloat16, torch.device(device)
        if plain:
            self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, foreach=False)
        else:
            prepare(self.model, optim)
            (self.optimizer,) = new_optimizers(self.model, optim).values()

    def __call__(self) -> None:
        model = PlainModel(self.model) if self.plain else self.model
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
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


def bench_train(
    config: VDTConfig, *, batch: int = 16, rounds: int = 5, device: str = "cpu", compiled: bool = False
) -> dict[str, Any]:
    """Seconds of a step: forward, backward, optimiser, running average; in float32, and in bfloat16 where it is there.

    "limit_s" is the operations of the step's matrix products at the rate of a large one in that precision;
    "official_style_s" is the released loop's in float32.
    """
    precisions = [torch.float32]
    if torch.device(device).type != "cpu" or has_products(torch.bfloat16):  # PyTorch takes minutes for it elsewhere
        precisions.append(torch.bfloat16)
    steps: dict[str, Any] = {}
    for dtype in precisions:
        name = "ours_s" if dtype == torch.float32 else "ours_bf16_s"
        steps[name] = _Loop(config, batch, device, bfloat16=dtype == torch.bfloat16, compiled=compiled)
        steps[f"matmul_{dtype}"] = matmul_call(dtype, torch.device(device))
    steps["official_style_s"] = _Loop(config, batch, device, plain=True, compiled=compiled)
    seconds = in_turns(steps, rounds=rounds)
    rates = [matmul_flops(device) / seconds.pop(f"matmul_{dtype}") for dtype in precisions]
    side = config.input_size
    flops = PASSES * forward_flops(config, batch=batch, num_frames=config.num_frames, height=side, width=side)
    limits = {name: flops / rate for name, rate in zip(("limit_s", "limit_bf16_s"), rates, strict=False)}
    sizes = {"batch": batch, "hidden_size": config.hidden_size, "depth": config.depth, "compiled": compiled}
    return {**seconds, **limits, "flops": flops, "peak_gflops": rates[0] / 1e9, **sizes}


def train_table(record: dict[str, Any]) -> str:
    """Markdown: every step beside its limit."""
    ours, plain = record["ours_s"], record["official_style_s"]
    rows = [("ours, float32", ours, record["limit_s"]), ("official style, float32", plain, record["limit_s"])]
    if "ours_bf16_s" in record:
        rows.insert(1, ("ours, bfloat16", record["ours_bf16_s"], record["limit_bf16_s"]))
    lines = [
        "| a training step | seconds | clips a second | limit, s | of the limit |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {seconds:.3f} | {record['batch'] / seconds:,.0f} | {limit:.3f} | {seconds / limit:.2f} x |"
            for name, seconds, limit in rows
        ),
    ]
    return "\n".join([*lines, "", f"{plain / ours:.2f} times as fast, {record['batch']} clips.", ""])

"""Split attention against one attention over space and time: parameters, operations, seconds and memory by size."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from ..config import VDT_CONFIGS, VDTConfig
from ..models.cost import count_cost
from ..models.transformer import VDT
from .memory import MEBI, in_own_process, peak_growth
from .timing import in_turns

FORMS = ("factorized", "joint")
# Name of the model, side of the latents; the model's own number of frames.
SHAPES = (("VDT-XS/2", 8), ("VDT-S/2", 8), ("VDT-S/2", 16), ("VDT-S/2", 32), ("VDT-L/2", 32))
MAX_FLOPS_CPU = 1e12  # of a pass that a CPU is asked to time; more takes minutes


def bench_attention(
    shapes: Sequence[tuple[str, int]] = SHAPES, *, rounds: int = 2, device: str = "cpu"
) -> list[dict[str, Any]]:
    """Per shape and form: parameters, operations, seconds of a float32 pass and peak memory beside weights and input.

    Seconds and memory are None for passes that are too long for a CPU.
    """
    records = []
    for name, side in shapes:
        configs = {form: config_of(name, form, side) for form in FORMS}
        costs = {form: count_cost(config) for form, config in configs.items()}
        timed = device != "cpu" or max(cost.flops for cost in costs.values()) <= MAX_FLOPS_CPU
        seconds = _seconds(configs, rounds, device) if timed else {}
        for form, config in configs.items():
            records.append(
                {
                    "size": name,
                    "frames": config.num_frames,
                    "pixels": side * 8,
                    "attention": form,
                    "parameters": costs[form].parameters,
                    "flops": costs[form].flops,
                    "seconds": seconds.get(form),
                    "memory_mib": in_own_process(_memory, name, form, side, device) if timed else None,
                }
            )
    return records


def attention_table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: one row per size and form."""
    lines = ["| model | clip | attention | parameters, M | GFLOPs a pass | seconds | memory, MiB |", "|---" * 7 + "|"]
    for record in records:
        seconds, memory = record["seconds"], record["memory_mib"]
        cells = [
            record["size"],
            f"{record['frames']} frames of {record['pixels']}x{record['pixels']}",
            "split" if record["attention"] == FORMS[0] else record["attention"],
            f"{record['parameters'] / 1e6:.1f}",
            f"{record['flops'] / 1e9:.1f}",
            "-" if seconds is None else f"{seconds:.3f}",
            "-" if memory is None else f"{memory:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def config_of(name: str, form: str, side: int) -> VDTConfig:
    """A named size with a form of attention, for latents of side x side."""
    return dataclasses.replace(VDT_CONFIGS[name], attention=form, input_size=side)  # type: ignore[arg-type]


def _model(config: VDTConfig, device: str) -> tuple[VDT, torch.Tensor, torch.Tensor]:
    """A model and a clip and time for it."""
    generator = torch.Generator().manual_seed(0)
    model = VDT(config, generator).eval().to(device)
    x = torch.randn(1, config.num_frames, config.in_channels, config.input_size, config.input_size, generator=generator)
    return model, x.to(device), torch.tensor([500], device=device)


@torch.inference_mode()
def _seconds(configs: dict[str, VDTConfig], rounds: int, device: str) -> dict[str, float]:
    """Seconds of a pass by form, timed in turns."""
    networks = {form: _model(config, device) for form, config in configs.items()}
    return in_turns({form: partial(model, *inputs) for form, (model, *inputs) in networks.items()}, rounds=rounds)


@torch.inference_mode()
def _memory(name: str, form: str, side: int, device: str) -> float:
    """Peak memory of a pass in MiB, without weights and input."""
    model, *inputs = _model(config_of(name, form, side), device)
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        model(*inputs)
        return (torch.cuda.max_memory_allocated() - before) / MEBI
    torch.randn(64, 64) @ torch.randn(64, 64)  # libraries load what they need
    return peak_growth(partial(model, *inputs))

"""Peak memory of encoding, sampling and decoding, each in its own process."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..checkpoints import bundled, load_model, load_vae
from ..inference.codec import AutoencoderCodec
from ..inference.rollout import generate_latents
from ..inference.settings import SamplingConfig
from ..masks.tasks import Predict, over_cells

STAGES = ("encode", "sample", "decode")
LENGTHS = (16, 32, 64, 128)
SAMPLING = SamplingConfig(steps=2, sampler="ddim", spacing="even", text_guidance=1.0)  # more steps need the same memory
MEBI = 2**20


def bench_memory(*, size: int = 64, lengths: tuple[int, ...] = LENGTHS) -> dict[str, Any]:
    """Peak growth of resident memory in MiB by stage and number of frames, without weights and input.

    "frames_mib" is the size of the frames themselves.
    """
    record: dict[str, Any] = {
        "size": size,
        "frames": list(lengths),
        "frames_mib": [n * size**2 * 3 / MEBI for n in lengths],
    }
    for stage in STAGES:
        record[f"{stage}_mib"] = []
        for frames in lengths:
            record[f"{stage}_mib"].append(in_own_process(_growth, stage, frames, size))
    return record


def memory_table(record: dict[str, Any]) -> str:
    """Markdown: one row per stage."""
    head = " | ".join(f"{frames} frames" for frames in record["frames"])
    lines = [f"| peak memory, MiB | {head} |", "|---" * (len(record["frames"]) + 1) + "|"]
    for stage in STAGES:
        lines.append(f"| {stage} | {' | '.join(f'{value:.0f}' for value in record[f'{stage}_mib'])} |")
    return "\n".join([*lines, ""])


@torch.no_grad()
def _growth(stage: str, frames: int, size: int) -> float:
    model, vae = load_model(bundled("vdt")), load_vae(bundled("vae"))
    codec, side = AutoencoderCodec(vae), size // vae.config.downscale
    clip = np.random.default_rng(0).integers(0, 255, (frames, size, size, 3), dtype=np.uint8)
    latents = torch.randn(frames, vae.config.z_channels, side, side, generator=torch.Generator().manual_seed(0))
    vae.decode(vae.encode(torch.zeros(1, 3, size, size)).mean)  # libraries load what they need
    cells = over_cells(Predict(given=frames // 2).frame_mask(frames), side, side)
    calls: dict[str, Callable[[], object]] = {
        "encode": lambda: codec.encode(clip),
        "sample": lambda: generate_latents(model, latents[None], cells, seeds=[0], sampling=SAMPLING),
        "decode": lambda: codec.decode(latents, (size, size)),
    }
    return peak_growth(calls[stage])


def in_own_process(measure: Callable[..., float], *inputs: Any) -> float:
    """What a function of a module answers in a fresh process; a fork would inherit this one's peak."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *inputs).result()


def peak_growth(call: Callable[[], object]) -> float:
    """How far a call raises the peak of resident memory, in MiB."""
    _forget_peak()
    before = _peak()
    call()
    return (_peak() - before) / MEBI


def _forget_peak() -> None:
    """Forget the peak of loading, which may be above the one to measure; only Linux can."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def resident_bytes() -> int:
    """Resident memory now (Linux), or its peak so far on other systems."""
    return _status("VmRSS:") if sys.platform == "linux" else _peak()


def _status(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(name)[1].split()[0]) * 1024


def _peak() -> int:
    """Peak resident memory so far, in bytes."""
    if sys.platform == "linux":
        return _status("VmHWM:")
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts in bytes

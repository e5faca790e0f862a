"""Peak memory of encoding, sampling and decoding, each in its own process."""

from __future__ import annotations

import multiprocessing
import sys
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
    context = multiprocessing.get_context("spawn")  # a fork would inherit this process's peak
    record: dict[str, Any] = {
        "size": size,
        "frames": list(lengths),
        "frames_mib": [n * size**2 * 3 / MEBI for n in lengths],
    }
    for stage in STAGES:
        record[f"{stage}_mib"] = []
        for frames in lengths:
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                record[f"{stage}_mib"].append(pool.submit(_growth, stage, frames, size).result())
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
    forget_peak()
    before = peak_bytes()
    if stage == "encode":
        codec.encode(clip)
    elif stage == "sample":
        cells = over_cells(Predict(given=frames // 2).frame_mask(frames), side, side)
        generate_latents(model, latents[None], cells, seeds=[0], sampling=SAMPLING)
    else:
        codec.decode(latents, (size, size))
    return (peak_bytes() - before) / MEBI


def forget_peak() -> None:
    """Forget the peak of loading, which may be above the one to measure; only Linux can."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def resident_bytes() -> int:
    """Resident memory now (Linux), or its peak so far on other systems."""
    return _status("VmRSS:") if sys.platform == "linux" else peak_bytes()


def _status(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(name)[1].split()[0]) * 1024


def peak_bytes() -> int:
    """Peak resident memory so far, in bytes."""
    if sys.platform == "linux":
        return _status("VmHWM:")
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts in bytes

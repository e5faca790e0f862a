"""What a scene costs: simulating it, drawing it with the ray caster, and both through MuJoCo's OpenGL."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..physics.scenes import SPLITS, cast_frames, render_scene, simulate
from .timing import in_turns

SCENES = 24


def bench_scenes(*, size: int = 64, num_frames: int = 16, rounds: int = 3, device: str = "cpu") -> dict[str, Any]:
    """Milliseconds a scene, and how far the ray caster's pictures are from MuJoCo's, in levels of 255.

    ModuleNotFoundError or OSError without MuJoCo or OpenGL.
    """
    seeds = SPLITS["test"][:SCENES]
    options = {"num_frames": num_frames}
    motions = [simulate(seed, **options) for seed in seeds]
    rendered = np.stack([render_scene(seed, size=size, **options).frames for seed in seeds]).astype(np.int16)
    cast = cast_frames(motions, size=size, device=device).cpu().numpy()
    difference = np.abs(rendered - cast).mean(-1)
    best = in_turns(
        {
            "simulate": lambda: [simulate(seed, **options) for seed in seeds],
            "cast": lambda: cast_frames(motions, size=size, device=device),
            "render": lambda: [render_scene(seed, size=size, **options) for seed in seeds],
        },
        rounds=rounds,
    )
    return {
        "size": size,
        "frames": num_frames,
        "scenes": len(seeds),
        "threads": torch.get_num_threads(),
        **{f"{name}_ms": 1000 * seconds / len(seeds) for name, seconds in best.items()},
        "mean_difference": float(difference.mean()),
        "difference_99": float(np.percentile(difference, 99)),
    }


def scenes_table(record: dict[str, Any]) -> str:
    """Markdown: one row per way to a clip."""
    simulated, cast, rendered = (record[f"{name}_ms"] for name in ("simulate", "cast", "render"))
    return "\n".join(
        [
            f"| ms a scene of {record['frames']} frames of {record['size']}², {record['threads']} threads | |",
            "|---|---|",
            f"| simulated, no picture | {simulated:.1f} |",
            f"| simulated and cast by rays | {simulated + cast:.1f} |",
            f"| simulated and rendered by OpenGL | {rendered:.1f} ({rendered / (simulated + cast):.1f} times) |",
            f"| difference of the pictures: mean, 99 % of pixels, levels | {record['mean_difference']:.2f}, "
            f"{record['difference_99']:.1f} |",
            "",
        ]
    )

"""Measure what docs/reproducibility.md promises: which runs are equal to the last bit, and how near the others come.

    python tests/reproducibility.py

Runs the bundled model in processes of 1, 1, 2 and 4 threads on the CPU, and twice as on an older processor; prints one
line for each promise. Exits with 1 if one that says "equal" is not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
# Threads of each process, and the newest instructions that torch may use there ("": all there are), and MKL and oneDNN.
RUNS = {"a": (1, ""), "b": (1, ""), "c": (2, ""), "d": (4, ""), "e": (1, "avx2"), "f": (1, "default")}
LIMITS = {
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "default": {"ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}
Values = dict[str, np.ndarray]


def make(target: Path) -> None:
    """What one process makes: a clip with its latents, in several ways."""
    sys.path.insert(0, str(ROOT))
    import torch

    from vdt.inference.pipeline import Pipeline
    from vdt.inference.settings import CompositingConfig
    from vdt.masks.tasks import Predict
    from vdt.media.video import read_frames

    clip = np.stack(list(read_frames(sorted((ROOT / "samples" / "clips").glob("*.mp4"))[0])))
    pipeline = Pipeline.from_pretrained(device="cpu")
    mask = Predict(given=8).frame_mask(len(clip))[:, None, None].expand(len(clip), *clip.shape[1:3])
    plain = CompositingConfig(static_background=0, color_match=0)
    alone = pipeline(clip, mask, seed=1)
    both = pipeline.generate_batch([clip, clip[::-1].copy()], mask, seeds=[1, 2])
    turned = pipeline.generate_batch([clip[::-1].copy(), clip], mask, seeds=[2, 1])
    singly = torch.cat([pipeline.codec.encode(frame[None]) for frame in clip])
    values = {
        "frames": alone.frames,
        "latents": alone.latents.numpy(),
        "again": pipeline(clip, mask, seed=1).frames,
        "plain": pipeline(clip, mask, seed=1, compositing=plain).frames,
        "batch": both[0].latents.numpy(),
        "order": turned[1].latents.numpy(),
        "encoded": pipeline.codec.encode(clip).numpy(),
        "singly": singly.numpy(),
    }
    np.savez(target, **values)  # type: ignore[arg-type]


def processes(folder: Path) -> dict[str, Values]:
    """What each process makes, by its name."""
    made: dict[str, Values] = {}
    for name, (threads, instructions) in RUNS.items():
        target = folder / f"{name}.npz"
        environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))}
        if instructions:
            environment |= {"ATEN_CPU_CAPABILITY": instructions, **LIMITS[instructions]}
        subprocess.run([sys.executable, __file__, str(target)], check=True, env=environment)
        with np.load(target) as values:
            made[name] = dict(values)
    return made


def distance(one: np.ndarray, other: np.ndarray) -> str:
    """Such as "equal", or how many values differ, and by how much at most."""
    gap = np.abs(one.astype(np.float64) - other)
    if not gap.any():
        return "equal"
    return f"{int((gap > 0).sum()):,} of {gap.size:,} values differ, at most by {gap.max():.2g}"


def promises(made: dict[str, Values]) -> list[tuple[str, bool, str]]:
    """What is compared, whether it must be equal, and what came out."""
    a, b, c, d, e, f = made.values()
    found = [
        (f"{name}: another process with as many threads", True, a[name], b[name]) for name in ("frames", "latents")
    ]
    found.append(("frames: again in the same process", True, a["frames"], a["again"]))
    found += [(f"{name}: 1 thread or {n}", False, a[name], other[name])
              for name in ("frames", "plain", "latents", "encoded") for n, other in ((2, c), (4, d))]  # fmt: skip
    found += [(f"{name}: {instructions} instructions alone", False, a[name], other[name])
              for name in ("frames", "plain", "latents", "encoded")
              for instructions, other in (("AVX2", e), ("SSE", f))]  # fmt: skip
    for n, values in ((1, a), (2, c)):
        found.append((f"latents: alone or in a batch, {n} threads", False, values["latents"], values["batch"]))
        found.append((f"latents: first or second of a batch, {n} threads", False, values["batch"], values["order"]))
        found.append(
            (f"encoding: frames together or one at a time, {n} threads", False, values["encoded"], values["singly"])
        )
    return [(name, equal, distance(one, other)) for name, equal, one, other in found]


def main() -> int:
    """Print the table; 1 if a promise of equality is broken."""
    if len(sys.argv) > 1:
        make(Path(sys.argv[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        rows = promises(processes(Path(folder)))
    width = max(len(name) for name, _, _ in rows)
    for name, equal, result in rows:
        broken = equal and result != "equal"
        sys.stdout.write(f"{name:{width}}  {result}{'  BROKEN' if broken else ''}\n")
    return int(any(equal and result != "equal" for _, equal, result in rows))


if __name__ == "__main__":
    raise SystemExit(main())

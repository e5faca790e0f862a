"""Table and plot of a grid: each group compared, quality against operations, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..evaluation.figures import new_figure, save_figure
from .records import RunRecord

# Student's t for a 95 % interval of the mean of n runs, n = 2 to 6; more runs are nearly normal.
T_95: Mapping[int, float] = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57}


def by_variant(records: Sequence[RunRecord]) -> dict[str, list[RunRecord]]:
    """Records of each variant, those of the lowest v error first."""
    found: dict[str, list[RunRecord]] = {}
    for record in records:
        found.setdefault(record.name, []).append(record)
    return dict(sorted(found.items(), key=lambda item: _mean([each.v_error for each in item[1]])))


def grid_table(records: Sequence[RunRecord]) -> str:
    """Markdown: one table for each group, best first; intervals are over seeds, of the centroid over clips."""
    parts = []
    for group in dict.fromkeys(record.group for record in records):
        rows = [_row(name, runs) for name, runs in by_variant([r for r in records if r.group == group]).items()]
        head = f"| {group or 'run'} | parameters, M | GFLOPs a pass | steps | v error (95 % over seeds) "
        head += "| centroid, px (95 % over clips) | ball outline, IoU | present | PSNR, dB |"
        parts.append("\n".join([head, "|---" * 9 + "|", *rows, ""]))
    return "\n".join(parts)


def flops_correlation(records: Sequence[RunRecord]) -> float | None:
    """Spearman's rank correlation of operations and v error over variants; None for fewer than three."""
    variants = by_variant(records)
    if len(variants) < 3:
        return None
    flops = [runs[0].gflops for runs in variants.values()]
    errors = [_mean([run.v_error for run in runs]) for runs in variants.values()]
    ranks = [_ranks(np.array(values)) for values in (flops, errors)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def plot_grid(records: Sequence[RunRecord], path: Path, title: str) -> None:
    """v error against operations of one pass, a point for each run, a colour for each group."""
    figure, (axis,) = new_figure(1)
    figure.set_size_inches(6.4, 4.4)
    for group in dict.fromkeys(record.group for record in records):
        runs = [record for record in records if record.group == group]
        axis.scatter([run.gflops for run in runs], [run.v_error for run in runs], s=22, label=group or None)
    for name, runs in by_variant(records).items():
        place = (runs[0].gflops, _mean([run.v_error for run in runs]))
        axis.annotate(name, place, xytext=(4, 3), textcoords="offset points", size=7)
    found = flops_correlation(records)
    note = "" if found is None else f"; rank correlation {found:+.2f}"
    axis.set(title=f"{title}{note}", xlabel="GFLOPs of one pass", ylabel="v error on held-out clips", xscale="log")
    axis.grid(alpha=0.25)
    if any(record.group for record in records):
        axis.legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def seed_interval(values: Sequence[float]) -> float | None:
    """Half of the 95 % interval of the mean over seeds; None for one seed."""
    if len(values) < 2:
        return None
    return T_95.get(len(values), 1.96) * float(np.std(values, ddof=1)) / len(values) ** 0.5


def _row(name: str, runs: Sequence[RunRecord]) -> str:
    error, half = _mean([run.v_error for run in runs]), seed_interval([run.v_error for run in runs])
    first = runs[0]
    low, high = first.metrics["centroid_px_ci"] or (float("nan"),) * 2
    cells = [
        name,
        f"{first.parameters / 1e6:.1f}",
        f"{first.gflops:.2f}",
        f"{round(_mean([run.steps for run in runs])):,}",
        f"{error:.3f}" + ("" if half is None else f" ± {half:.3f}") + f" (n={len(runs)})",
        f"{_metric(runs, 'centroid_px'):.2f} ({low:.2f} to {high:.2f})",
        f"{_metric(runs, 'ball_iou'):.2f}",
        f"{_metric(runs, 'present'):.0%}",
        f"{_metric(runs, 'psnr'):.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _metric(runs: Sequence[RunRecord], name: str) -> float:
    return _mean([run.metrics[name] for run in runs if run.metrics.get(name) is not None])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks, those of equal values their mean."""
    return np.array([(values < each).sum() + ((values == each).sum() - 1) / 2 for each in values])

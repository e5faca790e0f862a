"""Table and plot of a grid: each group compared, quality against operations, with intervals over seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.figures import new_figure, save_figure
from .grid import Claim
from .records import RunRecord
from .statistics import Spread, difference, values_of


def by_variant(records: Sequence[RunRecord]) -> dict[str, list[RunRecord]]:
    """Records of each variant, those of the lowest v error first."""
    found: dict[str, list[RunRecord]] = {}
    for record in records:
        found.setdefault(record.name, []).append(record)
    return dict(sorted(found.items(), key=lambda item: _mean([each.v_error for each in item[1]])))


def grid_table(records: Sequence[RunRecord]) -> str:
    """Markdown: one table for each group, best first; intervals are over seeds, of the centroid over clips."""
    spread = Spread.of(list(values_of(records, "v_error").values()))
    parts = []
    for group in dict.fromkeys(record.group for record in records):
        variants = by_variant([record for record in records if record.group == group])
        head = f"| {group or 'run'} | parameters, M | GFLOPs a pass | clips seen | v error (95 % over seeds) "
        head += "| centroid, px (95 % over clips) | ball outline, IoU | present | PSNR, dB |"
        rows = [_row(name, runs, spread) for name, runs in variants.items()]
        parts.append("\n".join([head, "|---" * 9 + "|", *rows, ""]))
    return "\n".join(parts)


def claims_table(claims: Sequence[Claim], records: Sequence[RunRecord]) -> str:
    """Markdown: what was claimed, what the runs measured, and whether it holds."""
    rows = ["| claim | measured | verdict |", "|---|---|---|"]
    for claim in claims:
        found = difference(values_of(records, claim.metric), claim.better, claim.than, claim.metric)
        measured, verdict = "-", "not run"
        if found:
            interval = "" if found.half_width is None else f" ± {found.half_width:.3f}"
            name = claim.metric.replace("_", " ")
            measured = f"{name} {claim.better} against {claim.than}: better by {found.gain:+.3f}{interval}"
            verdict = found.verdict
        rows.append(f"| {claim.says} | {measured} | {verdict} |")
    return "\n".join([*rows, ""])


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
    """Each run a small point, each variant its mean and interval: v error against operations of one pass.

    Where all variants take the same operations, each has a row of its own instead.
    """
    spread = Spread.of(list(values_of(records, "v_error").values()))  # as in the table: of all runs
    shown = comparable(records)
    figure, (axis,) = new_figure(1)
    if len({f"{record.gflops:.2g}" for record in shown}) == 1:
        figure.set_size_inches(6.8, 1.2 + 0.36 * len(by_variant(shown)))
        _draw_rows(axis, shown, spread, title)
    else:
        figure.set_size_inches(6.8, 4.4)
        _draw_places(axis, shown, spread, title)
    axis.grid(alpha=0.25)
    save_figure(figure, path)


def _draw_rows(axis: Any, records: Sequence[RunRecord], spread: Spread, title: str) -> None:
    """The best variant on top."""
    variants = by_variant(records)
    for row, runs in enumerate(variants.values()):
        errors = [run.v_error for run in runs]
        axis.scatter(errors, [row] * len(runs), s=10, color="C0", alpha=0.5)
        axis.errorbar(_mean(errors), row, xerr=spread.half_width(len(runs)) or 0.0, fmt="o", capsize=3, color="C0")
    axis.set(title=title, xlabel="v error on held-out clips", yticks=range(len(variants)), yticklabels=list(variants))
    axis.invert_yaxis()
    axis.margins(y=0.08)


def _draw_places(axis: Any, records: Sequence[RunRecord], spread: Spread, title: str) -> None:
    """From left to right by operations."""
    from matplotlib.ticker import LogLocator, NullFormatter

    # Of each variant, from left to right.
    places = {name: (own[0].gflops, _mean([run.v_error for run in own])) for name, own in by_variant(records).items()}
    order = sorted(places, key=places.__getitem__)
    for number, group in enumerate(dict.fromkeys(record.group for record in records)):
        runs, color = [record for record in records if record.group == group], f"C{number}"
        axis.scatter([run.gflops for run in runs], [run.v_error for run in runs], s=10, color=color, alpha=0.5)
        variants = by_variant(runs)
        widths = [spread.half_width(len(own)) or 0.0 for own in variants.values()]
        own_places = [places[name] for name in variants]
        axis.errorbar(*zip(*own_places, strict=True), yerr=widths, fmt="o", capsize=3, color=color, label=group or None)
        for name in variants:
            above = order.index(name) % 2 == 0  # neighbours do not write over each other
            axis.annotate(name, places[name], xytext=(6, 4 if above else -11), textcoords="offset points", size=8)
    found = flops_correlation(records)
    note = "" if found is None else f"; rank correlation {found:+.2f}"
    axis.set(title=f"{title}{note}", xlabel="GFLOPs of one pass", ylabel="v error on held-out clips", xscale="log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.margins(x=0.18, y=0.12)
    if len({record.group for record in records}) > 1:
        axis.legend(frameon=False, fontsize=8)


def comparable(records: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs of groups with several variants, all runs where there is none: a v error is compared in its group."""
    variants = Counter(group for group, _ in {(record.group, record.name) for record in records})
    return [record for record in records if variants[record.group] > 1] or list(records)


def _row(name: str, runs: Sequence[RunRecord], spread: Spread) -> str:
    error, half = _mean([run.v_error for run in runs]), spread.half_width(len(runs))
    first = runs[0]
    low, high = first.metrics["centroid_px_ci"] or (float("nan"),) * 2
    cells = [
        name,
        f"{first.parameters / 1e6:.1f}",
        f"{first.gflops:.2f}",
        f"{round(_mean([run.clips for run in runs])):,}",
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

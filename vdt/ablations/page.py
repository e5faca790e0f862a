"""One page of all comparisons, from recorded runs: what was claimed, what was measured, with intervals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from ..media.files import write_text
from .grid import Grid, read_grid
from .records import RunRecord, read_records, write_records
from .report import claims_table, grid_table, plot_grid

INTRODUCTION = """# Ablations

Which of the article's choices pay, each trained and measured here. A grid file says what is compared; every run of a
grid has the same budget and is measured on the same held-out clips:

```bash
{commands}
vdt ablate {files} --page {page}
```

The last command makes this page from the recorded runs, which lie beside the grid files as JSON. Runs of one recipe and
seed that several grids name are trained once.

The v error is the mean squared error of the prediction over all tasks, on held-out clips with the same masks, times and
noise for every model. Intervals of the v error are 95 % over seeds, from the spread of all variants of a grid together
(as in a one-way analysis of variance, Student's t); those of the centroid are over clips, of the first seed. A claim
*holds* where the interval of the difference lies on its side of zero, and is *not settled* where it includes zero. The
budgets are far below the paper's: what is said holds for small models early in training.
"""


def write_page(grids: Sequence[Path], runs: Path, page: Path, plots: Path) -> str:
    """Collect the finished runs of each grid below `runs` into a JSON file beside it, and write the page and its plots.

    Runs recorded before stay. Returns the page's text; ValueError if a grid has none.
    """
    parts = []
    plots.mkdir(parents=True, exist_ok=True)
    for path in grids:
        grid, records = read_grid(path), collect(path, runs / path.stem)
        plot = plots / f"ablations-{path.stem}.png"
        plot_grid(records, plot, grid.title)
        parts.append(_section(grid, records, plot, page))
    commands = "\n".join(f"vdt ablate {path.as_posix()} --output {(runs / path.stem).as_posix()}" for path in grids)
    files = " ".join(f"{path.as_posix()} \\\n   " for path in grids)
    text = "\n".join([INTRODUCTION.format(commands=commands, files=files, page=page.as_posix()), *parts])
    write_text(text, page)
    return text


def collect(path: Path, folder: Path) -> list[RunRecord]:
    """The records of a grid: those in its JSON file, and newer ones below `folder`, which are added to the file."""
    kept = path.with_suffix(".json")
    known = [RunRecord(**each) for each in json.loads(kept.read_text(encoding="utf-8"))] if kept.is_file() else []
    found = {(record.name, record.seed): record for record in [*known, *read_records(folder)]}
    names = {variant.name for variant in read_grid(path).variants}
    records = [record for (name, _), record in sorted(found.items()) if name in names]
    if not records:
        raise ValueError(f"{path} has no finished run below {folder}: train them with vdt ablate {path}")
    write_records(records, kept)
    return records


def _section(grid: Grid, records: Sequence[RunRecord], plot: Path, page: Path) -> str:
    """Heading, budget, table, claims and plot of one grid."""
    budget = f"{grid.minutes:g} minutes" if grid.minutes else f"{grid.steps:,} steps"
    clock = " of the process's own time" if grid.minutes and grid.clock == "cpu" else ""
    machines = "; ".join(sorted({record.machine for record in records}))
    missing = [each.name for each in grid.variants if each.name not in {record.name for record in records}]
    lines = [
        f"## {grid.title}",
        "",
        *([grid.about.strip(), ""] if grid.about else []),
        fill(f"{len(records)} runs of {budget}{clock}, measured on {grid.count} held-out clips ({machines}).", 120),
        *([f"Not run: {', '.join(missing)}."] if missing else []),
        "",
        grid_table(records),
        *([claims_table(grid.claims, records)] if grid.claims else []),
        f"![{grid.title}]({_relative(plot, page)})",
        "",
    ]
    return "\n".join(lines)


def _relative(path: Path, page: Path) -> str:
    """Where a picture lies, as a link of the page."""
    folder = page.parent.absolute()
    path = path.absolute()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()

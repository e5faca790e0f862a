"""`vdt ablate`: a grid of runs at equal budgets, trained, measured, and compared in a table and a plot."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .options import add_device_option, positive
from .outputs import check_folder

RUNS = Path("runs/ablations")


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt ablate`."""
    parser = commands.add_parser(
        "ablate",
        parents=[common],
        help="compare many trained models",
        description="Train every run of a grid with the same budget, measure each on held-out clips, and write "
        "results.json, table.md and flops.png. Ctrl-C and SIGTERM stop it; the same command goes on.\n\n"
        "  vdt ablate docs/ablations/schemes.toml --output runs/ablations/schemes --jobs 1\n"
        "  vdt ablate docs/ablations/*.toml --page docs/ablations.md",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "grids", type=Path, nargs="+", metavar="GRID.toml", help="which runs, of which recipe, for how long"
    )
    add_device_option(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"folder of the runs (default: {RUNS}/NAME OF GRID)")
    parser.add_argument("--jobs", type=positive, metavar="N", help="runs at once (default: one for each core or GPU)")
    parser.add_argument("--only", metavar="RUN", help="this run alone, such as mask-s0, in this process")
    parser.add_argument("--report", action="store_true", help="train nothing: table and plot of the runs there are")
    parser.add_argument(
        "--page",
        type=Path,
        metavar="PAGE.md",
        help="train nothing: record finished runs beside each grid, and write one page of all of them",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Do what is missing, and say what was found."""
    if options.page:
        _write_page(options)
        return
    for path in options.grids:
        _run_grid(path, options)


def _write_page(options: argparse.Namespace) -> None:
    from ..ablations.page import write_page

    page = options.page
    check_folder(page.parent)
    write_page(options.grids, options.output or RUNS, page, page.parent / "images")
    print(page)


def _run_grid(path: Path, options: argparse.Namespace) -> None:
    """Train and measure one grid, or report it."""
    from ..ablations import read_grid, read_records, run_grid
    from ..ablations.measure import run_and_measure
    from ..inference.pipeline import resolve_device

    grid = read_grid(path)
    alone = options.output and len(options.grids) == 1
    folder = options.output if alone else (options.output or RUNS) / path.stem
    check_folder(folder)
    device = str(resolve_device(options.device))
    if options.only:
        chosen = [each for each in grid.runs if each.name == options.only]
        if not chosen:
            names = ", ".join(each.name for each in grid.runs)
            raise ValueError(f"the grid has no run {options.only!r}, expected one of {names}")
        print(run_and_measure(path, grid, chosen[0], folder, device).to_json())
        return
    if not options.report:
        run_grid(path, grid, folder, device=device, jobs=options.jobs or 0)
    print(_write(folder, grid.title, read_records(folder)))


def _write(folder: Path, title: str, records: list[Any]) -> str:
    """Write results.json, table.md and flops.png; the table."""
    from ..ablations.records import write_records
    from ..ablations.report import grid_table, plot_grid
    from ..media.files import write_text

    if not records:
        raise ValueError(f"no run below {folder} is finished: leave --report out to train them")
    write_records(records, folder / "results.json")
    table = grid_table(records)
    write_text(f"# {title}\n\n{table}", folder / "table.md")
    plot_grid(records, folder / "flops.png", title)
    return table

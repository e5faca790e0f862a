"""`python -m tests.torture`: runs families of cases, goes on where an earlier run was stopped, prints one table."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

from .families.table import FAMILIES
from .family import Family
from .journal import Journal, Piece, sources_digest
from .outcomes import ROOT
from .report import bad_cases, coverage_table, is_bad, table
from .runner import Options, run_piece

SIZES = ("small", "full")
MOST_LINES = 40  # of cases that ended badly


def main() -> int:
    """Run what is left of a run; 1 if any case has crashed, hung or lost something."""
    arguments = _parser().parse_args()
    folder = arguments.folder / f"{arguments.size}-{arguments.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder / "journal.jsonl")
    names = arguments.only or list(FAMILIES)
    data, sources = folder / "coverage", sources_digest()
    if arguments.anew or (any(piece.sources != sources for piece in journal.pieces.values()) and not arguments.keep):
        for name in names if arguments.anew else list(FAMILIES):
            journal.forget(name)
        for old in folder.glob("coverage*"):
            old.unlink()
    options = Options(
        seed=arguments.seed, coverage="" if arguments.no_coverage else str(data), failures=folder / "failures"
    )
    if arguments.case is not None:
        return _repeat(FAMILIES[names[0]](), arguments.case, options)
    began, complete = time.monotonic(), _run(arguments, names, journal, options, sources)
    pieces = list(journal.pieces.values())
    print(f"\nTORTURE={arguments.size}, seed {arguments.seed}, {_machine()}, {time.strftime('%Y-%m-%d')}")
    print(f"this call took {time.monotonic() - began:.0f} s\n\n{table(FAMILIES, pieces)}\n")
    if not arguments.no_coverage and (reached := coverage_table(data)):
        print(reached + "\n")
    lines = bad_cases(pieces)
    for line in lines[:MOST_LINES]:
        print(line)
    if len(lines) > MOST_LINES:
        print(f"and {len(lines) - MOST_LINES} more, see {folder / 'failures'}")
    if len({piece.sources for piece in pieces if piece.sources}) > 1:
        print("the code has changed between pieces of this run: --anew runs all of them again")
    if not complete:
        print("stopped before the end: the same command goes on from here")
    return int(is_bad(pieces))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    size = os.environ.get("TORTURE") or "small"
    parser.add_argument("--size", choices=SIZES, default=size, help="small or full (default: $TORTURE, else small)")
    parser.add_argument("--seed", type=int, default=0, help="other seeds try other cases (default: 0)")
    parser.add_argument("--only", action="append", choices=list(FAMILIES), help="this family; may be repeated")
    parser.add_argument("--case", type=int, help="repeat one case of the family of --only, with its traceback")
    parser.add_argument("--keep", action="store_true", help="keep what was run before the code was changed")
    parser.add_argument("--anew", action="store_true", help="run what has been run again")
    parser.add_argument("--no-coverage", action="store_true", help="do not measure which code is reached; faster")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no piece after so many")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "torture", help="(default: build/torture)")
    return parser


def _run(arguments: argparse.Namespace, names: list[str], journal: Journal, options: Options, sources: str) -> bool:
    """Run the pieces that are missing; whether all have been run."""
    deadline = time.monotonic() + 60 * arguments.minutes
    for family, first, stop in _pieces(names, arguments.size):
        if (family.name, first, stop) in journal.pieces:
            continue
        if time.monotonic() > deadline:
            return False
        piece = run_piece(family, first, stop, options)
        piece.sources = sources
        journal.add(piece)
        _say(piece)
    return True


def _pieces(names: list[str], size: str) -> list[tuple[Family, int, int]]:
    """The first piece of every family, then the second, and so on: a run that is stopped has tried them all."""
    found = []
    for name in names:
        family = FAMILIES[name]()
        count = getattr(family, size)
        for number, first in enumerate(range(0, count, family.piece)):
            found.append((number, family, first, min(count, first + family.piece)))
    return [(family, first, stop) for _, family, first, stop in sorted(found, key=lambda entry: entry[0])]


def _repeat(family: Family, number: int, options: Options) -> int:
    """Run one case again and print what was said."""
    piece: Piece = run_piece(family, number, number + 1, options)
    _say(piece)
    for text in [*piece.refusals, *(bad.said for bad in piece.bad)]:
        print(text)
    return int(bool(piece.bad))


def _say(piece: Piece) -> None:
    counts = ", ".join(f"{count} {outcome}" for outcome, count in piece.counts.items())
    print(f"{piece.family} {piece.first}-{piece.stop - 1}: {piece.note or counts} ({piece.seconds:.0f} s)", flush=True)


def _machine() -> str:
    import torch

    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"


if __name__ == "__main__":
    sys.exit(main())

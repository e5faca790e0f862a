"""The table of a run, and how much of the code it reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from .journal import Piece
from .outcomes import BAD, OUTCOMES

# What a run must reach: parts of the code by the files that belong to them.
PARTS: Mapping[str, tuple[str, ...]] = {
    "parsers": (
        "vdt_studio/graph/*",
        "vdt_studio/engine/validate.py",
        "vdt_studio/engine/values.py",
        "vdt_studio/engine/order.py",
        "vdt/training/recipe.py",
        "vdt/config.py",
        "vdt/bounds.py",
        "vdt/checkpoints/*",
        "vdt/masks/frame_lists.py",
        "vdt/masks/timeline.py",
    ),
    "planner": (
        "vdt/inference/windows.py",
        "vdt/inference/estimate.py",
        "vdt/inference/settings.py",
        "vdt/masks/clip_plan.py",
        "vdt/cli/generate/plan.py",
        "vdt/cli/generate/requests.py",
    ),
    "masks": ("vdt/masks/*",),
    "server": ("vdt_studio/server/*",),
    "media reader": (
        *(f"vdt/media/{name}.py" for name in ("audio", "clip", "filters", "frames", "opening", "packets", "pictures")),
        *(f"vdt/media/{name}.py" for name in ("probing", "timeline", "types", "upright", "video", "video_folder")),
        "vdt_studio/media/video.py",
        "vdt_studio/media/images.py",
    ),
}


def table(names: Iterable[str], pieces: Iterable[Piece]) -> str:
    """One row for each family, also for those that could not run; the last row is the sum."""
    rows: list[list[str]] = [["family", "tried", *OUTCOMES, "seconds"]]
    total, seconds = Counter[str](), 0.0
    pieces, about = list(pieces), list[str]()
    for name in names:
        own = [piece for piece in pieces if piece.family == name]
        counts = sum((piece.counts for piece in own), Counter[str]())
        time = sum(piece.seconds for piece in own)
        notes = sorted({piece.note for piece in own if piece.note})
        if notes or not own:
            about.append(f"{name}: {'; '.join(notes) or 'not run'}")
            rows.append([name, "-", *["-"] * (len(OUTCOMES) + 1)])
            continue
        rows.append(_row(name, counts, time))
        total, seconds = total + counts, seconds + time
    rows.append(_row("all", total, seconds))
    return "\n".join([_markdown(rows), *([""] if about else []), *about])


def bad_cases(pieces: Iterable[Piece]) -> list[str]:
    """One line for each case that ended badly: how to repeat it, and the end of what was said."""
    return [
        f'{bad.outcome}: --only "{piece.family}" --case {bad.number}: {bad.said.strip().splitlines()[-1][:200]}'
        for piece in pieces
        for bad in piece.bad
    ]


def is_bad(pieces: Iterable[Piece]) -> bool:
    return any(piece.counts[outcome] for piece in pieces for outcome in BAD)


def coverage_table(data: Path) -> str:
    """How much of each part was run: statements and branches; empty where nothing was measured."""
    import coverage

    measured = coverage.Coverage(data_file=str(data), branch=True, source=["vdt", "vdt_studio"])
    found = [path for path in data.parent.glob(f"{data.name}*") if path.is_file()]
    if not found:
        return ""
    measured.combine([str(path) for path in found if path != data], keep=True)
    rows = [["part", "statements", "branches", "statements run", "both"]]
    for part, files in PARTS.items():
        numbers = _numbers(measured, files)
        share = numbers.n_executed / max(1, numbers.n_statements)
        rows.append(
            [
                part,
                str(numbers.n_statements),
                str(numbers.n_branches),
                f"{100 * share:.1f} %",
                f"{numbers.pc_covered:.1f} %",
            ]
        )
    return _markdown(rows)


def _numbers(measured, files: tuple[str, ...]):
    from coverage.results import Numbers

    total = Numbers()
    root = Path(__file__).resolve().parents[2]
    for pattern in files:
        for path in sorted(root.glob(pattern)):
            if path.suffix == ".py":
                total += measured._analyze(str(path)).numbers
    return total


def _row(name: str, counts: Counter[str], seconds: float) -> list[str]:
    return [name, f"{counts.total():,}", *(f"{counts[outcome]:,}" for outcome in OUTCOMES), f"{seconds:.0f}"]


def _markdown(rows: list[list[str]]) -> str:
    """Rows as a table of Markdown, the first column to the left, numbers to the right."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]

    def line(cells: list[str]) -> str:
        first, *rest = cells
        numbers = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        return "| " + " | ".join([first.ljust(widths[0]), *numbers]) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(rows[0]), line(rule), *map(line, rows[1:])])

"""What has been run: a line of JSON for each piece, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .outcomes import BAD, ROOT

_SOURCES = ("vdt", "vdt_studio", "nodes", "tests/torture")


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A case that ended badly, and what was said."""

    number: int
    outcome: str
    said: str


@dataclass(kw_only=True)
class Piece:
    """Some cases of a family: how many ended in which way, those that ended badly, examples of refusals."""

    family: str
    first: int
    stop: int
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    bad: list[Bad] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)  # a few, to read
    note: str = ""  # why it could not run
    sources: str = ""  # digest of the code that ran

    def add(self, number: int, outcome: str, said: str) -> None:
        """Count a case."""
        self.counts[outcome] += 1
        if outcome in BAD:
            self.bad.append(Bad(number=number, outcome=outcome, said=said))
        elif said and len(self.refusals) < 20:
            self.refusals.append(said)


class Journal:
    """The pieces of a run of one size and seed, in a file that is only appended to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.pieces: dict[tuple[str, int, int], Piece] = {(p.family, p.first, p.stop): p for p in self._read()}

    def add(self, piece: Piece) -> None:
        """Keep a piece; it is on the disk before anything else runs."""
        self.pieces[piece.family, piece.first, piece.stop] = piece
        with self._path.open("a", encoding="utf-8") as file:
            file.write(
                json.dumps({**vars(piece), "counts": dict(piece.counts), "bad": [vars(bad) for bad in piece.bad]})
                + "\n"
            )

    def forget(self, family: str) -> None:
        """Run a family anew: of two lines for one piece the later one counts."""
        self.pieces = {key: piece for key, piece in self.pieces.items() if key[0] != family}

    def _read(self) -> Iterator[Piece]:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                values = json.loads(line)
            except ValueError:  # the machine went down in the middle of a line
                continue
            values["counts"], values["bad"] = Counter(values["counts"]), [Bad(**bad) for bad in values["bad"]]
            yield Piece(**values)


def sources_digest() -> str:
    """Of all code that a run depends on."""
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

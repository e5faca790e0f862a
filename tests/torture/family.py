"""What a family of cases is, and how its cases are run one after another."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from .outcomes import ending


class Tell(Protocol):
    """Reports to the process that watches: a case begins, a case has ended."""

    def began(self, number: int) -> None: ...

    def ended(self, number: int, outcome: str, said: str) -> None: ...


class Family:
    """Cases of one kind. Each follows from the seed of the run and its number, so it can be repeated alone."""

    name = ""
    small = 0  # cases of the small run
    full = 0  # cases of the full run
    piece = 1000  # cases of one process
    seconds = 60.0  # after which a case counts as hung; far more than any takes on a slow machine

    def missing(self) -> str:
        """Why it cannot run on this machine; empty if it can."""
        return ""

    def prepare(self, folder: Path) -> Any:
        """What all cases of a process share; `folder` is empty and theirs."""
        return folder

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        """Do one thing. None is fine; what it raises is judged, see `outcomes.ending`."""
        raise NotImplementedError

    def finish(self, shared: Any) -> None:
        """After the last case of a process; what it raises counts as the ending of that case."""

    def run(self, numbers: range, seed: int, folder: Path, tell: Tell, ready: Callable[[], None]) -> None:
        """Run these cases in this process. `ready` is called when everything is loaded."""
        shared = self.prepare(folder)
        ready()
        for number in numbers:
            tell.began(number)
            outcome, said = ending(lambda number=number: self.case(shared, number, rng_of(seed, self.name, number)))
            if number == numbers[-1] and outcome in ("fine", "refused"):
                last, about = ending(lambda: self.finish(shared))
                outcome, said = (outcome, said) if last == "fine" else (last, about)
            tell.ended(number, outcome, said)


def rng_of(seed: int, name: str, number: int) -> random.Random:
    """The generator of a case."""
    return random.Random(f"{seed}/{name}/{number}")


class HypothesisFamily(Family):
    """Cases drawn by Hypothesis; a piece is one run of its engine, so a case is repeated with its piece."""

    def strategy(self, shared: Any) -> Any:
        """What cases are drawn from."""
        raise NotImplementedError

    def example(self, shared: Any, drawn: Any) -> str | None:
        """Do one thing with what was drawn."""
        raise NotImplementedError

    def run(self, numbers: range, seed: int, folder: Path, tell: Tell, ready: Callable[[], None]) -> None:
        """As in `Family`."""
        import hypothesis
        from hypothesis import HealthCheck, Phase

        shared = self.prepare(folder)
        ready()
        done = 0

        def one(drawn: Any) -> None:
            nonlocal done
            if done >= len(numbers):
                return
            number, done = numbers[done], done + 1
            tell.began(number)
            outcome, said = ending(lambda: self.example(shared, drawn))
            tell.ended(number, outcome, f"{drawn!r:.2000}\n{said}" if outcome == "crashed" else said)

        before = -1
        while before < done < len(numbers):  # the engine stops early where it has seen all there is
            before = done
            options = hypothesis.settings(
                max_examples=len(numbers) - done,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            test = hypothesis.given(self.strategy(shared))(one)
            hypothesis.seed(f"{seed}/{self.name}/{numbers[0] + done}")(options(test))()

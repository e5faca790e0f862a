"""A family whose cases end in every way there is: for the tests of the runner, and in no table."""

from __future__ import annotations

import os
import random
import time
from typing import Any

from ..family import Family
from ..outcomes import LostError, check

ENDINGS = ("fine", "refused", "crashed", "crashed", "crashed", "hung", "lost", "fine")


class Toys(Family):
    name = "toys"
    small = full = piece = len(ENDINGS)
    seconds = 8.0

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        if number == 1:  # a sentence of ours
            from vdt_studio.cli import build_parser

            build_parser().parse_args(["nonsense"])
        elif number == 2:  # a ValueError that nobody wrote for users
            int("x")
        elif number == 3:
            check(rng.random() > 1, "a promise that does not hold")
        elif number == 4:
            os._exit(3)
        elif number == 5:
            time.sleep(10_000)
        elif number == 6:
            raise LostError("a file is gone")
        return None

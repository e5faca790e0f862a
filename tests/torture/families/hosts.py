"""The shipped graphs in real ComfyUI servers and in the studio: the same latents, the same frames."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..family import Family
from ..outcomes import ROOT, BrokenPromiseError

TESTS = "tests/comfyui/test_workflows.py"


def checkouts() -> list[str]:
    return os.environ.get("COMFYUI_PATH", "").split()


class Hosts(Family):
    name = "determinism: hosts"
    small = 0
    full = 2
    piece = 1
    seconds = 3600.0

    def missing(self) -> str:
        if not checkouts():
            return "not run: COMFYUI_PATH names no checkout of ComfyUI"
        return ""

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        paths = checkouts()
        if number >= len(paths):
            return None
        host = Path(paths[number])
        command = [sys.executable, "tests/comfyui/hosts.py", "test", str(host), "--", "-q", "-k", "test_workflows"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise BrokenPromiseError(f"{host.name}: {done.stdout[-3000:]}")
        return None

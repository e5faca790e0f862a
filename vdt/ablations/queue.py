"""Runs of a grid, as many at once as there are cores or GPUs; what is finished is never done again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from .grid import Grid, Run
from .records import RECORD

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Place:
    """Where a run works: a device, and for CPU runs how many threads."""

    device: str
    threads: int

    def environment(self) -> dict[str, str]:
        """Of a process that works there."""
        return {**os.environ, "OMP_NUM_THREADS": str(self.threads), "MKL_NUM_THREADS": str(self.threads)}


def free_places(device: str, jobs: int) -> list[Place]:
    """Every GPU, or `jobs` shares of this machine's cores; 0 jobs are one for each core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if device == "cuda":
        count = torch.cuda.device_count()
        return [Place(f"cuda:{number}", max(1, cores // count)) for number in range(count)][: jobs or None]
    jobs = jobs or cores
    return [Place(device, max(1, cores // jobs)) for _ in range(jobs)]


def run_grid(
    path: Path, grid: Grid, folder: Path, *, device: str = "cpu", jobs: int = 0, progress: bool = True
) -> None:
    """Train and measure what is missing.

    Each run is a process of its own that goes on from its last checkpoint. Ctrl-C and SIGTERM stop all of them after
    their next step; the same command then goes on. ValueError names the runs that failed, after the others.
    """
    waiting = [run for run in grid.runs if not (folder / run.name / RECORD).is_file()]
    places = dict(enumerate(free_places(device, jobs)))
    working: dict[int, tuple[Run, subprocess.Popen[bytes]]] = {}  # by the number of their place
    failed: list[str] = []
    bar = tqdm(total=len(grid.runs), initial=len(grid.runs) - len(waiting), unit="run", disable=not progress)
    try:
        while waiting or working:
            for number in [each for each in places if each not in working][: len(waiting)]:
                run = waiting.pop(0)
                working[number] = (run, _start(path, run, folder, places[number]))
            time.sleep(POLL_SECONDS)
            for number, (run, process) in list(working.items()):
                if process.poll() is not None:
                    del working[number]
                    bar.update()
                    failed += [run.name] if process.returncode else []
    finally:
        bar.close()
        stop_all([process for _, process in working.values()])
    if failed:
        raise ValueError(f"{len(failed)} runs failed: {', '.join(failed)}; see log.txt in their folders below {folder}")


def stop_all(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask each to save and stop, and wait for it."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()


def _start(path: Path, run: Run, folder: Path, place: Place) -> subprocess.Popen[bytes]:
    """A process that trains and measures one run; what it says goes to log.txt in the run's folder."""
    own = folder / run.name
    own.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", __package__.partition(".")[0], "ablate", str(path), "--output", str(folder)]
    with (own / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [*command, "--only", run.name, "--device", place.device],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=place.environment(),
        )

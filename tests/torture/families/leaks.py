"""The same process runs graphs again and again: memory, open files and threads do not grow."""

from __future__ import annotations

import os
import random
import statistics
import threading
from pathlib import Path
from typing import Any

from ..family import Family
from ..outcomes import check
from .material import WORKFLOWS, open_studio

NAMES = ("predict", "interpolate", "image_to_video", "timeline", "loop")
OPEN_FILES = Path("/proc/self/fd")  # of this process, on Linux
WARM = 20  # runs after which memory is what it will be
GROWTH = 48 << 20  # bytes of resident memory over all runs after that


class Leaks(Family):
    name = "graph runs for leaks"
    small = 6
    full = 200
    piece = 200
    seconds = 300.0

    def prepare(self, folder: Path) -> Any:
        studio = open_studio(folder / "studio", cache=True)
        paths = [path for path in WORKFLOWS if path.stem in NAMES]
        workflows = [studio.load(path, []) for path in paths]
        return {"studio": studio, "workflows": workflows, "memory": [], "files": [], "threads": []}

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        from vdt_studio.graph.overrides import apply_override, parse_override

        studio, workflow = shared["studio"], shared["workflows"][number % len(shared["workflows"])]
        for node in workflow.graph:
            if "seed" in node.inputs and not node.class_type.startswith("VDTMask"):
                workflow = apply_override(workflow, parse_override(f"{node.id}.seed={number}"), studio.registry)
        result = studio.run(workflow)
        check(bool(result.executed), "nodes ran")
        for path in studio.folders.output.rglob("*"):
            if path.is_file():
                path.unlink()
        shared["memory"].append(_resident())
        shared["files"].append(len(list(OPEN_FILES.iterdir())) if OPEN_FILES.is_dir() else 0)
        shared["threads"].append(threading.active_count())
        return None

    def finish(self, shared: Any) -> None:
        first, last = len(shared["workflows"]), len(shared["files"]) - 1
        if last <= first:
            return
        check(shared["files"][last] <= shared["files"][first] + 1, f"open files grow: {shared['files']}")
        check(shared["threads"][last] <= shared["threads"][first] + 1, f"threads grow: {shared['threads']}")
        memory = shared["memory"]
        if len(memory) >= 3 * WARM:
            grown = statistics.median(memory[-WARM:]) - statistics.median(memory[WARM : 2 * WARM])
            check(grown < GROWTH, f"memory grows by {grown / 2**20:.0f} MiB over {len(memory)} runs")


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")

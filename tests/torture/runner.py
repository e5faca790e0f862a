"""Runs pieces of families in processes of their own, and watches them: a case that takes too long is ended there."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .family import Family
from .journal import Piece
from .outcomes import CRASHED, HUNG, ROOT

LOADING = 600.0  # seconds until the first case of a process, however slow the machine
_TAIL = 4000  # characters of what a process that died has printed


@dataclass(frozen=True, kw_only=True)
class Options:
    """What all pieces share."""

    seed: int
    coverage: str  # file that coverage data is written beside; empty: none is
    failures: Path  # folder for what was said of bad cases


def run_piece(family: Family, first: int, stop: int, options: Options) -> Piece:
    """All cases of a piece; where one takes its process down the next goes on in a new one."""
    piece, began = Piece(family=family.name, first=first, stop=stop), time.monotonic()
    if note := family.missing():
        piece.note = note
        return piece
    while first < stop:
        first = _run_process(family, first, stop, options, piece)
    piece.seconds = time.monotonic() - began
    for bad in piece.bad:
        options.failures.mkdir(parents=True, exist_ok=True)
        path = options.failures / f"{family.name.replace(' ', '_')}-{bad.number}-{bad.outcome}.txt"
        path.write_text(bad.said, encoding="utf-8", errors="replace")
    return piece


def _run_process(family: Family, first: int, stop: int, options: Options, piece: Piece) -> int:
    """Run cases until the process ends; the number of the case to go on with."""
    folder = Path(tempfile.mkdtemp(prefix="vdt-torture-"))
    reading, writing = os.pipe()
    job = {
        "family": family.name,
        "first": first,
        "stop": stop,
        "seed": options.seed,
        "folder": str(folder),
        "pipe": writing,
        "coverage": options.coverage,
    }
    try:
        with (folder.parent / f"{folder.name}.log").open("wb+") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.torture.worker", json.dumps(job)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[writing],
                start_new_session=True,  # with its children it can be ended as one
                env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            )
            os.close(writing)
            try:
                return _watch(process, reading, log, family, first, stop, piece)
            finally:
                _end(process)
    finally:
        os.close(reading)
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / f"{folder.name}.log").unlink(missing_ok=True)


def _watch(
    process: subprocess.Popen[bytes], reading: int, log, family: Family, first: int, stop: int, piece: Piece
) -> int:
    """Count what a process tells; the number of the case to go on with after its end."""
    current: int | None = None  # the case that runs
    following, limit = first, [LOADING]
    for event in _events(reading, limit):
        if event is None:  # nothing was heard for too long
            if current is None:
                piece.add(following, CRASHED, f"the process was not ready after {LOADING:g} s\n{_printed(log)}")
                return stop
            piece.add(current, HUNG, f"no end after {family.seconds:g} s\n{_printed(log)}")
            return current + 1
        if event[0] == "done":
            process.wait(LOADING)
            return stop
        if event[0] == "began":
            current, limit[0] = event[1], family.seconds
        elif event[0] == "ended":
            piece.add(event[1], event[2], event[3])
            current, following, limit[0] = None, event[1] + 1, family.seconds + LOADING
    code = process.wait(LOADING)
    if current is not None:
        piece.add(current, CRASHED, f"the process ended with {_code(code)} within the case\n{_printed(log)}")
        return current + 1
    if following < stop:
        piece.add(following, CRASHED, f"the process ended with {_code(code)} between cases\n{_printed(log)}")
    return stop


def _events(reading: int, limit: list[float]) -> Iterator[list | None]:
    """Events of a process until it ends; None once nothing came for so many seconds, which may change meanwhile."""
    rest = b""
    while True:
        while b"\n" not in rest:
            ready, _, _ = select.select([reading], [], [], limit[0])
            if not ready:
                yield None
                return
            data = os.read(reading, 1 << 16)
            if not data:
                return
            rest += data
        line, _, rest = rest.partition(b"\n")
        yield json.loads(line)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all its children, which are its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _code(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _printed(log) -> str:
    log.flush()
    text = Path(log.name).read_bytes()[-_TAIL:]
    return text.decode(errors="replace")

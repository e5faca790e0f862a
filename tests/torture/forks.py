"""Work in a child of this process, which may be killed, limited or robbed of its rights."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from .outcomes import CRASHED, ending

NOBODY = 65534  # the user without any rights


def forked(work: Callable[[], object], log: Path, *, before: Callable[[], object] | None = None) -> int:
    """Begin work in a child and return its process id; what it prints goes to a file.

    Its exit code is what the work returns if that is a number, else 0; 1 after an exception, which the file then holds.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(target, 1)
        os.dup2(target, 2)
        if before is not None:
            before()
        result = work()
        code = result if isinstance(result, int) else 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        import sys

        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def killed(pid: int, seconds: float, number: int) -> int:
    """Let a child work for so long, send it a signal, and wait for its end: its code, or less than 0 for a signal."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, number)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def finished(pid: int) -> int:
    """Wait for the end of a child."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def judged(case: Callable[[], str | None], log: Path, *, before: Callable[[], object] | None = None) -> tuple[str, str]:
    """The ending of a case that runs in a child, see `outcomes.ending`."""
    answer = log.with_suffix(".json")
    answer.touch()
    answer.chmod(0o666)

    def work() -> None:
        with answer.open("w") as file:  # opened before rights or sizes are taken away
            if before is not None:
                before()
            text = json.dumps(ending(case))
            lift_limits()
            file.write(text)

    code = finished(forked(work, log))
    try:
        outcome, said = json.loads(answer.read_text())
    except ValueError:
        return CRASHED, f"the process ended with {code}: {log.read_text(errors='replace')[-2000:]}"
    return outcome, said


def limit_files(size: int) -> None:
    """No file of this process may grow beyond a size: as if the disk were full."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def lift_limits() -> None:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def drop_rights() -> None:
    """Become a user without rights, where this is root: root may write into any folder."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

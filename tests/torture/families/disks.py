"""Full disks and folders that nothing can be written to: the file is named, and what was there stays."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..family import Family
from ..forks import drop_rights, judged, limit_files
from ..outcomes import CRASHED, LOST, BrokenPromiseError, LostError, check
from .writers import Writers

DISK = 1 << 20  # bytes of the small disk
CLONE_NEWNS = 0x20000  # a view of mounts of its own


class _Disk(Family):
    """A writer at work on a file that is there already, in a child with little room or few rights."""

    small = 11
    full = 400
    piece = 200
    seconds = 120.0

    def prepare(self, folder: Path) -> Any:
        folder.chmod(0o755)
        return Writers(folder / "sources"), self.place(folder), folder / "child.log"

    def place(self, folder: Path) -> Path:
        """The folder that is written to."""
        made = folder / "target"
        made.mkdir()
        return made

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        writers, folder, log = shared
        name = list(writers.all)[number % len(writers.all)]
        target = folder / writers.all[name].file
        existed = rng.random() < 0.7
        before = b"what was there"
        if existed:
            target.write_bytes(before)

        def work() -> None:
            try:
                writers.all[name].write(target)
            except ValueError as error:
                check(target.stem[:8] in str(error), f"{name}: the file is not named: {error}")
                raise

        outcome, said = self.judged(work, folder, log, rng)
        try:
            self._judge_files(name, outcome, folder, target, before if existed else None)
        finally:
            self.clean(folder)
        if outcome in (CRASHED, LOST):
            raise BrokenPromiseError(f"{name}: {said}")
        return outcome

    def judged(self, work: Any, folder: Path, log: Path, rng: random.Random) -> tuple[str, str]:
        raise NotImplementedError

    def clean(self, folder: Path) -> None:
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _judge_files(self, name: str, outcome: str, folder: Path, target: Path, before: bytes | None) -> None:
        there = target.read_bytes() if target.exists() else None
        if outcome != "fine" and there != before:
            raise LostError(f"{name}: {target.name} holds {there and len(there)} bytes after an error, had {before!r}")
        hidden = [path.name for path in folder.rglob(".*")]
        check(not hidden, f"{name}: temporary files are left: {hidden}")


class FullDisk(_Disk):
    name = "full disk (small tmpfs)"

    def missing(self) -> str:
        with tempfile.TemporaryDirectory() as folder:
            command = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", folder]
            try:
                done = subprocess.run(command, capture_output=True, text=True)
            except OSError as error:
                return f"not run: {error}"
            return "" if done.returncode == 0 else f"not run: no tmpfs can be mounted here ({done.stderr.strip()[:80]})"

    def place(self, folder: Path) -> Path:
        import ctypes

        made = folder / "disk"
        made.mkdir()
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):  # the mount ends with this process
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(made)], check=True)
        return made

    def judged(self, work: Any, folder: Path, log: Path, rng: random.Random) -> tuple[str, str]:
        free = rng.choice((0, 4096, rng.randrange(60_000), rng.randrange(DISK)))
        there = os.statvfs(folder)
        (folder / "filler").write_bytes(bytes(max(0, there.f_bavail * there.f_bsize - free)))
        outcome = judged(work, log)
        (folder / "filler").unlink()
        return outcome


class LimitedFiles(_Disk):
    name = "full disk (limit of a file)"

    def missing(self) -> str:
        return "" if sys.platform.startswith("linux") else "not run: file sizes are limited on Linux only"

    def judged(self, work: Any, folder: Path, log: Path, rng: random.Random) -> tuple[str, str]:
        size = rng.choice((0, 1, rng.randrange(500), rng.randrange(30_000), rng.randrange(400_000)))
        return judged(work, log, before=lambda: limit_files(size))


class ReadOnly(_Disk):
    name = "read-only folders"
    small = 10
    full = 100

    def judged(self, work: Any, folder: Path, log: Path, rng: random.Random) -> tuple[str, str]:
        folder.chmod(0o555)
        try:
            outcome, said = judged(work, log, before=drop_rights)
        finally:
            folder.chmod(0o755)
        if outcome == "fine":
            return CRASHED, "a folder that nothing can be written to was written to"
        return outcome, said

"""A run that hangs says where: the stacks of all threads are in a file, a line is logged, and nothing else changes."""

import logging
import threading
import time

import pytest

from vdt.training.guards.watchdog import STACKS, Watchdog
from vdt.training.objectives import VDTObjective

LONGEST = 60.0  # seconds: only a machine that does nothing at all takes as long
HANGS = "watchdog = 0.01"  # minutes
HANG = 1.2  # seconds


def wait_for(found):
    end = time.monotonic() + LONGEST
    while not found() and time.monotonic() < end:
        time.sleep(0.005)
    assert found()


def stacks_of(path):
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def test_where_a_step_hangs_is_written_and_logged_and_the_run_goes_on(workbench, monkeypatch, caplog):
    """The objective waits until both have happened, however slow the machine is.

    First it sleeps: stacks of threads that run while they are written have ended the interpreter (CPython 3.11).
    """
    path, score, steps = workbench.folder / "hung" / STACKS, VDTObjective.score, []

    def hung_in_its_second_step(self, batch):
        steps.append(1)
        if len(steps) == 2:
            time.sleep(HANG)
            wait_for(lambda: "hung_in_its_second_step" in stacks_of(path).split("Timeout (")[-1])
            wait_for(lambda: "no step has finished" in caplog.text)
        return score(self, batch)

    monkeypatch.setattr(VDTObjective, "score", hung_in_its_second_step)
    with caplog.at_level(logging.WARNING):
        result = workbench.train("hung", optim="steps = 3", run=HANGS)
    assert result.finished and result.step == 3
    assert "Timeout (0:00:00.600000)!" in stacks_of(path) and "batches.py" in stacks_of(path)  # every thread
    assert "no step has finished for 0.01 minutes" in caplog.text and str(path) in caplog.text


def test_a_run_that_does_not_hang_leaves_no_file(workbench):
    result = workbench.train("fine")
    assert result.finished and not (result.folder / STACKS).exists()
    assert "vdt watchdog" not in [thread.name for thread in threading.enumerate()]


def test_0_is_off(workbench, monkeypatch):
    monkeypatch.setattr("faulthandler.dump_traceback_later", lambda *_, **__: pytest.fail("the clock was set"))
    assert workbench.train("off", run="watchdog = 0.0").finished


def test_the_clock_is_set_by_steps_and_seldom(tmp_path, monkeypatch):
    now, clock = [100.0], []
    monkeypatch.setattr("vdt.training.guards.watchdog.time.monotonic", lambda: now[0])
    monkeypatch.setattr("faulthandler.dump_traceback_later", lambda seconds, file: clock.append((now[0], seconds)))
    monkeypatch.setattr("faulthandler.cancel_dump_traceback_later", lambda: clock.append("off"))
    with Watchdog(tmp_path / "run" / STACKS, 600.0) as watchdog:
        for moment in (100.2, 100.9, 101.0, 101.5, 102.5):
            now[0] = moment
            watchdog.step_finished()
    assert clock == [(100.0, 600.0), (101.0, 600.0), (102.5, 600.0), "off"]

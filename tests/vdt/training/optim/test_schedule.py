"""Runs that last for a time: the rate by the share of it that is gone, whatever a step takes."""

import os
import signal

import pytest
from safetensors import safe_open

from vdt.cli import main
from vdt.training.loop import Loop
from vdt.training.optim.schedule import Clock, learning_rate, progress
from vdt.training.parallel.checkpoints import CHECKPOINT
from vdt.training.recipe import OptimRecipe, RunRecipe


def test_by_the_clock_the_rate_warms_up_stays_and_decays_to_zero():
    optim = OptimRecipe(lr=1.0, warmup=10, decay=0.5)
    assert learning_rate(4, optim, 0.0) == pytest.approx(0.5)
    assert learning_rate(0, optim, 0.05) == pytest.approx(0.5)  # slow steps: half of the tenth for warming up is gone
    assert learning_rate(1, optim, 0.1) == learning_rate(10_000, optim, 0.5) == 1.0
    assert learning_rate(10_000, optim, 0.75) == pytest.approx(0.5)
    assert learning_rate(10_000, optim, 1.0) == learning_rate(10_000, optim, 1.2) == 0.0
    assert learning_rate(10_000, OptimRecipe(lr=1.0, decay=0.0), 0.99) == 1.0


def test_a_run_counts_steps_or_the_seconds_that_its_clock_counts(ticking):
    optim = OptimRecipe(steps=40)
    assert progress(10, 3.0, optim, RunRecipe()) == 0.25
    assert progress(10, 3.0, optim, RunRecipe(minutes=0.1)) == 0.5
    for kind in ("wall", "cpu"):
        clock = Clock(kind=kind, before=100.0)
        assert [clock.seconds(), clock.seconds()] == [101.0, 102.0]


@pytest.mark.parametrize("clock", ["wall", "cpu"])
def test_minutes_end_a_run_and_a_resume_goes_on_with_what_is_left(workbench, ticking, monkeypatch, clock):
    rates = []
    step = Loop.step

    def watched(self):
        loss = step(self)
        rates.append(self.state.optimizers["adamw"].param_groups[0]["lr"])
        if len(rates) == 10:
            os.kill(os.getpid(), signal.SIGTERM)
        return loss

    monkeypatch.setattr(Loop, "step", watched)
    run = f'clock = "{clock}"\n'
    first = workbench.train("timed", run=run, minutes=0.5)
    assert not first.finished and first.step == 10
    with safe_open(first.folder / CHECKPOINT, "pt") as file:
        assert float(file.metadata()["seconds"]) == pytest.approx(11, abs=2)
    second = workbench.train("timed", run=run, minutes=0.5)
    assert second.finished and 25 <= second.step <= 30  # a second a step, whatever steps says in the recipe
    assert max(rates) == pytest.approx(3e-3) and rates[10] == pytest.approx(3e-3)
    assert rates[-1] < 0.15 * max(rates) and rates[-6:] == sorted(rates[-6:], reverse=True)


def test_minutes_and_weights_are_options_of_the_command(workbench, ticking, capsys):
    path = workbench.recipe("timed")
    output = workbench.folder / "out"
    command = ["train", str(path), "--output", str(output), "--device", "cpu"]
    assert main([*command, "--minutes", "0.1", "--weights-every", "2"]) == 0
    assert (output / "timed-weights" / "model.safetensors.index.json").is_file()
    for name, value in (("--minutes", "-1"), ("--minutes", "nan"), ("--weights-every", "-5")):
        assert main([*command, name, value]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("vdt: ") and value.lstrip("-") in error

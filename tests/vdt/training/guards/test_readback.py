"""Numbers that come a step late from a GPU: which ones, and what a run does with them."""

import logging
import math

import pytest
import torch
from safetensors.torch import load_file

from vdt.training.guards.readback import LateReadback, Readback
from vdt.training.loop import Loop


@pytest.fixture
def one_step_late(monkeypatch):
    """Every step's numbers are given out after the next one, as on a GPU."""
    monkeypatch.setattr("vdt.training.loop.LateReadback", lambda *, late: LateReadback(late=True))


def test_numbers_are_read_as_they_were_handed_in(device):
    loss, norm = (torch.tensor(value, device=device) for value in (0.25, 3.0))
    assert Readback(loss, norm).read() == (0.25, 3.0)


@pytest.mark.parametrize("late", (False, True))
def test_late_those_of_the_step_before_come(device, late):
    readback, given = LateReadback(late=late), []
    for step in range(3):
        given.append(readback(torch.tensor(float(step), device=device), torch.tensor(1.0, device=device)))
    ours = [(float(step), 1.0) for step in range(3)]
    assert given == ([None, *ours[:2]] if late else ours)


def test_a_run_that_reads_late_learns_the_same(workbench, one_step_late, monkeypatch):
    optim = "steps = 6\nrecover = true"
    late = load_file(workbench.train("late", optim=optim).weight)
    monkeypatch.undo()
    now = load_file(workbench.train("now", optim=optim).weight)
    assert all(torch.equal(now[name], value) for name, value in late.items()) and now.keys() == late.keys()


def test_a_gradient_that_is_not_finite_is_found_a_step_late(workbench, one_step_late, monkeypatch, caplog):
    add, calls = Loop._add_gradients, []

    def thrown(self, batch, last):
        loss = add(self, batch, last)
        calls.append(self.state.step)
        if len(calls) == 3:
            next(self.state.model.parameters()).grad.fill_(math.nan)
        return loss

    monkeypatch.setattr(Loop, "_add_gradients", thrown)
    with caplog.at_level(logging.WARNING):
        result = workbench.train("nan", optim="steps = 6\nrecover = true")
    assert "a gradient was not finite at step 3" in caplog.text and result.finished
    assert calls == [0, 1, 2, 3, 3, 4, 5, 6]  # the fourth gradient was one of weights that are none
    calls.clear()
    with pytest.raises(ValueError, match=r"diverged at step \d"):
        workbench.train("plain", optim="steps = 6")

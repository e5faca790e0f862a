"""What brings a run back whose loss jumps away: to which weights, at which rate, and that it learns on from there."""

import copy
import json
import logging
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from vdt.training.guards import recovery
from vdt.training.guards.recovery import HEALTHY, JUMP, PATIENCE, Recovery
from vdt.training.loop import CHECKPOINT, Loop, new_state
from vdt.training.parallel import checkpoints
from vdt.training.recipe import OptimRecipe

EVERY = 3


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(recovery, "EVERY", EVERY)
    monkeypatch.setattr(recovery, "SETTLED", 1)


class Run:
    """A linear layer that takes a step of AdamW for each loss that it is told, and what it was after each."""

    def __init__(self):
        torch.manual_seed(0)
        self.state = new_state(torch.nn.Linear(2, 1), OptimRecipe(lr=0.1, ema=0.5, ema_long=0.9), 0)
        self.recovery = Recovery(self.state)
        self.after = {0: self.snapshot()}

    def snapshot(self):
        return copy.deepcopy({name: value for name, value in self.state.tensors().items() if name != "generator"})

    def told(self, *losses):
        """Whether the run went back at each of the losses."""
        gone = []
        for loss in losses:
            self.state.model(torch.randn(4, 2, generator=self.state.generator)).square().mean().backward()
            for optimizer in self.state.optimizers.values():
                optimizer.step()
                optimizer.zero_grad()
            self.state.follow()
            self.state.seconds += 1.5
            self.after[self.state.step] = self.snapshot()
            gone.append(self.recovery.watch(loss))
        return gone

    def is_as_after(self):
        """The steps after which everything was as it is now."""
        now = self.snapshot()
        same = lambda then: then.keys() == now.keys() and all(torch.equal(then[name], now[name]) for name in now)  # noqa: E731
        return [step for step, then in self.after.items() if same(then)]


def test_it_goes_back_to_the_older_of_two_copies_at_half_the_rate_and_everything_else_goes_on():
    run = Run()
    assert not any(run.told(*[1.0] * 10))
    generator = run.state.generator
    gone = run.told(*[JUMP + 0.1] * PATIENCE)
    assert gone == [False] * (PATIENCE - 1) + [True]
    assert run.is_as_after() == [6]  # copies were taken after steps 6 and 9
    assert (run.state.step, run.state.seconds, run.state.rate) == (15, 22.5, 0.5)
    assert run.state.generator is generator
    drawn = torch.Generator().manual_seed(0)
    for _ in range(15):
        torch.randn(4, 2, generator=drawn)
    assert torch.equal(drawn.get_state(), generator.get_state())
    assert run.told(*[JUMP + 0.1] * PATIENCE)[-1] and run.state.rate == 0.25
    assert run.is_as_after() == [6]  # the only copy that is left


def test_a_run_that_jumps_early_begins_again_without_moments():
    run = Run()
    assert run.told(1.0, *[math.nan] * PATIENCE)[-1]
    assert run.is_as_after() == [0] and not run.state.optimizers["adamw"].state


def test_only_several_steps_in_a_row_are_a_jump():
    run = Run()
    assert not any(run.told(1.0, *([9.0] * (PATIENCE - 1) + [1.0]) * 4))
    assert not any(run.told(*[JUMP - 0.1] * 20))
    assert run.state.rate == 1.0


def test_a_low_loss_at_the_start_is_no_measure_for_those_after_it(monkeypatch):
    """Losses of small batches differ by as much as a jump."""
    monkeypatch.undo()
    run = Run()
    assert not any(run.told(0.5, *[1.0] * 100)) and run.state.rate == 1.0
    assert run.told(*[JUMP + 0.5] * PATIENCE)[-1]


def test_a_slow_climb_brings_it_back_to_what_was_there_before():
    """A mean that follows the loss would rise with it, and copies with it."""
    run = Run()
    climb = [1.005**step for step in range(200)]
    jump = next(step for step, loss in enumerate(climb) if loss > JUMP)
    gone = run.told(*[1.0] * 10, *climb[: jump + PATIENCE])
    assert gone[-1] and sum(gone) == 1
    (step,) = run.is_as_after()
    assert climb[step - 10] < 1 + 4 * (HEALTHY - 1) < climb[jump - EVERY]  # the mean is some 50 steps behind the loss


def test_processes_go_by_the_mean_of_their_losses(monkeypatch):
    """One whose own loss is high at the step of a copy takes it all the same, as the others do."""
    others = 1.0
    monkeypatch.setattr("vdt.training.guards.recovery.ranks.mean", lambda own: [(own + 9 * others) / 10])
    run = Run()
    assert not any(run.told(1.0, 1.0, 4.0, 1.0, 1.0, 4.0, *[1.0] * 3))  # 1.3 on the average after steps 3 and 6
    others = 9.0
    assert run.told(*[1.0] * PATIENCE)[-1] and run.is_as_after() == [6]


def test_a_run_goes_back_so_often_and_no_more(monkeypatch):
    monkeypatch.setattr(recovery, "MOST", 3)
    run = Run()
    run.told(1.0)
    gone = run.told(*[9.0] * PATIENCE * 5)
    assert sum(gone) == 3 and run.state.rate == 0.5**3


def test_the_rate_survives_a_checkpoint(tmp_path):
    run = Run()
    run.told(1.0, *[9.0] * PATIENCE)
    run.state.save(tmp_path / "state.safetensors", "{}")
    other = new_state(torch.nn.Linear(2, 1), OptimRecipe(ema_long=0.9), 1)
    other.load(tmp_path / "state.safetensors", "{}")
    assert (other.rate, other.step) == (0.5, 1 + PATIENCE)


def test_a_rate_that_no_run_writes_is_refused_in_one_sentence(tmp_path):
    run = Run()
    run.state.save(tmp_path / "good.safetensors", "{}")
    tensors = load_file(tmp_path / "good.safetensors")
    folder = tmp_path / "bad.dcp"  # as several processes write it
    folder.mkdir()
    for rate in ("nan", "inf", "-1", "0", "2", "fast", "", "1e999", "[1]"):
        (folder / checkpoints.LABEL).write_text(json.dumps({**run.state.metadata("{}"), "rate": rate}))
        with pytest.raises(ValueError, match=r"bad\.dcp is no checkpoint of a training run"):
            checkpoints.load(run.state, folder, "{}")
        save_file(tensors, tmp_path / "bad.safetensors", {**run.state.metadata("{}"), "rate": rate})
        with pytest.raises(
            ValueError, match=r"bad\.safetensors is no checkpoint of a training run: .*--fresh"
        ) as caught:
            run.state.load(tmp_path / "bad.safetensors", "{}")
        assert "\n" not in str(caught.value) and "--fresh" in str(caught.value)


def test_a_run_that_a_huge_rate_throws_away_learns_on(workbench, losses, caplog):
    with caplog.at_level(logging.WARNING):
        result = workbench.train("wild", optim="steps = 90\nlr = 3.0\nwarmup = 0\ndecay = 0.0\nrecover = true")
    jumps = [record.args[1] for record in caplog.records if "the loss jumped" in record.getMessage()]
    assert jumps and "on from earlier weights at 0.5 of the rate" in caplog.text
    assert all(map(math.isfinite, losses[-10:])) and sum(losses[-10:]) / 10 < losses[jumps[0] - 1]
    assert all(torch.isfinite(value).all() for value in load_file(result.weight).values())


def test_a_gradient_that_is_not_finite_brings_a_run_back_too(workbench, losses, monkeypatch, caplog):
    """In a step, and in the look at the next batch before a checkpoint."""
    add, calls = Loop._add_gradients, []

    def thrown(self, batch, last):
        loss = add(self, batch, last)
        calls.append(self.state.step)
        if len(calls) in (4, 8):
            next(self.state.model.parameters()).grad.fill_(math.nan)
        return loss

    monkeypatch.setattr(Loop, "_add_gradients", thrown)
    result = workbench.train("nan", optim="steps = 6\nrecover = true", run="save_every = 6")
    assert result.finished and len(losses) >= 6 and calls == [0, 1, 2, 3, 3, 4, 5, 6, 6]
    assert caplog.text.count("a gradient was not finite") == 2 and "0.25 of the rate" in caplog.text
    assert all(torch.isfinite(value).all() for value in load_file(result.folder / CHECKPOINT).values() if value.ndim)
    calls.clear()
    with pytest.raises(ValueError, match="training diverged at step 4"):
        workbench.train("plain", optim="steps = 6")

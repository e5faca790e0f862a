"""The training loop: one step after another, with logs, sheets, checkpoints and a clean way to stop."""

from __future__ import annotations

import logging
import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from .. import ranks
from ..ranks import LostProcessError
from ..visualize.contact_sheet import contact_sheet
from .data.batches import Batch, Batches, part_of
from .guards.readback import LateReadback, Readback
from .guards.recovery import Recovery
from .guards.watchdog import STACKS, Watchdog
from .log import TrainingLog
from .objectives import Loss, Objective
from .optim.ema import EMA
from .optim.optimizers import new_optimizers, set_rate
from .optim.schedule import Clock, learning_rate, progress
from .parallel import checkpoints
from .parallel.checkpoints import CHECKPOINT
from .parallel.network import Network
from .recipe import OptimRecipe, RunRecipe
from .scoring import ObjectScores
from .state import DivergenceError, TrainState

__all__ = ["CHECKPOINT", "Loop", "learning_rate", "new_optimizers", "new_state"]

LOG = logging.getLogger(__name__)
WENT_BACK = "%s at step %d: on from earlier weights at %g of the rate"


def new_state(module: nn.Module, optim: OptimRecipe, seed: int) -> TrainState:
    """A run's state before its first step."""
    return TrainState(
        model=module,
        ema=EMA(module, optim.ema),
        ema_long=EMA(module, optim.ema_long) if optim.ema_long else None,
        optimizers=new_optimizers(module, optim),
        generator=torch.Generator().manual_seed(seed),
    )


class Loop:
    """Minimises an objective to the end of its recipe, or until a signal asks it to save and stop."""

    def __init__(
        self,
        objective: Objective,
        state: TrainState,
        optim: OptimRecipe,
        run: RunRecipe,
        folder: Path,
        recipe: str,
        *,
        network: Network | None = None,
        publish: Callable[[], None] | None = None,
        scores: ObjectScores | None = None,
        keep_best: Callable[[], None] | None = None,
    ) -> None:
        self.objective, self.state, self.optim, self.rhythm = objective, state, optim, run
        self.folder, self.recipe, self.publish = folder, recipe, publish
        self.scores, self.keep_best = scores, keep_best
        self.ranks = ranks.current()
        self.network = network or Network(objective, self.ranks, optim, run)
        self.device = next(state.model.parameters()).device
        self.clock = Clock(kind=run.clock, before=state.seconds)
        self.batches: Batches | None = None  # while it runs
        self.recovery: Recovery | None = None  # likewise, if the recipe wants it
        self.readback = LateReadback(late=self.device.type == "cuda")
        self.stopping = False
        self.saved = self.shown = -1  # steps of the last checkpoint and the last sheet
        self.published = state.seconds

    def run(self, *, progress: bool = True) -> bool:
        """Train; True if the run is over by its recipe, False if a signal stopped it.

        LostProcessError if another process of the run is gone.
        """
        log = TrainingLog(self.folder) if self.ranks.is_first else None
        total = None if self.rhythm.minutes else self.optim.steps
        bar = tqdm(total=total, initial=self.state.step, unit="step", disable=not progress or not self.ranks.is_first)
        self.clock = Clock(kind=self.rhythm.clock, before=self.state.seconds)
        self.recovery = Recovery(self.state) if self.optim.recover else None
        self.readback.clear()
        self.objective.start_at(self.state.step)
        self.batches = Batches(self._draw, self.state.generator, self.device)
        try:
            with bar, self._signals(), self._watched(), self._watchdog() as watchdog:
                while self._goes_on():
                    loss = self.step()
                    watchdog.step_finished()
                    bar.update()
                    self._after_step(loss, log, bar)
                self._finish(log)
        finally:
            self.batches.close()
            if log is not None:
                log.close()
        return self.is_over

    @property
    def is_over(self) -> bool:
        """Whether the recipe has no further step: all are done, or scores have stopped to rise."""
        return self.done >= 1 or (self.scores is not None and self.scores.is_over)

    @property
    def done(self) -> float:
        """The share of the run that is done."""
        return progress(self.state.step, self.state.seconds, self.optim, self.rhythm)

    def step(self) -> Loss:
        """One optimiser step; DivergenceError before it if the gradient is not finite, unless the run may go back.

        On a GPU, which is a step behind, the error comes before the step after that one.
        """
        state = self.state
        set_rate(state.optimizers, self._rate())
        assert self.batches is not None
        loss = self._gradients(self.batches.take())
        if self._has_gone_back(self.readback(loss.total, loss.scalars["grad_norm"])):
            return self.step()
        for optimizer in state.optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        state.follow()
        return loss

    def save(self) -> None:
        """Write the checkpoint that a later run resumes from, once the gradient of the step after it is finite.

        Weights that a step has thrown far away may be finite themselves. DivergenceError leaves the file as it was.
        """
        assert self.batches is not None
        loss = self._gradients(self.batches.peek())
        if self._has_gone_back(Readback(loss.total, loss.scalars["grad_norm"]).read(), watch=False):
            return self.save()
        self.state.model.zero_grad(set_to_none=True)
        checkpoints.save(self.state, self.folder, self.recipe)
        self.saved = self.state.step

    def _has_gone_back(self, numbers: tuple[float, float] | None, *, watch: bool = True) -> bool:
        """Whether the run went back to earlier weights, for the loss and the gradient norm of a step.

        DivergenceError if the norm is not finite and the run may not go back.
        """
        if numbers is None:
            return False
        loss, norm = numbers
        if not math.isfinite(norm):
            if self.recovery is None or not self.recovery.go_back():
                raise self._divergence(norm)
            why = "a gradient was not finite"
        elif watch and self.recovery is not None and self.recovery.watch(loss):
            why = "the loss jumped"
        else:
            return False
        self.state.model.zero_grad(set_to_none=True)
        self.readback.clear()
        LOG.warning(WENT_BACK, why, self.state.step, self.state.rate)
        return True

    def _divergence(self, norm: float) -> DivergenceError:
        kept = "go on from the last good checkpoint, which is kept, with --changed"
        return DivergenceError(
            f"training diverged at step {self.state.step + 1} (gradient norm {norm}): lower lr, or use "
            f"precision float32; {kept if checkpoints.newest(self.folder) else 'there is no checkpoint yet'}"
        )

    def _goes_on(self) -> bool:
        """Whether another step follows: the processes agree on the time and on stopping."""
        stopping, self.state.seconds = ranks.largest(float(self.stopping), self.clock.seconds())
        self.stopping = bool(stopping)
        return not self.is_over and not self.stopping

    def _rate(self) -> float:
        return self.state.rate * learning_rate(self.state.step, self.optim, self.done if self.rhythm.minutes else None)

    def _draw(self, generator: torch.Generator) -> Batch:
        """This process's part of the next batch, which all of them draw alike."""
        batch = self.objective.draw(self.optim.batch, generator, self.device)
        return [samples.to(self.device) for samples in part_of(batch, self.ranks.rank, self.ranks.world)]

    def _gradients(self, batch: Batch) -> Loss:
        """The loss and clipped gradients of a batch, taken in parts."""
        count = self.optim.accumulate
        losses = [self._add_gradients(part_of(batch, index, count), index == count - 1) for index in range(count)]
        norm = nn.utils.clip_grad_norm_(self.state.model.parameters(), self.optim.clip_norm)
        norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        names = losses[0].scalars
        scalars = {name: _mean([loss.scalars[name].detach() for loss in losses]) for name in names}
        return Loss(total=_mean([loss.total.detach() for loss in losses]), scalars={**scalars, "grad_norm": norm})

    def _add_gradients(self, batch: Batch, last: bool) -> Loss:
        bfloat16 = self.optim.precision == "bfloat16"
        with self.network.synchronised(last=last):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
                loss = self.network(batch)
            (loss.total / self.optim.accumulate).backward()
        return loss

    def _after_step(self, loss: Loss, log: TrainingLog | None, bar: Any) -> None:
        step, rhythm = self.state.step, self.rhythm
        if step % rhythm.log_every == 0:
            self._log(loss, log, bar)
        if step % rhythm.save_every == 0:
            self.save()  # before the sheet, which may fail, such as on a full disk
        if step % rhythm.sheet_every == 0 and self.done < 1:
            self._sheet(log)
        if rhythm.score_every and step % rhythm.score_every == 0:
            self._score(log)
        if self.publish and rhythm.weights_every and self.state.seconds - self.published >= rhythm.weights_every:
            self.publish()
            self.published = self.state.seconds

    def _finish(self, log: TrainingLog | None) -> None:
        """Leave a checkpoint and the last weights, then a sheet of what the whole run has made."""
        if self.saved != self.state.step:
            self.save()
        if self.publish and self.rhythm.weights_every:
            self.publish()
        if self.is_over and self.shown != self.state.step:
            self._sheet(log)

    def _log(self, loss: Loss, log: TrainingLog | None, bar: Any) -> None:
        named = {"loss": loss.total, **loss.scalars}
        values = dict(zip(named, ranks.mean(*(float(value) for value in named.values())), strict=True))
        if log is None:
            return
        log.numbers(self.state.step, {**values, "lr": self._rate(), "seconds": self.state.seconds})
        bar.set_postfix({name: f"{value:.4f}" for name, value in values.items()})

    def _sheet(self, log: TrainingLog | None) -> None:
        self.shown = self.state.step
        with self.network.averaged(self.state) as module:
            if module is None:
                return
            rows = self.objective.contact_sheet(module, self.device)
        sheet = contact_sheet(rows, self.folder / f"sheet-{self.state.step:06d}.png")
        if log is not None:
            log.sheet(self.state.step, sheet)

    def _score(self, log: TrainingLog | None) -> None:
        """Score the average, and keep its file if none was better."""
        assert self.scores is not None
        with self.network.averaged(self.state) as module:
            assert module is not None  # scores are for one process
            score = self.scores.measure(module, self.state.step)
        if log is not None:
            log.numbers(score.step, {"score": score.value, **score.metrics})
        if self.keep_best and self.scores.is_best:
            self.keep_best()

    def _watchdog(self) -> Watchdog:
        name = STACKS if self.ranks.is_first else f"{self.ranks.rank}-{STACKS}"
        return Watchdog(self.folder / name, 60 * self.rhythm.watchdog)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """A process that is gone ends the others with one sentence."""
        try:
            yield
        except RuntimeError as error:
            if not ranks.is_lost(error):
                raise
            there = checkpoints.newest(self.folder)
            rest = f"the same command goes on from {there}" if there else "there is no checkpoint yet"
            raise LostProcessError(
                f"another process of this run is gone, so process {self.ranks.rank} of {self.ranks.world} ends at step "
                f"{self.state.step}: {rest}"
            ) from error

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C finish the step, save and return."""

        def stop(number: int, frame: object) -> None:
            self.stopping = True

        numbers = (signal.SIGINT, signal.SIGTERM)
        try:
            before = [signal.signal(number, stop) for number in numbers]
        except ValueError:  # not the main thread: the host decides about signals
            yield
            return
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def _mean(values: list[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else torch.stack(values).mean()

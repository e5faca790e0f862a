"""The training loop: one step after another, with logs, sheets, checkpoints and a clean way to stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from ..visualize.contact_sheet import contact_sheet
from .ema import EMA
from .objectives import Loss, Objective
from .recipe import OptimRecipe, RunRecipe
from .state import DivergenceError, TrainState

CHECKPOINT = "state.safetensors"


def learning_rate(step: int, optim: OptimRecipe) -> float:
    """Rate of step `step` (from 0): linear warm-up, plateau, then linear to zero over the last `decay` of the run."""
    warm = min(1.0, (step + 1) / max(1, optim.warmup))
    tail = optim.steps * optim.decay
    cool = min(1.0, (optim.steps - step) / tail) if tail else 1.0
    return optim.lr * warm * cool


def new_state(module: nn.Module, optim: OptimRecipe, seed: int) -> TrainState:
    """A run's state before its first step."""
    generator = torch.Generator().manual_seed(seed)
    return TrainState(
        model=module, ema=EMA(module, optim.ema), optimizers=new_optimizers(module, optim), generator=generator
    )


def new_optimizers(module: nn.Module, optim: OptimRecipe) -> dict[str, torch.optim.Optimizer]:
    """AdamW, after Muon where the recipe wants it; biases, norms and tables are not decayed."""
    trained = {name: value for name, value in module.named_parameters() if value.requires_grad}
    is_muon = optim.optimizer == "muon"
    matrices = {name: value for name, value in trained.items() if is_muon and "blocks" in name and value.ndim == 2}
    if is_muon and not matrices:
        raise ValueError('optimizer "muon" needs matrices of transformer blocks and this model has none: use "adamw"')
    decayed = [value for name, value in trained.items() if value.ndim > 1 and name not in matrices]
    others = [value for value in trained.values() if value.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": optim.weight_decay}, {"params": others, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas)
    if not matrices:
        return {"adamw": adamw}
    from .muon import Muon  # PyTorch has it since 2.9

    muon = Muon(list(matrices.values()), lr=optim.lr, weight_decay=optim.weight_decay, adjust_lr_fn="match_rms_adamw")
    return {"muon": muon, "adamw": adamw}


class Loop:
    """Minimises an objective to the end of its recipe, or until a signal asks it to save and stop."""

    def __init__(
        self, objective: Objective, state: TrainState, optim: OptimRecipe, run: RunRecipe, folder: Path, recipe: str
    ) -> None:
        self.objective, self.state, self.optim, self.rhythm = objective, state, optim, run
        self.folder, self.recipe = folder, recipe
        self.device = next(state.model.parameters()).device
        self.stopping = False

    def run(self, *, progress: bool = True) -> bool:
        """Train; True if the recipe's last step was reached, False if a signal stopped the run."""
        writer = _writer(self.folder)
        bar = tqdm(total=self.optim.steps, initial=self.state.step, unit="step", disable=not progress)
        with bar, self._signals():
            while self.state.step < self.optim.steps and not self.stopping:
                loss = self.step()
                bar.update()
                self._after_step(loss, writer, bar)
        self.save()
        writer.close()
        return self.state.step >= self.optim.steps

    def step(self) -> Loss:
        """One optimiser step; DivergenceError before it if the gradient is not finite."""
        state = self.state
        for optimizer in state.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(state.step, self.optim)
        loss = self._gradients(state.generator)
        for optimizer in state.optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        state.ema.update(state.step)
        state.step += 1
        return loss

    def save(self) -> None:
        """Write the checkpoint that a later run resumes from, once the gradient of the step after it is finite.

        Weights that a step has thrown far away may be finite themselves. DivergenceError leaves the file as it was.
        """
        ahead = torch.Generator()
        ahead.set_state(self.state.generator.get_state())
        self._gradients(ahead)
        self.state.model.zero_grad(set_to_none=True)
        self.state.save(self.folder / CHECKPOINT, self.recipe)

    def _gradients(self, generator: torch.Generator) -> Loss:
        """Draw a batch and compute its loss and clipped gradients."""
        bfloat16 = self.optim.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            loss = self.objective.loss(self.optim.batch, generator, self.device)
        loss.total.backward()
        norm = nn.utils.clip_grad_norm_(self.state.model.parameters(), self.optim.clip_norm)
        if not bool(torch.isfinite(norm)):
            raise DivergenceError(
                f"training diverged at step {self.state.step + 1} (gradient norm {float(norm)}): lower lr, or use "
                f"precision float32; the last good checkpoint is kept, and the same command goes on from it"
            )
        loss.scalars["grad_norm"] = norm
        return loss

    def _after_step(self, loss: Loss, writer: Any, bar: Any) -> None:
        step, last = self.state.step, self.state.step == self.optim.steps
        if step % self.rhythm.log_every == 0:
            values = {name: float(value.detach()) for name, value in {"loss": loss.total, **loss.scalars}.items()}
            for name, value in values.items():
                writer.add_scalar(name, value, step)
            writer.add_scalar("lr", learning_rate(step, self.optim), step)
            bar.set_postfix({name: f"{value:.4f}" for name, value in values.items()})
        if step % self.rhythm.sheet_every == 0 or last:
            self._sheet(writer)
        if step % self.rhythm.save_every == 0:
            self.save()

    def _sheet(self, writer: Any) -> None:
        self.state.model.eval()
        with self.state.ema.swapped():
            rows = self.objective.contact_sheet(self.device)
        self.state.model.train()
        sheet = contact_sheet(rows, self.folder / f"sheet-{self.state.step:06d}.png")
        writer.add_image("sheet", sheet, self.state.step, dataformats="HWC")

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


def _writer(folder: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder / "tensorboard"))

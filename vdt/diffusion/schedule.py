"""The noise process: float64 tables over the cumulative signal power, respacing, conversions of x0, eps and v."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, repeat
from typing import Literal

import torch
from torch import Tensor

from ..config import DiffusionConfig, Prediction

Spacing = Literal["even", "strided", "quadratic"]
DOUBLES = ("cpu", "cuda", "meta")  # devices that have float64


@dataclass(frozen=True, kw_only=True, eq=False)
class ScheduleCoeffs:
    """What one step needs; ᾱ is the cumulative signal power, `_prev` the next less noisy step (clean at index 0)."""

    alpha_bar: Tensor
    signal: Tensor  # √ᾱ
    noise: Tensor  # √(1-ᾱ)
    alpha_bar_prev: Tensor
    signal_prev: Tensor
    noise_prev: Tensor
    half_log_snr: Tensor  # λ = log(√ᾱ / √(1-ᾱ)); -inf where ᾱ = 0
    half_log_snr_prev: Tensor  # +inf at index 0
    log_beta: Tensor
    posterior_x0: Tensor  # mean of q(x_prev | x, x0) = posterior_x0 * x0 + posterior_x * x
    posterior_x: Tensor
    posterior_log_variance: Tensor  # its variance is 0 at index 0, where the value of index 1 stands in


@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule:
    """A variance-preserving chain x = √ᾱ x0 + √(1-ᾱ) eps over `num_steps` steps, index 0 the least noisy.

    `timesteps[index]` is the timestep of the training schedule, which is what the network is given.
    """

    alphas_cumprod: Tensor  # (S,) float64
    timesteps: Tensor  # (S,) int64
    prediction: Prediction = "epsilon"

    @classmethod
    def from_config(cls, config: DiffusionConfig) -> Schedule:
        """The full training schedule: linear betas, optionally rescaled to zero terminal SNR (arXiv 2305.08891)."""
        betas = torch.linspace(config.beta_start, config.beta_end, config.num_timesteps, dtype=torch.float64)
        alphas_cumprod = torch.cumprod(1 - betas, dim=0)
        if config.zero_terminal_snr:
            alphas_cumprod = _zero_terminal_snr(alphas_cumprod)
        timesteps = torch.arange(config.num_timesteps)
        return cls(alphas_cumprod=alphas_cumprod, timesteps=timesteps, prediction=config.prediction)

    @property
    def num_steps(self) -> int:
        """How many steps the chain has."""
        return len(self.timesteps)

    def respace(self, steps: int, spacing: Spacing = "even") -> Schedule:
        """A shorter chain over some of these steps, as in IDDPM (arXiv 2102.09672, section 4).

        Args:
            steps: how many.
            spacing: "even" picks evenly spaced steps from the first to the last one (one step: the last); "strided"
                picks every n-th from the first one on; "quadratic" picks steps whose square roots are evenly spaced
                from clean data, which needs no step, to the last one (arXiv 2010.02502, appendix D.2).

        Raises:
            ValueError: if that many steps cannot be picked.
        """
        if not 1 <= steps <= self.num_steps:
            raise ValueError(f"steps must be a number from 1 to {self.num_steps}, got {steps!r}")
        picked = torch.tensor(_PICKERS[spacing](steps, self.num_steps))
        return Schedule(
            alphas_cumprod=self.alphas_cumprod[picked], timesteps=self.timesteps[picked], prediction=self.prediction
        )

    @cached_property
    def betas(self) -> Tensor:
        """Noise added by each step, (S,) float64, derived from ᾱ so that a respaced chain keeps it exactly."""
        return 1 - self.alphas_cumprod / self._alphas_cumprod_prev

    @cached_property
    def _alphas_cumprod_prev(self) -> Tensor:
        return torch.cat([self.alphas_cumprod.new_ones(1), self.alphas_cumprod[:-1]])

    @cached_property
    def _table(self) -> Tensor:
        """All coefficients, (number of fields, S) float64, rows in the order of ScheduleCoeffs."""
        bar, prev, beta = self.alphas_cumprod, self._alphas_cumprod_prev, self.betas
        variance = beta * (1 - prev) / (1 - bar)
        variance[0] = variance[1] if self.num_steps > 1 else beta[0]
        rows = ScheduleCoeffs(
            alpha_bar=bar,
            signal=bar.sqrt(),
            noise=(1 - bar).sqrt(),
            alpha_bar_prev=prev,
            signal_prev=prev.sqrt(),
            noise_prev=(1 - prev).sqrt(),
            half_log_snr=0.5 * (bar / (1 - bar)).log(),
            half_log_snr_prev=0.5 * (prev / (1 - prev)).log(),
            log_beta=beta.log(),
            posterior_x0=prev.sqrt() * beta / (1 - bar),
            posterior_x=(1 - beta).sqrt() * (1 - prev) / (1 - bar),
            posterior_log_variance=variance.log(),
        )
        return torch.stack([getattr(rows, field.name) for field in dataclasses.fields(rows)])

    def at(self, index: int | Tensor, like: Tensor) -> ScheduleCoeffs:
        """Coefficients of one step, of one per sample (B,) or per frame (B, T), shaped to broadcast over `like`."""
        columns = self._table[:, index] if isinstance(index, int) else self._columns(index)
        columns = columns.to(like.dtype).to(like.device)  # dtype first: some devices have no float64
        if not isinstance(index, int):
            columns = columns.reshape(*columns.shape, *[1] * (like.ndim - index.ndim))
        return _as_coeffs(columns)

    def timesteps_at(self, index: Tensor) -> Tensor:
        """The timesteps of steps (B,), on their device, without a wait for it."""
        return self._there(self.timesteps, index.device)[index]

    def _columns(self, index: Tensor) -> Tensor:
        """Of the table, for steps (B,); looked up where they are, so that nobody waits for a GPU."""
        index = index if index.device.type in DOUBLES else index.cpu()
        return self._there(self._table, index.device)[:, index]

    @cached_property
    def _copies(self) -> dict[tuple[int, torch.device], Tensor]:
        return {}

    def _there(self, table: Tensor, device: torch.device) -> Tensor:
        """A table of this schedule on a device, copied once."""
        if table.device == device:
            return table
        key = (id(table), device)
        if key not in self._copies:
            self._copies[key] = table.to(device)
        return self._copies[key]

    def q_sample(self, x0: Tensor, index: int | Tensor, noise: Tensor) -> Tensor:
        """x0 noised to a step: √ᾱ x0 + √(1-ᾱ) noise."""
        c = self.at(index, x0)
        return c.signal * x0 + c.noise * noise

    def x0_from_epsilon(self, x: Tensor, index: int | Tensor, epsilon: Tensor) -> Tensor:
        """x0 of a state x and the noise in it."""
        c = self.at(index, x)
        return (x - c.noise * epsilon) / c.signal

    def epsilon_from_x0(self, x: Tensor, index: int | Tensor, x0: Tensor) -> Tensor:
        """The noise in a state x whose clean version is x0."""
        c = self.at(index, x)
        return (x - c.signal * x0) / c.noise

    def v_from_x0(self, x0: Tensor, index: int | Tensor, epsilon: Tensor) -> Tensor:
        """v = √ᾱ eps - √(1-ᾱ) x0 (arXiv 2202.00512, appendix D)."""
        c = self.at(index, x0)
        return c.signal * epsilon - c.noise * x0

    def x0_from_v(self, x: Tensor, index: int | Tensor, v: Tensor) -> Tensor:
        """x0 of a state x and its v."""
        c = self.at(index, x)
        return c.signal * x - c.noise * v

    def epsilon_from_v(self, x: Tensor, index: int | Tensor, v: Tensor) -> Tensor:
        """The noise in a state x, from its v."""
        c = self.at(index, x)
        return c.noise * x + c.signal * v


def _as_coeffs(columns: Tensor) -> ScheduleCoeffs:
    names = [field.name for field in dataclasses.fields(ScheduleCoeffs)]
    return ScheduleCoeffs(**dict(zip(names, columns.unbind(0), strict=True)))


def _zero_terminal_snr(alphas_cumprod: Tensor) -> Tensor:
    """Shift √ᾱ so that it ends at 0, scale it so that it starts where it did (arXiv 2305.08891, algorithm 1)."""
    signal = alphas_cumprod.sqrt()
    return ((signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])) ** 2


def _even_steps(count: int, available: int) -> list[int]:
    if count == 1:
        return [available - 1]
    stride = (available - 1) / (count - 1)
    # Summed, not multiplied: at ties such as 499.5 the official picks depend on it.
    return [round(position) for position in accumulate(repeat(stride, count - 1), initial=0.0)]


def _quadratic_steps(count: int, available: int) -> list[int]:
    squares = [round((available - 1) * (index / count) ** 2) for index in range(1, count + 1)]
    return list(accumulate(squares, lambda last, position: max(position, last + 1)))  # no step twice


def _strided_steps(count: int, available: int) -> list[int]:
    for stride in range(1, available + 1):
        picked = range(0, available, stride)
        if len(picked) == count:
            return list(picked)
    raise ValueError(f"no whole stride picks {count} of {available} steps: use the plain number {count}")


_PICKERS: dict[str, Callable[[int, int], list[int]]] = {
    "even": _even_steps,
    "strided": _strided_steps,
    "quadratic": _quadratic_steps,
}

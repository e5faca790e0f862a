"""Muon as PyTorch has it, with its products in float32: a CPU without bfloat16 takes ten times as long for those."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor


class Muon(torch.optim.Muon):
    """torch.optim.Muon, with the same options and state, orthogonalising all matrices of one shape at once."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step; the learning rate is that of AdamW (`match_rms_adamw`)."""
        assert closure is None
        for group in self.param_groups:
            assert group["adjust_lr_fn"] == "match_rms_adamw"
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for value in group["params"]:
                if value.grad is not None:
                    alike[value.shape].append(value)
            for shape, values in alike.items():
                followed = torch.stack(self._followed(values, group))
                updates = orthogonalise(followed, group["ns_coefficients"], group["ns_steps"], group["eps"])
                rate = group["lr"] * 0.2 * max(shape) ** 0.5
                torch._foreach_mul_(values, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(values, list(updates), alpha=-rate)

    def _followed(self, values: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
        """Nesterov's gradients of matrices, their momentum brought up to date."""
        gradients = [value.grad for value in values if value.grad is not None]
        momentum = []
        for value in values:
            state = self.state[value]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(value)
            momentum.append(state["momentum_buffer"])
        torch._foreach_lerp_(momentum, gradients, 1 - group["momentum"])
        nesterov = group["nesterov"]
        return list(torch._foreach_lerp(gradients, momentum, group["momentum"])) if nesterov else momentum


def orthogonalise(matrices: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Matrices (n, rows, columns), all their singular values brought near 1 by Newton-Schulz (Jordan, 2024)."""
    if matrices.is_cuda:  # as published: a GPU multiplies in bfloat16 ten times as fast
        return _orthogonalise(matrices.bfloat16(), coefficients, steps, eps).to(matrices.dtype)
    return _orthogonalise(matrices, coefficients, steps, eps)


def _orthogonalise(matrices: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    a, b, c = coefficients
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x

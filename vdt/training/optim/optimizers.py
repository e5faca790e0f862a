"""Optimisers by recipe."""

from __future__ import annotations

import torch
from torch import nn

from ..recipe import OptimRecipe

SHARE = "share"  # of the learning rate, in a group of parameters


def set_rate(optimizers: dict[str, torch.optim.Optimizer], rate: float) -> None:
    """Let every group of parameters take its share of a learning rate."""
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get(SHARE, 1.0)


def _is_hidden(name: str, value: nn.Parameter) -> bool:
    """Whether it is a matrix of a model with blocks, neither a table nor its last layer.

    The embedding of the time is one: where all gradients of a large batch agree, AdamW changes its norm by as much in a
    step as Muon does in a hundred, and the scales that it gives to all blocks run away (LOG.md, 2026-11-27).
    """
    return value.ndim == 2 and not name.startswith(("y_embedder.", "final_layer.linear."))


def new_optimizers(module: nn.Module, optim: OptimRecipe) -> dict[str, torch.optim.Optimizer]:
    """AdamW, after Muon where the recipe wants it; biases, norms and tables are not decayed."""
    trained = {name: value for name, value in module.named_parameters() if value.requires_grad}
    is_muon = optim.optimizer == "muon"
    matrices = {name: value for name, value in trained.items() if is_muon and _is_hidden(name, value)}
    if is_muon and not matrices:
        raise ValueError('optimizer "muon" needs matrices of transformer blocks and this model has none: use "adamw"')
    decayed = [value for name, value in trained.items() if value.ndim > 1 and name not in matrices]
    others = [value for value in trained.values() if value.ndim <= 1]
    share = optim.adamw_lr / optim.lr if matrices and optim.adamw_lr and optim.lr else 1.0
    decays = ((decayed, optim.weight_decay), (others, 0.0))
    groups = [{"params": values, "weight_decay": decay, SHARE: share} for values, decay in decays]
    adamw = torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas)
    if not matrices:
        return {"adamw": adamw}
    if not hasattr(torch.optim, "Muon"):
        raise ValueError(
            f'optimizer "muon" needs torch 2.9 or newer, this is {torch.__version__}: update torch, or use "adamw"'
        )
    from .muon import Muon

    muon = Muon(list(matrices.values()), lr=optim.lr, weight_decay=optim.weight_decay, adjust_lr_fn="match_rms_adamw")
    return {"muon": muon, "adamw": adamw}

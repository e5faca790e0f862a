"""Optimisers by recipe."""

from __future__ import annotations

import torch
from torch import nn

from ..recipe import OptimRecipe


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
    if not hasattr(torch.optim, "Muon"):
        raise ValueError(
            f'optimizer "muon" needs torch 2.9 or newer, this is {torch.__version__}: update torch, or use "adamw"'
        )
    from .muon import Muon

    muon = Muon(list(matrices.values()), lr=optim.lr, weight_decay=optim.weight_decay, adjust_lr_fn="match_rms_adamw")
    return {"muon": muon, "adamw": adamw}

"""Which optimiser takes which part of a model, and at which rate."""

import pytest
import torch

if not hasattr(torch.optim, "Muon"):
    pytest.skip("PyTorch has Muon since 2.9", allow_module_level=True)

from vdt.config import CrossAttentionSpec, MaskSpec, VDTConfig
from vdt.models.transformer import VDT
from vdt.training.optim.optimizers import new_optimizers, set_rate
from vdt.training.recipe import OptimRecipe

LR, STEPS = 1e-2, 10
SPECS = (MaskSpec(embed=True), CrossAttentionSpec(source="text", width=16))


@pytest.fixture
def model():
    config = VDTConfig(hidden_size=64, depth=1, num_heads=2, input_size=4, num_frames=2, conditioning=SPECS)
    return VDT(config, torch.Generator().manual_seed(0))


def optimised(model, **options):
    return new_optimizers(model, OptimRecipe(optimizer="muon", lr=LR, weight_decay=0.0, **options))


def test_gradients_that_agree_move_no_matrix_further_than_muon_would(model):
    """AdamW moves a matrix of n by n by lr * n in a step: it is left tables, patches and the last layer."""
    optimizers = optimised(model)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    for _ in range(STEPS):
        for value in model.parameters():
            value.grad = torch.ones_like(value)
        for optimizer in optimizers.values():
            optimizer.step()
    moved = {
        name: float(torch.linalg.matrix_norm(value.detach() - before[name], 2))
        for name, value in model.named_parameters()
        if value.ndim == 2 and name not in ("y_embedder.embedding_table.weight", "final_layer.linear.weight")
    }
    bounds = {name: 1.3 * STEPS * LR * 0.2 * max(before[name].shape) ** 0.5 for name in moved}
    assert {name: moved[name] for name in moved if moved[name] > bounds[name]} == {}
    assert "t_embedder.mlp.2.weight" in moved and "text_embedder.proj.weight" in moved


def test_every_parameter_is_trained_once(model):
    taken = [
        id(value) for each in optimised(model).values() for group in each.param_groups for value in group["params"]
    ]
    assert sorted(taken) == sorted(id(value) for value in model.parameters())


@pytest.mark.parametrize(("adamw_lr", "expected"), [(0.0, 0.5), (LR / 4, 0.125)])
def test_what_is_left_to_adamw_has_a_rate_of_its_own_if_the_recipe_says_so(model, adamw_lr, expected):
    optimizers = optimised(model, adamw_lr=adamw_lr)
    set_rate(optimizers, 0.5)
    rates = {kind: [group["lr"] for group in each.param_groups] for kind, each in optimizers.items()}
    assert rates == {"muon": [0.5], "adamw": pytest.approx([expected] * 2)}

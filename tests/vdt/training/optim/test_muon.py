"""Muon against PyTorch's own, and its orthogonalisation against singular values."""

import pytest
import torch

if not hasattr(torch.optim, "Muon"):
    pytest.skip("PyTorch has Muon since 2.9", allow_module_level=True)

from vdt.training.optim.muon import Muon, _orthogonalise, orthogonalise

JORDAN = (3.4445, -4.7750, 2.0315)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(12, 12), (8, 24), (24, 8)])
def test_steps_follow_those_of_pytorch_to_the_precision_of_bfloat16(shape):
    ours, theirs = (
        [torch.nn.Parameter(draw(*shape, seed=seed)) for seed in (1, 2)] + [torch.nn.Parameter(draw(5, 7, seed=3))]
        for _ in range(2)
    )
    options = {"lr": 0.1, "weight_decay": 0.05, "adjust_lr_fn": "match_rms_adamw"}
    optimizers = Muon(ours, **options), torch.optim.Muon(theirs, **options)
    before = [value.detach().clone() for value in ours]
    for step in range(4):
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            for value in pair:
                value.grad = draw(*value.shape, seed=10 * step + index)
        for optimizer in optimizers:
            optimizer.step()
    for start, our, their in zip(before, ours, theirs, strict=True):
        assert (our - their).norm() < 0.02 * (their - start).norm()
    assert [state.keys() for state in optimizers[0].state.values()] == [
        state.keys() for state in optimizers[1].state.values()
    ]


@pytest.mark.parametrize("shape", [(16, 16), (8, 24), (24, 8)])
def test_singular_values_come_near_one_and_directions_stay(shape):
    matrices = torch.stack([draw(*shape, seed=seed) * 10.0**seed for seed in range(3)])
    made = orthogonalise(matrices, JORDAN, 5, 1e-7)
    values = torch.linalg.svdvals(made)
    assert values.max() < 1.3
    kept = torch.linalg.svdvals(matrices) > 0.1 * matrices.norm(dim=(1, 2))[:, None]
    assert values[kept].min() > 0.6
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    inside = u.mT @ made @ vh.mT  # diagonal in the singular directions
    assert (inside - torch.diag_embed(torch.diagonal(inside, dim1=1, dim2=2))).abs().max() < 1e-3


def test_in_bfloat16_as_on_a_gpu_singular_values_come_near_one_too():
    for shape in ((32, 32), (16, 48), (48, 16)):
        matrices = torch.stack([draw(*shape, seed=seed) * 10.0**seed for seed in range(3)])
        made = _orthogonalise(matrices.bfloat16(), JORDAN, 5, 1e-7)
        assert made.dtype == torch.bfloat16 and made.shape == matrices.shape
        values = torch.linalg.svdvals(made.float())
        kept = torch.linalg.svdvals(matrices) > 0.1 * matrices.norm(dim=(1, 2))[:, None]
        assert values.max() < 1.35 and values[kept].min() > 0.55, shape
        exact = orthogonalise(matrices, JORDAN, 5, 1e-7)
        assert ((made.float() - exact).flatten(1).norm(dim=1) < 0.1 * exact.flatten(1).norm(dim=1)).all(), shape


def test_matrices_of_a_stack_do_not_see_each_other():
    matrices = torch.stack([draw(6, 9, seed=seed) for seed in range(4)])
    alone = torch.cat([orthogonalise(matrix[None], JORDAN, 5, 1e-7) for matrix in matrices])
    assert torch.allclose(orthogonalise(matrices, JORDAN, 5, 1e-7), alone, atol=1e-5)


def test_values_without_a_gradient_stay():
    value = torch.nn.Parameter(draw(4, 4))
    before = value.detach().clone()
    Muon([value], lr=0.1, adjust_lr_fn="match_rms_adamw").step()
    assert torch.equal(value, before)

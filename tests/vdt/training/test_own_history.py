"""Clips that go on from the model's own frames: which frames those are, and what is learned from them."""

import dataclasses

import pytest
import torch
from safetensors.torch import load_file

from vdt.config import VDT_CONFIGS
from vdt.diffusion import sample_latents
from vdt.models.transformer import VDT
from vdt.ranks import Ranks
from vdt.training.data import LatentClips
from vdt.training.loop import CHECKPOINT
from vdt.training.objectives import check_parts
from vdt.training.own_history import HistoryObjective
from vdt.training.recipe import DistillRecipe, HistoryRecipe, ImagesRecipe, OptimRecipe, VDTRecipe

CPU = torch.device("cpu")
FRAMES, OVERLAP = 4, 2


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(count=8):
    """Clips whose every value is 100 times the number of the clip and the number of the frame."""
    value = 100.0 * torch.arange(3)[:, None] + torch.arange(count)
    return value[:, :, None, None, None].expand(3, count, 4, 4, 4).half()


def objective(latents, **values):
    recipe = VDTRecipe(history=HistoryRecipe(share=0.5, steps=2), **values)
    config = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], num_frames=FRAMES, input_size=4, learn_sigma=False)
    clips = LatentClips(latents=latents, vae=None, shown=None, preview=None)
    return HistoryObjective(VDT(config, seeded(1)), clips, recipe)


def test_half_of_a_batch_are_second_windows_of_clips():
    others, own = objective(numbered()).draw(8, seeded(2), CPU)
    assert len(others) == len(own) == 4 and not hasattr(others, "before")
    for before, later, mask in zip(own.before, own.x0, own.mask, strict=True):
        clip, frames = before[0, 0, 0, 0] // 100, [int(each[0, 0, 0]) % 100 for each in (*before, *later)]
        start = frames[0]
        assert frames == [*range(start, start + FRAMES), *range(start + OVERLAP, start + OVERLAP + FRAMES)]
        assert (later // 100 == clip).all()
        assert [bool(each.all()) for each in mask] == [False, False, True, True]


def test_the_given_frames_are_those_that_the_model_makes_of_the_window_before():
    made = objective(torch.randn(3, 8, 4, 4, 4, generator=seeded(3)).half())
    _, own = made.draw(4, seeded(4), CPU)
    mask = own.mask.clone()
    noise = torch.randn(own.before.shape, generator=seeded(5))
    own = dataclasses.replace(own, before_noise=noise)
    wanted = sample_latents(made.module, own.before, mask, generator=seeded(5), sampling=made.sampling)
    seen = made._with_own(own)
    torch.testing.assert_close(seen.x0[:, :OVERLAP], wanted[:, -OVERLAP:], rtol=1e-5, atol=1e-5)
    assert torch.equal(seen.x0[:, OVERLAP:], own.x0[:, OVERLAP:])
    assert not seen.x0.requires_grad
    assert not torch.allclose(seen.x0[:, :OVERLAP], own.x0[:, :OVERLAP])


def test_the_loss_is_that_of_going_on_from_them():
    made = objective(torch.randn(3, 8, 4, 4, 4, generator=seeded(3)).half())
    others, own = made.draw(4, seeded(4), CPU)
    total = made.score([others, own]).total
    parts = [super(HistoryObjective, made).score([each]).total for each in (others, made._with_own(own))]
    torch.testing.assert_close(total, sum(parts) / 2)
    total.backward()
    assert all(torch.isfinite(each.grad).all() for each in made.module.parameters() if each.grad is not None)


def test_whatever_cannot_have_a_history_is_refused():
    with pytest.raises(ValueError, match=r"needs clips of 6 frames, .* got 5: set num_frames = 6 in \[data\]"):
        objective(numbered(5))
    for other in ({"images": ImagesRecipe(share=0.5)}, {"distill": DistillRecipe(steps=2)}, {"mode": "spatial"}):
        with pytest.raises(ValueError, match="history is for clips of one length"):
            VDTRecipe(history=HistoryRecipe(share=0.5), **other)
    recipe = VDTRecipe(history=HistoryRecipe(share=0.25), optim=OptimRecipe(batch=12))
    with pytest.raises(ValueError, match="9 clips and 3 with a history"):
        check_parts(recipe, Ranks(rank=0, world=2))


def test_a_run_goes_on_as_if_it_had_not_stopped(workbench):
    parts = {"data": "num_frames = 6", "tables": "[history]\nshare = 0.5"}
    for name, steps in (("whole", 3), ("parts", 2), ("parts", 3)):
        workbench.train(name, optim=f"steps = {steps}\ndecay = 0.0", **parts)
    whole, parted = (load_file(workbench.folder / name / CHECKPOINT) for name in ("whole", "parts"))
    assert whole.keys() == parted.keys() and all(torch.equal(whole[name], parted[name]) for name in whole)

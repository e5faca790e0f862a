"""Batches drawn ahead and in parts: the same numbers, and the same gradients."""

import dataclasses
import time

import pytest
import torch
from safetensors.torch import load_file

from vdt.config import VDT_CONFIGS
from vdt.models.transformer import VDT
from vdt.training.data.batches import Batches, draw_noise, part_of
from vdt.training.objectives import LatentClips, VDTObjective, VDTSamples
from vdt.training.parallel.checkpoints import CHECKPOINT
from vdt.training.parallel.network import blocks, prepare
from vdt.training.recipe import OptimRecipe, VDTRecipe

CPU = torch.device("cpu")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def objective(**recipe):
    latents = torch.randn(6, 6, 4, 8, 8, generator=seeded(1)).half()
    model = VDT(VDT_CONFIGS["VDT-Tiny/2"], seeded(2))
    return VDTObjective(model, LatentClips(latents=latents, vae=None, shown=None, preview=None), VDTRecipe(**recipe))


def test_batches_drawn_ahead_are_those_drawn_one_by_one_and_leave_the_generator_behind_the_last_one_taken():
    made = objective()
    draw = lambda generator: made.draw(4, generator, CPU)  # noqa: E731
    one, other = seeded(3), seeded(3)
    batches = Batches(draw, one)
    for number in range(5):
        before = one.get_state()
        assert batches.peek() is batches.peek() and torch.equal(one.get_state(), before)
        ours, theirs = batches.take()[0], draw(other)[0]
        for field in ("x0", "mask", "t", "noise"):
            assert torch.equal(getattr(ours, field), getattr(theirs, field)), (number, field)
        assert torch.equal(one.get_state(), other.get_state())
    batches.close()
    assert not batches._thread.is_alive()


def test_what_goes_wrong_while_drawing_is_raised_where_the_batch_is_taken():
    def draw(generator):
        raise ValueError("no such clip")

    batches = Batches(draw, seeded())
    for _ in range(1):
        with pytest.raises(ValueError, match="no such clip"):
            batches.take()
    batches.close()


def test_a_thread_that_waits_for_room_ends_when_it_is_closed():
    batches = Batches(lambda generator: [], seeded())
    time.sleep(0.05)
    batches.close()
    assert not batches._thread.is_alive()


def test_parts_of_a_batch_are_the_batch():
    samples = VDTSamples(
        x0=torch.arange(6.0), mask=torch.ones(6, dtype=torch.bool), t=torch.arange(6), noise=torch.zeros(6)
    )
    parts = [part_of([samples], index, 3)[0] for index in range(3)]
    assert [len(part) for part in parts] == [2, 2, 2]
    assert torch.equal(torch.cat([part.x0 for part in parts]), samples.x0) and parts[0].text is None


def test_noise_is_that_of_its_seed():
    first, second = (draw_noise(torch.Size((2, 3)), seeded(seed), CPU) for seed in (1, 1))
    assert torch.equal(first, second) and not torch.equal(first, draw_noise(torch.Size((2, 3)), seeded(2), CPU))


def test_a_batch_in_parts_with_blocks_run_again_trains_the_same_weights(workbench):
    """Means of equal parts add up to the mean; a block that runs again computes what it had."""
    whole = workbench.train("whole", optim="steps = 3")
    parts = workbench.train("parts", optim="steps = 3\naccumulate = 2\nactivation_checkpointing = true")
    ours, theirs = load_file(whole.folder / CHECKPOINT), load_file(parts.folder / CHECKPOINT)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if name.startswith("model."):
            torch.testing.assert_close(value, theirs[name], rtol=1e-4, atol=2e-5, msg=name)


def test_a_batch_that_cannot_be_taken_in_equal_parts_is_refused(workbench):
    with pytest.raises(
        ValueError, match=r"batch of 4 cannot be shared evenly by 1 processes in 3 parts.*multiple of 3"
    ):
        workbench.train("odd", optim="accumulate = 3")
    with pytest.raises(ValueError, match="3 clips and 1 single frames"):
        workbench.train("odd", optim="accumulate = 2", tables="[images]\nshare = 0.25")


def test_blocks_are_compiled_one_by_one_and_answer_as_before(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, *_, **__: compiled.append(self))
    model = VDT(VDT_CONFIGS["VDT-Tiny/2"], seeded())
    x, t = torch.randn(2, 6, 4, 8, 8, generator=seeded(1)), torch.tensor([10, 500])
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.05 * torch.randn(value.shape, generator=seeded(2)))
    before = model(x, t)
    prepare(model, OptimRecipe(compile=True))
    assert compiled == blocks(model) == list(model.blocks)
    assert torch.equal(model(x, t), before)


def test_in_bfloat16_on_a_cpu_attention_learns_what_it_does_in_float32():
    made = objective(tasks={"predict": 1.0})
    with torch.no_grad():
        for value in made.module.parameters():
            value.add_(0.05 * torch.randn(value.shape, generator=seeded(4)))
    batch = made.draw(4, seeded(5), CPU)
    gradients = []
    for enabled in (False, True):
        made.module.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            made.score(batch).total.backward()
        gradients.append(torch.cat([value.grad.flatten() for value in made.module.parameters()]))
        assert all(value.grad.dtype == torch.float32 for value in made.module.parameters())
    cosine = torch.nn.functional.cosine_similarity(*gradients, dim=0)
    assert cosine > 0.999


def test_two_averages_are_two_files(workbench):
    result = workbench.train("both", optim="steps = 4\nema = 0.1\nema_long = 0.9")
    files = [load_file(result.folder / name) for name in ("both.safetensors", "both-long.safetensors")]
    state = load_file(result.folder / CHECKPOINT)
    for kind, weights in zip(("ema", "ema_long"), files, strict=True):
        for name, value in state.items():
            if name.startswith(f"{kind}."):
                assert torch.equal(weights[name.removeprefix(f"{kind}.")], value.half())
    assert any(not torch.equal(files[0][name], files[1][name]) for name in files[0])


def test_unused_settings_of_a_record_are_kept_by_parts():
    from vdt.training.distill import DistillSamples

    values = {name: torch.zeros(4) for name in ("x0", "mask", "t", "noise", "guidance_noise")}
    assert dataclasses.asdict(DistillSamples(**values, step=2).part(0, 2))["step"] == 2

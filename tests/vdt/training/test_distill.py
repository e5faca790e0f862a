"""Distillation: its target in closed form, and a student that does in few steps what its teacher does in many."""

import copy
import dataclasses

import pytest
import torch

from vdt.config import VDT_CONFIGS, CrossAttentionSpec, MaskSpec
from vdt.diffusion import (
    DenoiserOutput,
    GivenCells,
    GivenDenoiser,
    SamplingConfig,
    Schedule,
    sample_ddim,
    sample_latents,
)
from vdt.models.transformer import VDT
from vdt.training.distill import DistillObjective, teacher_x0
from vdt.training.objectives import LatentClips
from vdt.training.recipe import DistillRecipe, TextRecipe, VDTRecipe

CONFIG = VDT_CONFIGS["VDT-XS/2"].diffusion


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class Linear:
    """A denoiser whose x0 is a fixed mixture of the state and a constant; nothing is given."""

    def __init__(self, schedule, share, constant):
        self.schedule, self.share, self.constant = schedule, share, constant

    def __call__(self, x, index):
        x0 = self.share * x + self.constant
        return DenoiserOutput(x0=x0, epsilon=self.schedule.epsilon_from_x0(x, index, x0))


def test_a_teacher_that_never_changes_its_mind_teaches_what_it_says():
    schedule = Schedule.from_config(CONFIG).respace(10, "quadratic")
    constant = torch.randn(2, 3, 4, 4, 4, generator=seeded(1))
    x = torch.randn(2, 3, 4, 4, 4, generator=seeded(2))
    taught = teacher_x0(Linear(schedule, 0.0, constant), x, schedule, 9, 6)
    torch.testing.assert_close(taught, constant, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("start", "stop"), [(9, 6), (6, 3), (3, 0), (2, -1)])
def test_one_step_with_the_taught_x0_ends_where_several_steps_do(start, stop):
    schedule = Schedule.from_config(CONFIG).respace(10, "quadratic")
    denoise = Linear(schedule, 0.3, torch.randn(1, 2, 4, 4, 4, generator=seeded(3)))
    x = torch.randn(1, 2, 4, 4, 4, generator=seeded(4))
    end = x
    for index in range(start, stop, -1):
        prediction, c = denoise(end, index), schedule.at(index, x)
        end = c.signal_prev * prediction.x0 + c.noise_prev * prediction.epsilon
    x0 = teacher_x0(denoise, x, schedule, start, stop)
    c = schedule.at(stop + 1, x)
    once = c.signal_prev * x0 + c.noise_prev * schedule.epsilon_from_x0(x, start, x0)
    torch.testing.assert_close(once, end, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("steps", "substeps"), [(1, 3), (2, 2), (4, 3), (5, 4)])
def test_the_students_steps_are_among_the_teachers(steps, substeps):
    schedule = Schedule.from_config(CONFIG)
    fine = schedule.respace(steps * substeps, "quadratic")
    student = schedule.respace(steps, "quadratic")
    assert torch.equal(fine.timesteps[substeps - 1 :: substeps], student.timesteps)


def make_objective(teacher, student, latents, **distill):
    recipe = VDTRecipe(tasks={"predict": 1.0}, distill=DistillRecipe(**distill))
    clips = LatentClips(latents=latents, vae=None, shown=None, preview=None)
    return DistillObjective(student, teacher, clips, recipe)


@pytest.fixture
def teacher():
    """A small model of v, whose answers stay of the size of the data, with drawn weights."""
    config = dataclasses.replace(
        VDT_CONFIGS["VDT-Tiny/2"], learn_sigma=False, conditioning=(MaskSpec(embed=True),), diffusion=CONFIG
    )
    model, generator = VDT(config, seeded(4)), seeded(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def test_a_teacher_without_guidance_and_substeps_has_nothing_to_teach_itself(teacher):
    latents = torch.randn(4, 6, 4, 8, 8, generator=seeded(6))
    objective = make_objective(teacher, copy.deepcopy(teacher), latents, steps=4, substeps=1, guidance=1.0)
    loss = objective.loss(4, seeded(7), torch.device("cpu"))
    assert float(loss.total.detach()) < 1e-6
    loss.total.backward()
    assert all(value.grad is None for value in teacher.parameters())


@pytest.mark.parametrize("step", [1, 2])
def test_both_begin_where_the_student_leads_never_at_clean_data(teacher, step):
    """What is to be generated may hold anything, as it may when the student is sampled."""
    objective = make_objective(teacher, copy.deepcopy(teacher), torch.zeros(4, 6, 4, 8, 8), steps=2, substeps=2)
    (samples,) = objective.draw(4, seeded(7), torch.device("cpu"))
    samples = dataclasses.replace(samples, step=step, x0=torch.randn(samples.x0.shape, generator=seeded(13)))
    other = torch.where(samples.mask.unsqueeze(2), 3.0, samples.x0)
    losses = [
        float(objective.score([dataclasses.replace(samples, x0=x0)]).total.detach()) for x0 in (samples.x0, other)
    ]
    assert losses[0] == losses[1] > 0
    colder = make_objective(
        teacher, copy.deepcopy(teacher), torch.zeros(4, 6, 4, 8, 8), steps=2, substeps=2, temperature=0.1
    )
    assert float(colder.score([samples]).total.detach()) != losses[0]  # it begins with less noise


def test_a_student_comes_nearer_to_its_guided_teacher(teacher):
    latents = torch.randn(4, 6, 4, 8, 8, generator=seeded(8))
    student = copy.deepcopy(teacher)
    objective = make_objective(teacher, student, latents, steps=3, substeps=3, guidance=2.0)
    mask = torch.zeros(1, 6, 8, 8, dtype=torch.bool)
    mask[:, 3:] = True

    def sampled(model, steps, guidance):
        sampling = SamplingConfig(steps=steps, sampler="ddim", guidance=guidance)
        return sample_latents(model, latents[:2], mask, generator=seeded(9), sampling=sampling)

    aim = sampled(teacher, 9, 2.0)  # the noise of guidance is drawn after that of the clip
    before = float((sampled(student, 3, 1.0) - aim).pow(2).mean())
    optimizer, generator = torch.optim.Adam(student.parameters(), lr=2e-3), seeded(10)
    for _ in range(60):
        objective.loss(4, generator, torch.device("cpu")).total.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert float((sampled(student, 3, 1.0) - aim).pow(2).mean()) < 0.6 * before


def test_a_student_learns_with_captions_what_its_teacher_does_guided_by_them(teacher):
    """And a teacher that reads text is not distilled without any."""
    spec = CrossAttentionSpec(source="text", width=192, encoder="words")
    model, generator = VDT(dataclasses.replace(teacher.config, conditioning=(MaskSpec(embed=True), spec))), seeded(12)
    for parameter in model.parameters():
        parameter.data = parameter.data + 0.05 * torch.randn(parameter.shape, generator=generator)
    latents, losses = torch.randn(2, 6, 4, 8, 8, generator=seeded(6)), []
    for text_guidance in (1.0, 3.0):
        distill = DistillRecipe(steps=2, substeps=1, guidance=1.0, text_guidance=text_guidance)
        recipe = VDTRecipe(tasks={"predict": 1.0}, distill=distill, text=TextRecipe(encoder="words", drop=0.0))
        clips = LatentClips(latents=latents, vae=None, shown=None, preview=None, captions=[("a red ball",)] * 2)
        objective = DistillObjective(copy.deepcopy(model).requires_grad_(True), model.eval(), clips, recipe)
        loss = objective.loss(2, seeded(7), torch.device("cpu")).total
        loss.backward()
        losses.append(float(loss.detach()))
        assert any(value.grad is not None and "cross" in name for name, value in objective.module.named_parameters())
    assert losses[0] < 1e-6 < 1e-4 < losses[1]  # without guidance there is nothing to learn from oneself


def test_the_taught_end_is_that_of_the_sampler(teacher):
    """Down to clean data the loop is `sample_ddim`'s own."""
    schedule = Schedule.from_config(teacher.config.diffusion).respace(4, "quadratic")
    given = torch.zeros(1, 6, 4, 8, 8)
    mask = torch.ones(1, 6, 8, 8, dtype=torch.bool)
    denoise = GivenDenoiser(teacher, schedule, GivenCells(given, mask))
    x = torch.randn(given.shape, generator=seeded(11))
    taught = teacher_x0(denoise, x, schedule, 3, -1)
    with torch.no_grad():
        torch.testing.assert_close(taught, sample_ddim(denoise, x, schedule), rtol=1e-3, atol=1e-3)

"""How a model is sampled: the measured defaults, names of graphs and the command line, and what is refused."""

import dataclasses
import json

import pytest
import torch

from vdt.config import DiffusionConfig
from vdt.diffusion import EVEN_DDIM, FAST, SAMPLERS, SamplingConfig, Schedule, sample_latents
from vdt.text import Text

FULL = Schedule.from_config(DiffusionConfig(prediction="v"))


def test_the_defaults_are_the_measured_ones():
    values = {"steps": 3, "sampler": "dpmpp_2m", "spacing": "quadratic", "guidance": 1.5, "guidance_below": 0.2}
    assert SamplingConfig().to_dict() == {**values, "text_guidance": 5.0, "step_cache": 0.0, "temperature": 0.5}
    assert (FAST.steps, FAST.name) == (2, "dpmpp_2m_quad")
    assert (EVEN_DDIM.steps, EVEN_DDIM.name) == (20, "ddim")
    assert not any(each.is_guided or each.is_text_guided for each in (FAST, EVEN_DDIM))
    with pytest.raises(dataclasses.FrozenInstanceError):
        SamplingConfig().steps = 5


def test_every_name_of_a_sampler_names_itself():
    for plain in SAMPLERS:
        even, quadratic = SamplingConfig.named(plain), SamplingConfig.named(f"{plain}_quad")
        assert (even.sampler, even.spacing, even.name) == (plain, "even", plain)
        assert (quadratic.sampler, quadratic.spacing, quadratic.name) == (plain, "quadratic", f"{plain}_quad")


def test_a_name_leaves_the_defaults_of_what_is_not_said():
    assert SamplingConfig.named(SamplingConfig().name) == SamplingConfig()
    made = SamplingConfig.named("unipc", steps=7, guidance=1.5, text_guidance=3.0, step_cache=0.1, temperature=0.8)
    values = {"guidance": 1.5, "text_guidance": 3.0, "step_cache": 0.1, "temperature": 0.8}
    assert made == SamplingConfig(steps=7, sampler="unipc", spacing="even", **values)


def test_what_is_out_of_range_is_one_sentence():
    nan, infinity = float("nan"), float("inf")
    for values, message in (
        ({"sampler": "euler"}, "unknown sampler 'euler', expected one of ancestral, ddim, dpmpp_2m, unipc, or .*_quad"),
        ({"sampler": "ddim_quad"}, "unknown sampler 'ddim_quad'"),
        ({"spacing": "cosine"}, "spacing must be 'even', 'strided' or 'quadratic', got 'cosine'"),
        ({"steps": 0}, "steps must be a whole number of 1 or more, got 0"),
        ({"steps": -4}, "got -4"),
        ({"steps": 2.0}, "got 2.0"),
        ({"steps": "4"}, "got '4'"),
        ({"steps": True}, "got True"),
        ({"guidance": nan}, "guidance must be a number, got nan"),
        ({"guidance": infinity}, "guidance must be a number, got inf"),
        ({"guidance_below": nan}, "guidance_below must be a number"),
        ({"step_cache": nan}, "step_cache must be a number"),
        ({"temperature": nan}, "temperature must be a number from 0 to 2.0, got nan"),
        ({"temperature": -0.5}, "temperature must be a number from 0 to 2.0, got -0.5"),
        ({"temperature": 2.5}, "got 2.5"),
        ({"step_cache": -0.1}, "step_cache must be 0 .off. or more, got -0.1"),
    ):
        with pytest.raises(ValueError, match=message):
            SamplingConfig(**values)
    with pytest.raises(ValueError, match=r"unknown sampler 'heun', expected one of .*ddim.*_quad"):
        SamplingConfig.named("heun_quad")


def test_the_chain_is_that_of_steps_and_spacing():
    for spacing in ("even", "strided", "quadratic"):
        made = SamplingConfig(steps=50, spacing=spacing).respaced(FULL)
        assert made.timesteps.tolist() == FULL.respace(50, spacing).timesteps.tolist()
    with pytest.raises(ValueError, match="steps must be a number from 1 to 1000, got 1001"):
        SamplingConfig(steps=1001).respaced(FULL)


def test_passes_are_counted_once_a_step_and_twice_where_guidance_acts():
    for sampling, passes in (
        (SamplingConfig(), 8),
        (SamplingConfig().for_text(False), 5),
        (FAST, 2),
        (EVEN_DDIM, 20),
        (SamplingConfig(guidance_below=0.0), 6),
        (SamplingConfig(guidance_below=1.0), 9),
        (SamplingConfig(steps=5, spacing="even"), 13),
        (SamplingConfig(text_guidance=3.0), 8),
        (dataclasses.replace(FAST, text_guidance=0.5), 4),
        (SamplingConfig(text_guidance=3.0).for_text(False), 5),
    ):
        assert sampling.count_passes(FULL) == passes, sampling


def test_passes_that_are_counted_are_those_that_run():
    """Of a clip with given frames and a text, and at most so many as one batch."""
    model, passes = Recorder(), []
    clean, mask = torch.zeros(1, 4, 4, 2, 2), torch.ones(1, 4, 2, 2, dtype=torch.bool)
    mask[:, 0] = False
    text = Text(torch.ones(1, 2, 8))
    for sampling in (SamplingConfig(text_guidance=3.0), SamplingConfig(guidance=1.0, text_guidance=2.0), FAST):
        model.calls.clear()
        sample_latents(
            model, clean, mask, generator=torch.Generator().manual_seed(0), sampling=sampling, text=text, schedule=FULL
        )
        passes.append((sum(model.calls), max(model.calls)))
        assert passes[-1] == (sampling.count_passes(FULL), sampling.passes_at_once), sampling
    assert passes == [(8, 3), (6, 2), (2, 1)]


def test_a_clip_that_is_given_nothing_has_at_least_eight_steps_and_all_of_its_noise():
    few = Schedule.from_config(DiffusionConfig(prediction="v", num_timesteps=5))
    for sampling, schedule, expected in (
        (SamplingConfig(), FULL, SamplingConfig(steps=8, temperature=1.0)),
        (FAST, FULL, dataclasses.replace(FAST, steps=8, temperature=1.0)),
        (EVEN_DDIM, FULL, dataclasses.replace(EVEN_DDIM, temperature=1.0)),
        (SamplingConfig(temperature=1.5), few, SamplingConfig(steps=5, temperature=1.5)),
    ):
        assert sampling.for_given(True, schedule) == sampling
        assert sampling.for_given(False, schedule) == expected


class Recorder:
    """A model that answers zero and counts the clips of each call."""

    def __init__(self):
        self.calls = []

    def __call__(self, x, t, conditioning):
        self.calls.append(len(x))
        return torch.zeros_like(x)


def test_without_a_text_its_guidance_is_nothing():
    told = SamplingConfig(text_guidance=3.0)
    assert told.for_text(True) is told and told.for_text(False) == SamplingConfig(text_guidance=1.0)


def test_one_line_says_how_a_clip_is_sampled():
    assert SamplingConfig().describe() == "dpmpp_2m_quad, 3 steps, guidance 1.5, text guidance 5, temperature 0.5"
    assert SamplingConfig().for_text(False).describe() == "dpmpp_2m_quad, 3 steps, guidance 1.5, temperature 0.5"
    cached = dataclasses.replace(EVEN_DDIM, guidance=1.5, step_cache=0.1)
    assert cached.describe() == "ddim, 20 steps, guidance 1.5, temperature 0.5, step cache 0.1"
    worded = SamplingConfig(text_guidance=3.0, temperature=1.0)
    assert worded.describe() == "dpmpp_2m_quad, 3 steps, guidance 1.5, text guidance 3, temperature 1"
    assert SamplingConfig(**json.loads(json.dumps(cached.to_dict()))) == cached

"""How a model is sampled: the measured defaults, names of graphs and the command line, and what is refused."""

import dataclasses
import json

import pytest

from vdt.config import DiffusionConfig
from vdt.diffusion import EVEN_DDIM, FAST, SAMPLERS, SamplingConfig, Schedule

FULL = Schedule.from_config(DiffusionConfig(prediction="v"))


def test_the_defaults_are_the_measured_ones():
    values = {"steps": 4, "sampler": "dpmpp_2m", "spacing": "quadratic", "guidance": 2.0, "guidance_below": 0.2}
    assert SamplingConfig().to_dict() == {**values, "text_guidance": 1.0, "step_cache": 0.0}
    assert (FAST.steps, FAST.name, FAST.is_guided) == (2, "dpmpp_2m_quad", False)
    assert (EVEN_DDIM.steps, EVEN_DDIM.name, EVEN_DDIM.is_guided) == (20, "ddim", False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        SamplingConfig().steps = 5


def test_every_name_of_a_sampler_names_itself():
    for plain in SAMPLERS:
        even, quadratic = SamplingConfig.named(plain), SamplingConfig.named(f"{plain}_quad")
        assert (even.sampler, even.spacing, even.name) == (plain, "even", plain)
        assert (quadratic.sampler, quadratic.spacing, quadratic.name) == (plain, "quadratic", f"{plain}_quad")


def test_a_name_leaves_the_defaults_of_what_is_not_said():
    assert SamplingConfig.named(SamplingConfig().name) == SamplingConfig()
    made = SamplingConfig.named("unipc", steps=7, guidance=1.5, step_cache=0.1)
    assert made == SamplingConfig(steps=7, sampler="unipc", spacing="even", guidance=1.5, step_cache=0.1)


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
        (SamplingConfig(), 6),
        (FAST, 2),
        (EVEN_DDIM, 20),
        (SamplingConfig(guidance_below=0.0), 4),
        (SamplingConfig(guidance_below=1.0), 8),
        (SamplingConfig(steps=5, spacing="even"), 8),
    ):
        assert sampling.count_passes(FULL) == passes, sampling


def test_one_line_says_how_a_clip_is_sampled():
    assert SamplingConfig().describe() == "dpmpp_2m_quad, 4 steps, guidance 2"
    cached = dataclasses.replace(EVEN_DDIM, guidance=1.5, step_cache=0.1)
    assert cached.describe() == "ddim, 20 steps, guidance 1.5, step cache 0.1"
    assert SamplingConfig(**json.loads(json.dumps(cached.to_dict()))) == cached

"""An estimate is one timed pass, times what there is to do; clocks here are made up."""

import itertools

import pytest
import torch

from vdt.diffusion import SamplingConfig
from vdt.inference.estimate import Estimate, estimate_run, run_bytes
from vdt.inference.memory import GIBI, frames_at_once, model_bytes, vae_bytes
from vdt.inference.pipeline import Pipeline
from vdt.inference.settings import WindowConfig

MODELS_OWN = WindowConfig()


@pytest.fixture
def pipeline(tiny_model, tiny_vae):
    return Pipeline(tiny_model, tiny_vae)


def unguided(steps):
    return SamplingConfig(steps=steps, sampler="ddim", spacing="even", guidance=1.0)


def clock(*lengths):
    """A clock by which one piece of work after the other takes so long."""
    times = itertools.chain.from_iterable(
        (100.0 * index, 100.0 * index + length) for index, length in enumerate(lengths)
    )
    return lambda: next(times)


def sizes_seen(model):
    """The shapes of the clips that a model is called with from now on."""
    seen = []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape)))
    return seen


def test_time_is_that_of_one_pass_for_all_steps_of_all_windows(pipeline):
    for count, steps in itertools.product((2, 50), (1, 6)):
        arguments = (pipeline, (64, 64), unguided(steps), MODELS_OWN)
        plain = estimate_run(*arguments, count=count, clock=clock(0.25))
        assert plain.seconds == count * steps * 0.25
        coded = estimate_run(*arguments, count=count, coded=40, held=123, clock=clock(0.25, 2.0))
        assert coded.seconds == count * steps * 0.25 + 40 * 2.0 / 8  # eight frames are decoded at a time
        assert coded.bytes == plain.bytes + 123


def test_the_model_is_run_twice_at_the_size_of_a_window_and_guidance_counted(pipeline):
    for guidance, passes in ((1.0, 3), (2.0, 5)):
        seen = sizes_seen(pipeline.model)
        sampling = SamplingConfig(guidance=guidance)
        made = estimate_run(pipeline, (48, 20), sampling, WindowConfig(frames=9), count=2, clock=clock(0.5))
        assert seen == [(1, 9, 4, 6, 3)] * 2  # once before the clock runs
        assert made.seconds == 2 * passes * 0.5


def test_some_tiles_of_a_large_picture_stand_for_all(pipeline):
    seen = sizes_seen(pipeline.model)
    arguments = (pipeline, (64, 64 * 16), unguided(1))  # 8x128 cells in tiles of 8x8
    made = estimate_run(*arguments, MODELS_OWN, count=1, clock=clock(0.8))
    assert seen == [(8, 6, 4, 8, 8)] * 2
    assert made.seconds == pytest.approx(0.8 * 21 / 8)  # one every 6 cells
    seen.clear()
    made = estimate_run(*arguments, WindowConfig(tile=128), count=1, clock=clock(0.8))
    assert seen == [(1, 6, 4, 8, 128)] * 2 and made.seconds == 0.8


def test_nothing_random_is_drawn_and_nothing_changes(pipeline):
    state = torch.get_rng_state()
    weights = [parameter.clone() for parameter in pipeline.model.parameters()]
    estimate_run(pipeline, (64, 64), SamplingConfig(), MODELS_OWN, count=2, coded=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(*pair) for pair in zip(weights, pipeline.model.parameters(), strict=True))


def test_memory_is_that_of_the_worst_stage(pipeline):
    for size, guidance in itertools.product(((64, 64), (512, 1024), (700, 300)), (1.0, 2.0)):
        rows, columns = -(-size[0] // 8), -(-size[1] // 8)
        model = model_bytes(pipeline.model.config, 6 * (1 if guidance == 1 else 2), rows, columns, tile=8)
        made = run_bytes(pipeline, size, SamplingConfig(guidance=guidance), MODELS_OWN, held=5)
        assert made == max(model, vae_bytes(pipeline.vae.config, *size)) + 5


def test_one_chunk_is_decoded_and_of_large_frames_less(pipeline, monkeypatch):
    decoded = []
    monkeypatch.setattr(pipeline.codec, "decode", lambda latents, size: decoded.append((tuple(latents.shape), size)))
    sizes = ((64, 64), (256, 256), (1024, 1024))
    for size in sizes:
        estimate_run(pipeline, size, unguided(1), WindowConfig(frames=3), count=1, coded=1)
    shapes = [(8, 4, 8, 8), (2, 4, 32, 32), (1, 4, 128, 128)]
    assert decoded == list(zip(shapes, sizes, strict=True)) and frames_at_once(64, 64) == 8


def test_estimates_are_rounded_for_people():
    for seconds, size, text in (
        (0.2, 1, "about 1 s and 0.1 GiB"),
        (42.4, 0.31 * GIBI, "about 42 s and 0.4 GiB"),
        (180, 0.4 * GIBI, "about 3 min and 0.4 GiB"),
        (2.5 * 3600, 12 * GIBI, "about 2.5 h and 12.0 GiB"),
        (72 * 3600, GIBI, "about 3 days and 1.0 GiB"),
    ):
        assert Estimate(seconds=seconds, bytes=int(size)).describe() == text

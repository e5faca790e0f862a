"""An estimate is one timed pass, times what there is to do; clocks here are made up."""

import itertools

import pytest
import torch

from vdt.estimate import Estimate, estimate_run, run_bytes
from vdt.memory import GIBI, frames_at_once, model_bytes, vae_bytes
from vdt.pipeline import Pipeline


@pytest.fixture
def pipeline(tiny_model, tiny_vae):
    return Pipeline(tiny_model, tiny_vae)


def clock(*lengths):
    """A clock by which one piece of work after the other takes so long."""
    times = itertools.chain.from_iterable(
        (100.0 * index, 100.0 * index + length) for index, length in enumerate(lengths)
    )
    return lambda: next(times)


@pytest.mark.parametrize("windows", [2, 50])
@pytest.mark.parametrize("steps", [1, 6])
def test_time_is_that_of_one_pass_for_all_steps_of_all_windows(pipeline, windows, steps):
    told = estimate_run(pipeline, (64, 64), 6, windows=windows, steps=steps, clock=clock(0.25))
    assert told.seconds == windows * steps * 0.25
    held = estimate_run(pipeline, (64, 64), 6, windows=windows, steps=steps, coded=40, held=123, clock=clock(0.25, 2.0))
    assert held.seconds == windows * steps * 0.25 + 40 * 2.0 / 8  # eight frames are decoded at a time
    assert held.bytes == told.bytes + 123


@pytest.mark.parametrize(("guidance", "passes"), [(1.0, 4), (2.0, 6)])
def test_the_model_is_run_twice_at_the_size_of_a_window_and_guidance_counted(pipeline, guidance, passes):
    seen = []
    pipeline.model.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape)))
    options = {"windows": 2, "steps": 4, "sampler": "dpmpp_2m_quad", "guidance_scale": guidance}
    told = estimate_run(pipeline, (48, 20), 9, **options, clock=clock(0.5))
    assert seen == [(1, 9, 4, 6, 3)] * 2  # once before the clock runs
    assert told.seconds == 2 * passes * 0.5


def test_some_tiles_of_a_large_picture_speak_for_all(pipeline):
    seen = []
    pipeline.model.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape)))
    told = estimate_run(pipeline, (64, 64 * 16), 6, windows=1, steps=1, clock=clock(0.8))  # 8x128 cells in tiles of 8x8
    assert seen == [(8, 6, 4, 8, 8)] * 2
    assert told.seconds == pytest.approx(0.8 * 21 / 8)  # one every 6 cells


def test_nothing_random_is_drawn_and_nothing_changes(pipeline):
    state = torch.get_rng_state()
    weights = [parameter.clone() for parameter in pipeline.model.parameters()]
    estimate_run(pipeline, (64, 64), 6, windows=2, steps=2, coded=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(*pair) for pair in zip(weights, pipeline.model.parameters(), strict=True))


@pytest.mark.parametrize("size", [(64, 64), (512, 1024), (700, 300)])
@pytest.mark.parametrize("guided", [False, True])
def test_memory_is_that_of_the_worst_stage(pipeline, size, guided):
    rows, columns = -(-size[0] // 8), -(-size[1] // 8)
    model = model_bytes(pipeline.model.config, 6 * (1 + guided), rows, columns)
    assert run_bytes(pipeline, size, 6, guided=guided) == max(model, vae_bytes(pipeline.vae.config, *size))


def test_one_chunk_is_decoded_and_of_large_frames_less(pipeline, monkeypatch):
    decoded = []
    monkeypatch.setattr("vdt.estimate.decode_frames", lambda vae, latents: decoded.append(tuple(latents.shape)))
    for size in ((64, 64), (256, 256), (1024, 1024)):
        estimate_run(pipeline, size, 3, windows=1, steps=1, coded=1)
    assert decoded == [(8, 4, 8, 8), (2, 4, 32, 32), (1, 4, 128, 128)] and frames_at_once(64, 64) == 8


@pytest.mark.parametrize(
    ("seconds", "size", "text"),
    [
        (0.2, 1, "about 1 s and 0.1 GiB"),
        (42.4, 0.31 * GIBI, "about 42 s and 0.4 GiB"),
        (180, 0.4 * GIBI, "about 3 min and 0.4 GiB"),
        (2.5 * 3600, 12 * GIBI, "about 2.5 h and 12.0 GiB"),
        (72 * 3600, GIBI, "about 3 days and 1.0 GiB"),
    ],
)
def test_estimates_are_rounded_for_people(seconds, size, text):
    assert Estimate(seconds=seconds, bytes=int(size)).describe() == text

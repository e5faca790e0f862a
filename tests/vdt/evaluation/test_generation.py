"""Evaluated clips are those of the pipeline: tiles, windows and compositing included, each with noise of its own."""

import dataclasses

import numpy as np
import pytest
import torch

from vdt.diffusion import EVEN_DDIM, derived_seed
from vdt.evaluation.generation import config_values, generate_clips, pixel_mask, round_trip
from vdt.inference.pipeline import Pipeline
from vdt.inference.settings import CompositingConfig, GenerationConfig, SamplingConfig, WindowConfig
from vdt.masks.tasks import Predict

SAMPLING = dataclasses.replace(EVEN_DDIM, steps=2)


@pytest.fixture
def pipeline(tiny_model, tiny_vae):
    return Pipeline(tiny_model, tiny_vae)


def noise(count, frames, height, width):
    return list(np.random.default_rng(0).integers(0, 256, (count, frames, height, width, 3), dtype=np.uint8))


def test_clips_are_those_of_the_pipeline(pipeline):
    windows, compositing = WindowConfig(frames=4, overlap=1, tile=4), CompositingConfig(color_match=0.0)
    config = GenerationConfig(sampling=SAMPLING, windows=windows, compositing=compositing, seed=5)
    clips = noise(2, 9, 40, 48)  # longer than a window, larger than a tile
    generated = Predict(given=3).frame_mask(9).numpy()
    made = generate_clips(pipeline, clips, generated, config, start=7)
    mask = torch.from_numpy(generated)[:, None, None].expand(9, 40, 48)
    for index, clip in enumerate(clips):
        records = {"sampling": SAMPLING, "windows": windows, "compositing": compositing}
        alone = pipeline(clip, mask, seed=derived_seed(5, 7 + index), **records).frames
        assert np.array_equal(made[index][:3], clip[:3])
        # one rounding step of float32 is one level: untrained, the model answers in hundreds
        assert np.abs(made[index].astype(int) - alone).mean() < 0.1
    whole = dataclasses.replace(config, windows=WindowConfig(tile=8))
    assert (generate_clips(pipeline, clips, generated, whole, start=7)[0][3:] != made[0][3:]).any()


def test_the_round_trip_is_composited_as_generated_clips_are(pipeline):
    (clip,) = noise(1, 6, 32, 32)
    clip[:] = clip[:1]  # nothing moves
    generated = np.arange(6) >= 2
    bare = GenerationConfig(compositing=CompositingConfig(static_background=0, color_match=0))
    (held,), (shown,) = (round_trip(pipeline, [clip], generated, config) for config in (GenerationConfig(), bare))
    assert np.array_equal(held, clip)  # the static background is that of the given frames
    assert np.array_equal(shown[:2], clip[:2]) and (shown[2:] != clip[2:]).any()
    part = np.zeros((6, 32, 32), bool)
    part[:, 8:16, 8:16] = True
    (partly,) = round_trip(pipeline, [clip], part, bare)
    assert np.array_equal(partly[~part], clip[~part]) and np.array_equal(partly[2:][part[2:]], shown[2:][part[2:]])


def test_the_truth_of_generated_frames_is_hidden(pipeline):
    first, second = noise(2, 6, 16, 16)
    second[:3] = first[:3]
    generated = np.arange(6) >= 3
    one, other = (generate_clips(pipeline, [clip], generated, GenerationConfig())[0] for clip in (first, second))
    assert np.array_equal(one, other)


def test_masks_of_frames_cover_all_pixels():
    frames = np.zeros((3, 4, 5, 3), np.uint8)
    mask = pixel_mask(np.array([False, True, False]), frames)
    assert mask.shape == (3, 4, 5) and mask.flatten(1).all(1).tolist() == [False, True, False]
    pixels = np.random.default_rng(0).random((3, 4, 5)) > 0.5
    assert np.array_equal(pixel_mask(pixels, frames).numpy(), pixels)


def test_reports_keep_the_keys_of_older_ones():
    values = config_values(GenerationConfig(seed=3))
    assert values["sampler"] == "dpmpp_2m_quad" and values["steps"] == SamplingConfig().steps and values["seed"] == 3
    older = {"steps", "sampler", "guidance_scale", "reuse", "seed", "still"}
    assert older <= values.keys() and values["still"] == CompositingConfig().static_background

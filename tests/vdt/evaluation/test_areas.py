"""Parts of frames: who paints the truth is without error, and what is not known of it is not seen."""

import dataclasses

import numpy as np
import pytest
import torch

from vdt.config import VDT_CONFIGS
from vdt.evaluation.areas import AREAS, ENDS, areas_table, evaluate_areas, run_on
from vdt.evaluation.networks import Sampling
from vdt.model import build_model

SIZE = (8, 48, 48)


@pytest.fixture
def model():
    config = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], in_channels=192, input_size=6, num_frames=SIZE[0])
    return build_model(config, torch.Generator().manual_seed(0))


@pytest.fixture
def clips(make_clip):
    across = np.stack([np.linspace(4, 44, SIZE[0]), np.full(SIZE[0], 24.0)], axis=1)
    return [make_clip(across), make_clip(across[::-1], seed=1)]


@pytest.mark.parametrize("name", AREAS)
def test_an_area_has_given_pixels_around_it_and_generated_ones_inside(name):
    area = AREAS[name](SIZE)
    assert area.shape == SIZE
    assert area.any() and (~area).any((1, 2)).all()
    assert area[[0, -1]].any() == (f"{ENDS} frames" not in name)


def test_nothing_of_the_truth_is_in_what_runs_on():
    frames = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    area = AREAS["the middle quarter"](SIZE)
    other = np.where(area[..., None], 255 - frames, frames)
    assert np.array_equal(run_on(frames, area), run_on(other, area))
    assert np.array_equal(run_on(frames, area)[~area], frames[~area])
    plain = np.full((*SIZE, 3), 77, np.uint8)
    assert np.array_equal(run_on(plain, area), plain)


def test_the_truth_and_an_exact_autoencoder_are_without_error(model, exact_vae, clips, tmp_path):
    found = evaluate_areas(model, exact_vae, clips, tmp_path, Sampling(steps=1, edges=0))
    assert list(found) == list(AREAS)
    for methods in found.values():
        assert list(methods) == ["model", "vae", "run_on", "truth"]
        assert methods["vae"]["psnr"] == methods["truth"]["psnr"] == pytest.approx(100)
        assert methods["model"]["psnr"] < methods["run_on"]["psnr"] < 40  # of a model that has learned nothing
        assert methods["model"]["seam"] > methods["truth"]["seam"]
    middle = found["the middle quarter"]
    assert middle["truth"]["centroid_px"] < 0.2 and middle["truth"]["present"] == 1
    assert middle["run_on"]["present"] < 0.5 and middle["run_on"]["centroid_px"] > 5
    assert found["around the picture"]["truth"]["clips"] == 2
    assert len(list(tmp_path.glob("area_*.png"))) == len(AREAS)


def test_a_clip_whose_ball_is_never_inside_does_not_count(model, exact_vae, make_clip, tmp_path):
    aside = np.stack([np.full(SIZE[0], 4.0), np.linspace(4, 44, SIZE[0])], axis=1)
    outside = np.stack([np.full(SIZE[0], -30.0), np.full(SIZE[0], 60.0)], axis=1)
    found = evaluate_areas(model, exact_vae, [make_clip(aside), make_clip(outside)], tmp_path, Sampling(steps=1))
    assert found["the right half"]["model"]["centroid_px"] is None
    table = areas_table(found)
    assert f"| the right half | truth | - | {found['the right half']['truth']['seam']:.1f} | - | - |" in table
    assert len(table.splitlines()) == 2 + 4 * len(AREAS)

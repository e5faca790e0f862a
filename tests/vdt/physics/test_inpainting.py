"""Parts of frames: an exact result has no error, and the ground truth is hidden."""

import dataclasses

import numpy as np
import pytest

from vdt.diffusion import EVEN_DDIM
from vdt.inference.settings import CompositingConfig, GenerationConfig
from vdt.physics.inpainting import AREAS, ENDS, METHODS, boundary_fill, evaluate_inpainting, inpainting_table

SIZE = (8, 48, 48)
ONE_STEP = GenerationConfig(sampling=dataclasses.replace(EVEN_DDIM, steps=1))


@pytest.fixture
def pipeline(exact_pipeline):
    return exact_pipeline(SIZE[0], 6)


@pytest.fixture
def clips(make_clip):
    across = np.stack([np.linspace(4, 44, SIZE[0]), np.full(SIZE[0], 24.0)], axis=1)
    return [make_clip(across), make_clip(across[::-1], seed=1)]


def test_an_area_has_given_pixels_around_it_and_generated_ones_inside():
    for name, make in AREAS.items():
        mask = make(SIZE)
        assert mask.shape == SIZE, name
        assert mask.any() and (~mask).any((1, 2)).all(), name
        assert mask[[0, -1]].any() == (f"{ENDS} frames" not in name), name


def test_the_boundary_fill_hides_the_truth():
    frames = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    mask = AREAS["the middle quarter"](SIZE)
    other = np.where(mask[..., None], 255 - frames, frames)
    assert np.array_equal(boundary_fill(frames, mask), boundary_fill(other, mask))
    assert np.array_equal(boundary_fill(frames, mask)[~mask], frames[~mask])
    plain = np.full((*SIZE, 3), 77, np.uint8)
    assert np.array_equal(boundary_fill(plain, mask), plain)


def test_the_truth_and_an_exact_autoencoder_are_without_error(pipeline, clips, tmp_path):
    config = dataclasses.replace(ONE_STEP, compositing=CompositingConfig(color_match=0))
    found = evaluate_inpainting(pipeline, clips, tmp_path, config)
    assert list(found) == list(AREAS)
    for methods in found.values():
        assert list(methods) == ["model", "vae", "run_on", "truth"] == list(METHODS)
        assert methods["vae"]["psnr"] == methods["truth"]["psnr"] == pytest.approx(100)
        assert methods["model"]["psnr"] < methods["run_on"]["psnr"] < 40  # of a model that has learned nothing
        assert methods["model"]["seam"] > methods["truth"]["seam"]
    middle = found["the middle quarter"]
    assert middle["truth"]["centroid_px"] < 0.2 and middle["truth"]["present"] == 1
    assert middle["run_on"]["present"] < 0.5 and middle["run_on"]["centroid_px"] > 5
    assert found["around the picture"]["truth"]["clips"] == 2
    assert len(list(tmp_path.glob("area_*.png"))) == len(AREAS)


def test_a_clip_whose_ball_is_never_inside_does_not_count(pipeline, make_clip, tmp_path):
    aside = np.stack([np.full(SIZE[0], 4.0), np.linspace(4, 44, SIZE[0])], axis=1)
    outside = np.stack([np.full(SIZE[0], -30.0), np.full(SIZE[0], 60.0)], axis=1)
    found = evaluate_inpainting(pipeline, [make_clip(aside), make_clip(outside)], tmp_path, ONE_STEP)
    assert found["the right half"]["model"]["centroid_px"] is None
    table = inpainting_table(found)
    assert f"| the right half | truth | - | {found['the right half']['truth']['seam']:.1f} | - | - |" in table
    assert len(table.splitlines()) == 2 + 4 * len(AREAS)

"""Distances to clips that are known."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from vdt.diffusion import EVEN_DDIM
from vdt.inference.settings import GenerationConfig
from vdt.physics.memorization import (
    find_nearest,
    memorization_record,
    memorization_table,
    unconditional_samples,
    write_memorization_sheet,
)

RNG = np.random.default_rng(0)
CLIPS = RNG.integers(40, 200, (6, 4, 32, 32, 3), dtype=np.uint8)


def test_a_copy_is_at_no_distance_mirrored_or_not():
    found = find_nearest(np.stack([CLIPS[4], CLIPS[1][:, :, ::-1]]), [CLIPS[:3], CLIPS[3:]])
    assert found.distance == pytest.approx([0, 0], abs=0.1)
    assert (found.clips[0] == CLIPS[4]).all() and (found.clips[1] == CLIPS[1][:, :, ::-1]).all()


def test_the_distance_is_in_levels():
    (distance,) = find_nearest(CLIPS[:1] + np.uint8(7), [CLIPS[:1]]).distance
    assert distance == pytest.approx(7, abs=0.1)


def test_what_is_finer_than_the_grid_does_not_count():
    noisy = CLIPS[:1].copy()
    noisy[..., ::2, :, :] += 10
    noisy[..., 1::2, :, :] -= 10
    assert find_nearest(noisy, [CLIPS]).distance == pytest.approx([0], abs=0.1)
    with pytest.raises(ValueError, match="multiples"):
        find_nearest(CLIPS[:, :, :20], [CLIPS[:, :, :20]])


def test_unconditional_samples_depend_on_their_number_only(exact_pipeline):
    pipeline = exact_pipeline(6, 4)
    shape, config = (6, 32, 32, 3), GenerationConfig(sampling=dataclasses.replace(EVEN_DDIM, steps=2))
    three = unconditional_samples(pipeline, shape, 3, config, batch_size=3)
    assert three.shape == (3, *shape)
    assert np.abs(three.astype(int) - unconditional_samples(pipeline, shape, 3, config, batch_size=2)).max() <= 1
    assert len(np.unique(three.reshape(3, -1), axis=0)) == 3
    guided = dataclasses.replace(config, sampling=dataclasses.replace(config.sampling, guidance=2.0))
    assert np.array_equal(unconditional_samples(pipeline, shape, 3, guided, batch_size=3), three)  # nothing to follow


def test_table_and_sheet_show_both(tmp_path):
    made = find_nearest(CLIPS[:2] + np.uint8(3), [CLIPS])
    record = memorization_record(made, find_nearest(CLIPS[2:4], [CLIPS[:2]]))
    assert record["invented"]["median"] == pytest.approx(3, abs=0.1) and record["held_out"]["smallest"] > 3
    assert memorization_table(record).splitlines()[2] == "| unconditional samples (n=2) | 3.0 | 3.0 |"
    write_memorization_sheet(CLIPS[:2], made, tmp_path / "nearest.png")
    assert np.asarray(Image.open(tmp_path / "nearest.png")).std() > 10

"""Distances to clips that are known."""

import numpy as np
import pytest
import torch
from PIL import Image

from vdt.config import VDT_CONFIGS
from vdt.evaluation.nearest import invented, nearest, nearest_record, nearest_table, write_nearest
from vdt.evaluation.networks import Sampling
from vdt.model import build_model

RNG = np.random.default_rng(0)
CLIPS = RNG.integers(40, 200, (6, 4, 32, 32, 3), dtype=np.uint8)


def test_a_copy_is_at_no_distance_mirrored_or_not():
    found = nearest(np.stack([CLIPS[4], CLIPS[1][:, :, ::-1]]), [CLIPS[:3], CLIPS[3:]])
    assert found.distance == pytest.approx([0, 0], abs=0.1)
    assert (found.clips[0] == CLIPS[4]).all() and (found.clips[1] == CLIPS[1][:, :, ::-1]).all()


def test_the_distance_is_in_levels():
    (distance,) = nearest(CLIPS[:1] + np.uint8(7), [CLIPS[:1]]).distance
    assert distance == pytest.approx(7, abs=0.1)


def test_what_is_finer_than_the_grid_does_not_count():
    noisy = CLIPS[:1].copy()
    noisy[..., ::2, :, :] += 10
    noisy[..., 1::2, :, :] -= 10
    assert nearest(noisy, [CLIPS]).distance == pytest.approx([0], abs=0.1)
    with pytest.raises(ValueError, match="multiples"):
        nearest(CLIPS[:, :, :20], [CLIPS[:, :, :20]])


def test_clips_made_from_nothing_depend_on_their_number_only(exact_vae):
    torch.manual_seed(0)
    base = VDT_CONFIGS["VDT-Tiny/2"]
    model = build_model(type(base)(**{**vars(base), "in_channels": 192, "input_size": 4}), torch.Generator())
    shape, sampling = (6, 32, 32, 3), Sampling(steps=2)
    three = invented(model, exact_vae, shape, 3, sampling, batch_size=3)
    assert three.shape == (3, *shape)
    assert np.abs(three.astype(int) - invented(model, exact_vae, shape, 3, sampling, batch_size=2)).max() <= 1
    assert len(np.unique(three.reshape(3, -1), axis=0)) == 3


def test_table_and_sheet_tell_of_both(tmp_path):
    made = nearest(CLIPS[:2] + np.uint8(3), [CLIPS])
    record = nearest_record(made, nearest(CLIPS[2:4], [CLIPS[:2]]))
    assert record["invented"]["median"] == pytest.approx(3, abs=0.1) and record["held_out"]["smallest"] > 3
    assert nearest_table(record).splitlines()[2] == "| made from nothing (n=2) | 3.0 | 3.0 |"
    write_nearest(CLIPS[:2], made, tmp_path / "nearest.png")
    assert np.asarray(Image.open(tmp_path / "nearest.png")).std() > 10

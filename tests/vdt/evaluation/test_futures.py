"""Several futures whose distances are known."""

import numpy as np
import pytest
from PIL import Image

from vdt.evaluation import futures as module
from vdt.evaluation.futures import futures, futures_table, write_futures
from vdt.evaluation.networks import Sampling

SHIFTS = (-3, -1, 1, 3)  # px to the side, one sample each


@pytest.fixture
def clip(make_clip):
    return make_clip(np.stack([np.linspace(14, 30, 8), np.full(8, 24.0)], axis=1))


@pytest.fixture
def found(clip, draw, monkeypatch):
    starts = []

    def shifted(model, vae, frames, known, sampling, *, start):
        starts.append((start, known.sum()))
        return [draw(clip.centres[0] + (shift, 0)) for shift in SHIFTS]

    monkeypatch.setattr(module, "model_frames", shifted)
    made = futures(None, None, [clip, clip], Sampling(), given=2, samples=len(SHIFTS))
    assert starts == [(0, 2), (4, 2)]  # the noise of one clip's samples is not another's
    return made


def test_mean_best_and_spread_are_those_of_the_samples(found):
    assert found.mean == pytest.approx([2, 2], abs=0.1)
    assert found.best == pytest.approx([1, 1], abs=0.1)
    assert found.spread == pytest.approx([5**0.5] * 2, abs=0.1)


def test_a_record_is_a_row(found):
    record = found.to_record()
    assert (record["given"], record["samples"], record["clips"]) == (2, 4, 2)
    assert futures_table([record]).splitlines()[2].startswith("| 2 (2 clips, 4 samples) | 2.0")


def test_all_samples_are_on_the_sheet(found, clip, tmp_path):
    write_futures(found, clip.frames, tmp_path / "futures.png")
    write_futures(module.Futures(**{**vars(found), "frames": found.frames[:1]}), clip.frames, tmp_path / "one.png")
    heights = [Image.open(tmp_path / name).height for name in ("futures.png", "one.png")]
    assert heights[0] > 2 * heights[1]

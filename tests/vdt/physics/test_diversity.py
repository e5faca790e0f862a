"""Several samples of one continuation whose distances are known."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from vdt.diffusion import derived_seed
from vdt.inference.pipeline import GeneratedClip
from vdt.inference.settings import GenerationConfig
from vdt.physics.diversity import diversity_table, measure_diversity, write_diversity_sheet

SHIFTS = (-3, -1, 1, 3)  # px to the side, one sample each


@pytest.fixture
def clip(make_clip):
    return make_clip(np.stack([np.linspace(14, 30, 8), np.full(8, 24.0)], axis=1))


class ShiftedPipeline:
    """Answers with the truth moved to the side."""

    def __init__(self, clip, draw):
        self.clip, self.draw, self.seeds = clip, draw, []

    def generate_batch(self, clips, mask, *, seeds, **records):
        assert mask.flatten(1).all(1).tolist() == [False] * 2 + [True] * 6
        self.seeds.append(seeds)
        frames = [self.draw(self.clip.centres[0] + (shift, 0)) for shift in SHIFTS]
        return [GeneratedClip(frames=each, mask=mask.numpy(), latents=None) for each in frames]


@pytest.fixture
def found(clip, draw):
    pipeline = ShiftedPipeline(clip, draw)
    made = measure_diversity(pipeline, [clip, clip], GenerationConfig(), given=2, samples=len(SHIFTS))
    first, second = pipeline.seeds  # the noise of one clip's samples is not another's
    assert first == [derived_seed(0, n) for n in range(4)] and second == [derived_seed(0, n) for n in range(4, 8)]
    return made


def test_mean_best_and_spread_are_those_of_the_samples(found):
    assert found.mean == pytest.approx([2, 2], abs=0.1)
    assert found.best == pytest.approx([1, 1], abs=0.1)
    assert found.spread == pytest.approx([5**0.5] * 2, abs=0.1)


def test_a_clip_without_a_ball_in_view_does_not_count(clip, draw):
    hidden = dataclasses.replace(clip, visible=np.zeros_like(clip.visible))
    made = measure_diversity(ShiftedPipeline(clip, draw), [clip, hidden], GenerationConfig(), given=2, samples=4)
    assert made.mean[0] == pytest.approx(2, abs=0.1)
    assert np.isnan([made.mean[1], made.best[1], made.spread[1]]).all()
    assert made.to_record()["mean_px"]["mean"] == pytest.approx(2, abs=0.1)


def test_a_record_is_a_row(found):
    record = found.to_record()
    assert (record["given"], record["samples"], record["clips"]) == (2, 4, 2)
    assert diversity_table([record]).splitlines()[2].startswith("| 2 (2 clips, 4 samples) | 2.0")


def test_all_samples_are_on_the_sheet(found, clip, tmp_path):
    write_diversity_sheet(found, clip.frames, tmp_path / "all.png")
    write_diversity_sheet(dataclasses.replace(found, frames=found.frames[:1]), clip.frames, tmp_path / "one.png")
    heights = [Image.open(tmp_path / name).height for name in ("all.png", "one.png")]
    assert heights[0] > 2 * heights[1]

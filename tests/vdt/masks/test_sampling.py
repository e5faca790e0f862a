"""The tasks of training batches: something to generate in each, shares as asked, areas of the size they promise."""

import itertools

import pytest
import torch

from vdt.masks.sampling import DEFAULT_MIX, sample_task_masks


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_every_training_sample_generates_something():
    for size, frames in itertools.product(((2, 2), (3, 5), (8, 8), (1, 7)), (1, 2, 3, 8, 16, 20)):
        mask = sample_task_masks(100, frames, *size, rng(frames))
        assert mask.shape == (100, frames, *size) and mask.dtype == torch.bool
        assert mask.flatten(1).any(1).all(), (size, frames)


def test_each_sample_has_its_own_draw():
    least = {"predict": 7, "backward": 7, "interpolate": 7, "image_to_video": 16, "random": 100}
    least |= {"spatial": 150, "border": 60, "moving": 150}
    assert {*least, "unconditional"} == set(DEFAULT_MIX)
    for task, count in least.items():
        mask = sample_task_masks(200, 16, 8, 8, rng(), {task: 1.0})
        given = 16 - mask.flatten(2).any(2).sum(1)
        assert len({bytes(sample.numpy().tobytes()) for sample in mask}) >= count, task
        if task in ("predict", "backward"):
            assert set(given.tolist()) == set(range(1, 16))


def test_sampling_follows_the_mix_and_the_seed():
    mix = {"unconditional": 3.0, "image_to_video": 1.0, "predict": 0.0}
    mask = sample_task_masks(2000, 16, 2, 2, rng(), mix)
    generated = mask[:, :, 0, 0].sum(1)
    assert set(generated.tolist()) == {15, 16}
    assert abs((generated == 16).float().mean().item() - 0.75) < 0.04
    first, second, other = (sample_task_masks(64, 16, 8, 8, rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second) and not torch.equal(first, other)
    assert sum(DEFAULT_MIX.values()) == pytest.approx(1.0)


def test_sampling_refuses_a_bad_mix():
    with pytest.raises(ValueError, match="unknown task 'future'"):
        sample_task_masks(2, 16, 2, 2, rng(), {"future": 1.0})
    with pytest.raises(ValueError, match="'predict' the weight -1"):
        sample_task_masks(2, 16, 2, 2, rng(), {"predict": -1.0})
    for weight in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"'predict' the weight {weight}"):
            sample_task_masks(2, 16, 2, 2, rng(), {"predict": weight})
    with pytest.raises(ValueError, match="no task for 1 frames"):
        sample_task_masks(2, 1, 2, 2, rng(), {"predict": 1.0})
    with pytest.raises(ValueError, match="no task for 4 frames of 1 cells"):
        sample_task_masks(2, 4, 1, 1, rng(), {"spatial": 1.0})


def test_a_border_leaves_one_rectangle_of_at_least_half_of_either_side():
    for size in ((8, 8), (4, 9), (1, 5), (2, 1)):
        for sample in sample_task_masks(100, 3, *size, rng(), {"border": 1.0}):
            given = ~sample[0]
            assert torch.equal(sample, sample[:1].expand(3, -1, -1))
            rows, columns = given.any(1).nonzero().flatten(), given.any(0).nonzero().flatten()
            assert torch.equal(given, given.any(1)[:, None] & given.any(0)) and not given.all()
            for places, side in ((rows, size[0]), (columns, size[1])):
                assert len(places) >= side // 2 and int(places[-1] - places[0]) == len(places) - 1


def test_a_moving_area_keeps_its_size_and_goes_an_even_way():
    moved = 0
    for sample in sample_task_masks(100, 16, 8, 8, rng(), {"moving": 1.0}):
        frames = sample[sample.flatten(1).any(1)]
        assert 16 - 6 <= len(frames) <= 16
        sizes = frames.flatten(1).sum(1)
        assert (sizes == sizes[0]).all() and 4 <= int(sizes[0]) <= 25
        tops = torch.stack([frame.any(1).nonzero()[0, 0] for frame in frames])
        steps = tops.diff()
        assert steps.abs().max() <= 1 and (steps.min() >= 0 or steps.max() <= 0)
        moved += bool(steps.any())
    assert moved > 50

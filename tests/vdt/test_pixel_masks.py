"""Masks at pixel size: tasks, painted masks, cells and back, and how they combine."""

import pytest
import torch

from vdt import masks
from vdt.pixel_masks import OPERATIONS, TASK_NAMES, combine, fit_mask, task_mask, to_cells, to_pixels

SIZE = (12, 32, 48)


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("predict", range(8)),
        ("backward", range(4, 12)),
        ("interpolate", [0, 4, 8, 11]),
        ("image_to_video", [0]),
        ("frames", [0, 1, 2, 3, 11]),
        ("unconditional", []),
    ],
)
def test_a_task_gives_whole_frames(task, given):
    mask = task_mask(task, SIZE)
    assert mask.shape == SIZE and mask.dtype == torch.bool
    assert [index for index in range(12) if not mask[index].any()] == list(given)
    assert all(bool(mask[index].all()) for index in range(12) if index not in given)


def test_each_setting_reaches_its_task():
    assert int(task_mask("predict", SIZE, given=3)[:, 0, 0].sum()) == 9
    assert not task_mask("image_to_video", SIZE, frame=-1)[11].any()
    assert not task_mask("interpolate", SIZE, every=2)[2].any()
    assert not task_mask("frames", SIZE, known="5")[5].any()


@pytest.mark.parametrize("task", ["random", "spatial"])
def test_a_seed_makes_one_mask(task):
    first, again, other = (task_mask(task, SIZE, seed=seed) for seed in (2**64 - 1, 2**64 - 1, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert bool(first.any()) and not bool(first.all())


def test_random_blocks_are_whole_cells():
    mask = task_mask("spatial", SIZE, seed=3)
    assert torch.equal(to_pixels(to_cells(mask, (12, 4, 6)), SIZE), mask)


def test_spatial_is_the_painted_mask_and_other_tasks_stay_inside_it():
    painted = torch.zeros(1, 32, 48, dtype=torch.bool)
    painted[:, 3:9, 5:7] = True
    assert torch.equal(task_mask("spatial", SIZE, painted=painted), painted.expand(SIZE))
    mask = task_mask("predict", SIZE, given=5, painted=painted)
    assert not mask[:5].any() and torch.equal(mask[5:], painted.expand(7, 32, 48))


def test_task_names_are_those_of_the_library():
    assert sorted(TASK_NAMES) == sorted(masks.TASKS)
    with pytest.raises(ValueError, match="unknown task 'nonsense': expected one of predict"):
        task_mask("nonsense", SIZE)


def test_a_cell_is_generated_if_any_of_its_pixels_is():
    mask = torch.zeros(2, 32, 48, dtype=torch.bool)
    mask[1, 15, 16] = True
    cells = to_cells(mask, (2, 4, 6))
    assert cells.nonzero().tolist() == [[1, 1, 2]]
    assert torch.equal(to_cells(cells, (2, 4, 6)), cells)
    assert int(to_pixels(cells, (2, 32, 48)).sum()) == 64


@pytest.mark.parametrize("size", [(2, 30, 41), (2, 16, 17), (2, 1, 5), (2, 33, 8)])
def test_the_last_cells_of_a_picture_may_hang_over(size):
    grid = (2, -(-size[1] // 8), -(-size[2] // 8))
    corner = torch.zeros(size, dtype=torch.bool)
    corner[1, -1, -1] = True
    assert to_cells(corner, grid).nonzero().tolist() == [[1, grid[1] - 1, grid[2] - 1]]
    cells = torch.rand(grid, generator=torch.Generator().manual_seed(4)) > 0.5
    pixels = to_pixels(cells, size)
    assert pixels.shape == size and torch.equal(to_cells(pixels, grid), cells)
    assert bool(pixels[1, -1, -1]) == bool(cells[1, -1, -1])
    block = task_mask("spatial", size, seed=1) if grid[1] * grid[2] > 1 else pixels
    assert block.shape == size and torch.equal(to_pixels(to_cells(block, grid), size), block)


def test_one_frame_serves_all():
    mask = torch.zeros(1, 32, 48, dtype=torch.bool)
    for made in (fit_mask(mask, SIZE), to_cells(mask, (12, 4, 6)).repeat_interleave(8, 1).repeat_interleave(8, 2)):
        assert made.shape == SIZE
    assert to_pixels(mask, SIZE).shape == SIZE


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: fit_mask(m, (12, 32, 48)), "the mask is 5 frames of 48x32, the clip is 12 frames of 48x32"),
        (lambda m: fit_mask(m, (5, 32, 32)), "the mask is 5 frames of 48x32, the clip is 5 frames of 32x32"),
        (lambda m: to_cells(m, (5, 4, 4)), "the mask is 5 frames of 48x32, the latent is 5 frames of 4x4 cells"),
        (lambda m: to_cells(m, (7, 4, 6)), "give one frame for all of them, or one for each"),
        (lambda m: to_pixels(m, (5, 33, 48)), "the frames are 5 frames of 48x33"),
        (lambda m: to_pixels(m, (5, 8, 12)), "make it for these frames"),
    ],
)
def test_a_mismatch_names_both_shapes_and_the_fix(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.ones(5, 32, 48, dtype=torch.bool))


def test_masks_combine_as_sets_and_stay_soft():
    a, b = torch.tensor([0.0, 0.25, 1.0, 1.0]), torch.tensor([0.0, 1.0, 0.75, 0.0])
    a, b = a.view(1, 2, 2).expand(3, 2, 2), b.view(1, 2, 2)
    made = {name: combine(a, name, b)[0].flatten().tolist() for name in OPERATIONS}
    assert made == {
        "union": [0.0, 1.0, 1.0, 1.0],
        "intersection": [0.0, 0.25, 0.75, 0.0],
        "difference": [0.0, 0.0, 0.25, 1.0],
        "invert": [1.0, 0.75, 0.0, 0.0],
    }
    assert combine(b, "union", a).shape == (3, 2, 2)


def test_combining_says_what_is_missing():
    mask = torch.zeros(2, 4, 4)
    with pytest.raises(ValueError, match="needs the second mask b"):
        combine(mask, "union")
    with pytest.raises(ValueError, match="unknown operation 'xor'"):
        combine(mask, "xor", mask)
    with pytest.raises(ValueError, match="2 frames of 4x4, the clip is 3 frames of 4x4"):
        combine(mask, "union", torch.zeros(3, 4, 4))

"""Masks at pixel size: tasks, painted masks, cells and back, and how they combine."""

import itertools

import pytest
import torch

from vdt.masks.pixel import OPERATIONS, ClipMask, combine, fit_mask, task_mask, to_cells, to_pixels
from vdt.masks.tasks import Predict, make_task

SIZE = (12, 32, 48)


def random_cells(*shape, seed=4):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) > 0.5


# ---- Tasks -----------------------------------------------------------------------------------------------------------


def test_a_task_gives_whole_frames():
    for name, given in {
        "predict": range(8),
        "backward": range(4, 12),
        "interpolate": [0, 4, 8, 11],
        "image_to_video": [0],
        "frames": [0, 1, 2, 3, 11],
        "unconditional": [],
    }.items():
        mask = task_mask(make_task(name), SIZE)
        assert mask.shape == SIZE and mask.dtype == torch.bool
        assert [index for index in range(12) if not mask[index].any()] == list(given), name
        assert all(bool(mask[index].all()) for index in range(12) if index not in given), name


def test_each_setting_reaches_its_task():
    assert int(task_mask(make_task("predict", given=3), SIZE)[:, 0, 0].sum()) == 9
    assert not task_mask(make_task("image_to_video", frame=-1), SIZE)[11].any()
    assert not task_mask(make_task("interpolate", every=2), SIZE)[2].any()
    assert not task_mask(make_task("frames", given_frames="5"), SIZE)[5].any()


def test_a_seed_makes_one_mask():
    for make in (
        lambda seed: task_mask(make_task("random", seed=seed), SIZE),
        lambda seed: task_mask(make_task("spatial"), SIZE, seed=seed),
    ):
        first, again, other = (make(seed) for seed in (2**64 - 1, 2**64 - 1, 1))
        assert torch.equal(first, again) and not torch.equal(first, other)
        assert bool(first.any()) and not bool(first.all())


def test_random_blocks_are_whole_cells():
    mask = task_mask(make_task("spatial"), SIZE, seed=3)
    assert torch.equal(to_pixels(to_cells(mask, (12, 4, 6)), SIZE), mask)
    larger = task_mask(make_task("spatial"), SIZE, seed=3, downscale=16)
    assert torch.equal(to_pixels(to_cells(larger, (12, 2, 3), downscale=16), SIZE, downscale=16), larger)


def test_spatial_is_the_painted_mask_and_other_tasks_stay_inside_it():
    painted = torch.zeros(1, 32, 48, dtype=torch.bool)
    painted[:, 3:9, 5:7] = True
    assert torch.equal(task_mask(make_task("spatial"), SIZE, painted=painted), painted.expand(SIZE))
    mask = task_mask(Predict(given=5), SIZE, painted=painted)
    assert not mask[:5].any() and torch.equal(mask[5:], painted.expand(7, 32, 48))
    with pytest.raises(ValueError, match="the mask is 1 frame of 48x32, the clip is 12 frames of 40x32"):
        task_mask(Predict(given=5), (12, 32, 40), painted=painted)


# ---- Cells and pixels ------------------------------------------------------------------------------------------------


def test_a_cell_is_generated_if_any_of_its_pixels_is():
    mask = torch.zeros(2, 32, 48, dtype=torch.bool)
    mask[1, 15, 16] = True
    cells = to_cells(mask, (2, 4, 6))
    assert cells.nonzero().tolist() == [[1, 1, 2]]
    assert torch.equal(to_cells(cells, (2, 4, 6)), cells)
    assert int(to_pixels(cells, (2, 32, 48)).sum()) == 64


def test_every_single_pixel_generates_its_own_cell():
    for height, width in ((16, 16), (24, 40)):
        grid = (2, height // 8, width // 8)
        for y, x in itertools.product(range(0, height, 5), range(0, width, 3)):
            pixels = torch.zeros(2, height, width, dtype=torch.bool)
            pixels[1, y, x] = True
            cells = to_cells(pixels, grid)
            assert cells.dtype == torch.bool and cells.shape == grid
            assert cells.nonzero().tolist() == [[1, y // 8, x // 8]]
        assert not to_cells(torch.zeros(1, height, width, dtype=torch.bool), grid).any()


def test_the_last_cells_of_a_picture_may_hang_over():
    for size in ((2, 30, 41), (2, 16, 17), (2, 1, 5), (2, 33, 8)):
        grid = (2, -(-size[1] // 8), -(-size[2] // 8))
        corner = torch.zeros(size, dtype=torch.bool)
        corner[1, -1, -1] = True
        assert to_cells(corner, grid).nonzero().tolist() == [[1, grid[1] - 1, grid[2] - 1]]
        cells = random_cells(*grid)
        pixels = to_pixels(cells, size)
        assert pixels.shape == size and torch.equal(to_cells(pixels, grid), cells)
        assert bool(pixels[1, -1, -1]) == bool(cells[1, -1, -1])
        block = task_mask(make_task("spatial"), size, seed=1) if grid[1] * grid[2] > 1 else pixels
        assert block.shape == size and torch.equal(to_pixels(to_cells(block, grid), size), block)


def test_one_frame_serves_all():
    mask = torch.zeros(1, 32, 48, dtype=torch.bool)
    for made in (fit_mask(mask, SIZE), to_cells(mask, (12, 4, 6)).repeat_interleave(8, 1).repeat_interleave(8, 2)):
        assert made.shape == SIZE
    assert to_pixels(mask, SIZE).shape == SIZE


def test_a_mismatch_names_both_shapes_and_the_fix():
    mask = torch.ones(5, 32, 48, dtype=torch.bool)
    for call, message in (
        (lambda: fit_mask(mask, (12, 32, 48)), "the mask is 5 frames of 48x32, the clip is 12 frames of 48x32"),
        (lambda: fit_mask(mask, (5, 32, 32)), "the mask is 5 frames of 48x32, the clip is 5 frames of 32x32"),
        (lambda: fit_mask(mask[0], (5, 32, 48)), r"expected a mask .frames, height, width., got the shape \(32, 48\)"),
        (lambda: to_cells(mask, (5, 4, 4)), "the mask is 5 frames of 48x32, the latent is 5 frames of 4x4 cells"),
        (lambda: to_cells(mask, (7, 4, 6)), "give one frame for all of them, or one for each"),
        (lambda: to_pixels(mask, (5, 33, 48)), "the frames are 5 frames of 48x33"),
        (lambda: to_pixels(mask, (5, 8, 12)), "make it for these frames"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# ---- The mask of a clip ----------------------------------------------------------------------------------------------


def test_a_mask_of_pixels_keeps_them_and_covers_the_cells_that_hold_any():
    pixels = torch.zeros(3, 30, 41, dtype=torch.bool)
    pixels[1, 29, 40] = pixels[2, 0, 0] = True
    made = ClipMask.of(pixels, (30, 41), downscale=8)
    assert torch.equal(made.pixels, pixels)
    assert made.cells.shape == (3, 4, 6) and made.cells.nonzero().tolist() == [[1, 3, 5], [2, 0, 0]]


def test_a_mask_of_cells_keeps_them_and_covers_all_of_their_pixels():
    for size, downscale in (((32, 48), 8), ((30, 41), 8), ((32, 48), 16), ((7, 5), 4)):
        grid = tuple(-(-side // downscale) for side in size)
        cells = random_cells(3, *grid)
        made = ClipMask.of(cells, size, downscale=downscale)
        assert torch.equal(made.cells, cells) and made.pixels.shape == (3, *size)
        assert torch.equal(made.pixels, to_pixels(cells, (3, *size), downscale=downscale))
        again = ClipMask.of(made.pixels, size, downscale=downscale)
        assert torch.equal(again.cells, cells) and torch.equal(again.pixels, made.pixels)


def test_masks_that_belong_to_no_clip_of_that_size_are_refused():
    for mask in (
        torch.ones(3, 30, 41),  # not bool
        torch.ones(30, 41, dtype=torch.bool),  # no frames
        torch.ones(1, 3, 30, 41, dtype=torch.bool),
        torch.ones(3, 30, 40, dtype=torch.bool),
        torch.ones(3, 3, 5, dtype=torch.bool),
    ):
        with pytest.raises(ValueError, match=r"\(T, 30, 41\) of pixels or \(T, 4, 6\) of latent cells, got "):
            ClipMask.of(mask, (30, 41), downscale=8)


# ---- Combinations ----------------------------------------------------------------------------------------------------


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

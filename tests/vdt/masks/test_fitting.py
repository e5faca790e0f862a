"""Masks of any size and length brought to a clip, and to cells through the resize of stock samplers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vdt.masks.fitting import cell_support, fit_painted, fit_soft, take_frames
from vdt.masks.pixel import to_cells
from vdt.media.frames import fit_frames

MODES = ("crop", "fit", "stretch")


def painted(generator, frames, height, width):
    """A few white rectangles that stay visible at a sixteenth of the size."""
    mask = torch.zeros(frames, height, width)
    for _ in range(int(torch.randint(1, 4, (), generator=generator))):
        top, left = (int(torch.randint(0, side // 2, (), generator=generator)) for side in (height, width))
        mask[:, top : top + max(2, height // 2), left : left + max(2, width // 2)] = 1
    return mask


def reference(mask, size, mode):
    """What lies over the picture of the mask: fitted as any picture, then cut at one half."""
    pictures = (mask * 255).round().byte().numpy()[..., None].repeat(3, -1)
    return fit_frames(pictures, size, mode)[..., 0] > 127


def test_a_mask_goes_exactly_the_way_of_its_picture():
    generator, wrong = torch.Generator().manual_seed(0), []
    for case in range(300):
        height, width, rows, columns = (int(torch.randint(8, 120, (), generator=generator)) for _ in range(4))
        mask, mode = painted(generator, 1 + case % 3, height, width), MODES[case % 3]
        expected = reference(mask, (rows, columns), mode)
        if not expected.any():
            continue  # cut away whole: see below
        made = fit_painted(mask, (rows, columns), mode)
        if made.dtype != torch.bool or not np.array_equal(made.numpy(), expected):
            wrong.append((height, width, rows, columns, mode))
    assert not wrong


def test_the_region_of_a_picture_is_the_region_of_its_mask():
    """A red square on grey, of the source's size: after the same fit, the mask covers what is red."""
    for mode in MODES:
        picture = np.full((1, 333, 501, 3), 127, np.uint8)
        mask = torch.zeros(1, 333, 501)
        picture[:, 100:220, 200:320], mask[:, 100:220, 200:320] = (255, 0, 0), 1
        shown, white = fit_frames(picture, (64, 64), mode), fit_painted(mask, (64, 64), mode).numpy()
        red = shown[..., 0].astype(int) - shown[..., 1] > 127
        assert white.any() and (red ^ white).sum() <= 0.1 * red.sum(), mode


def test_the_same_size_passes_as_it_is():
    mask = torch.tensor([[[0.0, 0.5], [0.5001, 1.0]]])
    assert fit_soft(mask, (2, 2)) is mask
    assert fit_painted(mask, (2, 2)).tolist() == [[[False, False], [True, True]]]


def test_bars_are_given_and_soft_masks_stay_soft():
    wide = torch.ones(1, 20, 40)
    fitted = fit_painted(wide, (40, 40), "fit")
    assert not fitted[:, :10].any() and not fitted[:, 30:].any() and bool(fitted[:, 10:30].all())
    assert torch.allclose(fit_soft(torch.full((1, 20, 40), 0.25), (40, 40)), torch.tensor(64 / 255))


def test_a_mask_that_vanishes_says_so():
    corner = torch.zeros(1, 64, 256)
    corner[:, :, :20] = 1  # crop keeps the middle
    with pytest.raises(ValueError, match=r"nothing is left of the white of the mask of 256x64 at 64x64 \(crop\)"):
        fit_painted(corner, (64, 64))
    assert fit_painted(corner, (64, 64), "stretch").any()
    assert not fit_painted(torch.zeros(1, 64, 256), (64, 64)).any()  # nothing was painted: nothing is lost
    for shape in ((64, 64), (0, 64, 64), (1, 0, 3)):
        with pytest.raises(ValueError, match="expected a mask"):
            fit_painted(torch.ones(shape), (8, 8))


def test_the_frames_of_a_mask_are_taken_like_those_of_its_source():
    mask = torch.arange(10.0).view(10, 1, 1)
    for frames, taken, source, length, expected in (
        (10, (2, 4, 6), 10, 5, [2, 4, 6]),  # as long as the source
        (5, (2, 4, 6), 10, 5, [0, 1, 2]),  # as long as the clip
        (1, (2, 4, 6), 10, 5, [0]),  # one for all
        (5, (0, 1, 2, 3, 4), None, 5, [0, 1, 2, 3, 4]),
        (3, (0, 2, 4), 3, 9, [0, 2, 2]),  # the source has fewer than it says
    ):
        made = take_frames(mask[:frames], taken, source=source, length=length)
        assert made.flatten().tolist() == expected, (frames, taken)
    with pytest.raises(
        ValueError, match=r"the mask has 7 frames, the clip has 5: .* one frame .*, 10 as the source has"
    ):
        take_frames(mask[:7], (0, 1), source=10, length=5)
    with pytest.raises(ValueError, match="for all of them, or 5 as the clip has"):
        take_frames(mask[:7], (0, 1), source=None, length=5)


# ---- Cells through the resize of stock samplers ----------------------------------------------------------------------


def resized(mask, grid):
    """ComfyUI's own: comfy.utils.reshape_mask of 0.33, and of 0.3.64, for latents of four dimensions."""
    return F.interpolate(mask.reshape(-1, 1, *mask.shape[-2:]), size=grid, mode="bilinear")[:, 0]


def marked(mask):
    return torch.where(cell_support(mask), 0.99, mask.float())


def test_a_resize_keeps_every_cell_of_whole_cells():
    cases = {"square": (1, 64, 64), "wide": (3, 48, 120), "one cell": (1, 8, 8)}
    shapes = {"blob": (21, 43, 21, 43), "stripe": (0, 8, 20, 28), "pixel": (33, 34, 7, 8), "line": (5, 6, 0, 64)}
    for name, (frames, height, width) in cases.items():
        for kind, (top, bottom, left, right) in shapes.items():
            mask = torch.zeros(frames, height, width, dtype=torch.bool)
            mask[-1, top:bottom, left:right] = True
            grid = (height // 8, width // 8)
            made = resized(marked(mask), grid)
            assert torch.equal(made > 0.5, to_cells(mask, (frames, *grid))), (name, kind)
            assert bool(((made == 0) | (made > 0.98)).all()), (name, kind)  # no cell is half generated


def test_without_it_stock_samplers_lose_cells():
    mask = torch.zeros(1, 64, 64, dtype=torch.bool)
    mask[:, 21:43, 21:43] = True
    lost = {"before": resized(mask.float(), (8, 8)), "after": resized(marked(mask), (8, 8))}
    assert {name: int((cells > 0.5).sum()) for name, cells in lost.items()} == {"before": 4, "after": 16}


def test_a_size_that_is_no_multiple_of_the_cells_loses_none():
    generator = torch.Generator().manual_seed(1)
    for height, width in ((50, 70), (65, 63), (9, 100), (17, 8), (5, 3)):
        grid = (-(-height // 8), -(-width // 8))
        for share in (0.002, 0.05):
            mask = torch.rand(2, height, width, generator=generator) < share
            cells = to_cells(mask, (2, *grid))
            assert bool((resized(marked(mask), grid)[cells] > 0.5).all()), (height, width)
        assert not marked(torch.zeros(1, height, width, dtype=torch.bool)).any()


def test_the_mask_itself_never_grows():
    mask = torch.rand(2, 40, 56, generator=torch.Generator().manual_seed(2)) < 0.02
    assert not (cell_support(mask) & mask).any()
    assert torch.equal(marked(mask) == 1, mask)

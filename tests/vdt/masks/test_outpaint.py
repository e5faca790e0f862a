"""The canvas of a picture that grows: the picture bit for bit, its edge around it, and the mask of what is new."""

import numpy as np
import pytest

from vdt.diffusion import FAST
from vdt.inference.pipeline import Pipeline
from vdt.masks.outpaint import Sides, outpaint


def clip(height, width, frames=3):
    return np.random.default_rng(0).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def test_each_pixel_of_the_canvas_is_the_nearest_of_the_picture():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        height, width = (int(side) for side in rng.integers(1, 40, 2))
        percent = (100 + 300 * rng.random(4)).tolist()
        sides = Sides(**dict(zip(("left", "top", "right", "bottom"), percent, strict=True)))
        frames = clip(height, width)
        canvas, mask = outpaint(frames, sides)
        left, top = round(width * sides.left / 100), round(height * sides.top / 100)
        grown = (top + height + round(height * sides.bottom / 100), left + width + round(width * sides.right / 100))
        assert canvas.shape == (3, *grown, 3) and canvas.dtype == np.uint8 and mask.shape == (3, *grown)
        rows, columns = np.arange(grown[0]) - top, np.arange(grown[1]) - left
        nearest = frames[:, rows.clip(0, height - 1)][:, :, columns.clip(0, width - 1)]
        assert np.array_equal(canvas, nearest), seed
        inside = (rows[:, None] == rows.clip(0, height - 1)[:, None]) & (columns == columns.clip(0, width - 1))
        assert np.array_equal(mask.numpy(), np.broadcast_to(~inside, mask.shape)), seed


def test_the_picture_comes_back_bit_for_bit_and_its_surroundings_are_generated(tiny_model, tiny_vae):
    frames = clip(32, 32, 9)  # more than the model's 6 frames
    canvas, mask = outpaint(frames, Sides(left=50, right=50))
    made = Pipeline(tiny_model, tiny_vae)(canvas, mask, sampling=FAST)
    assert made.frames.shape == (9, 32, 64, 3) and np.array_equal(made.frames[:, :, 16:48], frames)
    assert (made.frames != canvas)[mask.numpy()].mean() > 0.9


def test_impossible_sides_are_refused():
    for sides, said in (
        ({}, "grows by nothing"),
        ({"left": 401}, "left 401.*0 to 400"),
        ({"left": 10, "bottom": -5}, "bottom -5.*0 to 400"),
        ({"top": float("nan")}, "top nan"),
    ):
        with pytest.raises(ValueError, match=said):
            Sides(**sides)


def test_frames_that_do_not_grow_are_refused():
    for frames, said in (
        (clip(8, 8), "less than one pixel"),
        (clip(8, 8).astype(np.float32), "uint8"),
        (clip(8, 8)[0], "uint8"),
        (clip(8, 8)[:0], "uint8"),
    ):
        with pytest.raises(ValueError, match=said):
            outpaint(frames, Sides(left=1))

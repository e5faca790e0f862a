"""Panels of the demo: given pixels are shown, generated ones are hidden above and made below."""

import numpy as np

from vdt.visualize.contact_sheet import GENERATED, GIVEN
from vdt.visualize.panels import BORDER, GAP, LINE, Panel, play_panels


def panel():
    given = np.full((2, 8, 8, 3), (10, 200, 30), np.uint8)
    made = np.full((2, 8, 8, 3), (200, 10, 30), np.uint8)
    generated = np.zeros((2, 8, 8), bool)
    generated[1, :, 4:] = True
    return Panel(label="What happens next?", given=given, frames=made, generated=generated)


def test_what_is_generated_is_hidden_above_and_made_below():
    scale = 6
    frames = play_panels([panel(), panel()], scale=scale)
    side = 8 * scale
    width = side + 2 * (GAP + BORDER)
    assert frames.dtype == np.uint8 and frames.shape[2] == 2 * width and not any(size % 2 for size in frames.shape[1:3])
    top, left = 2 * LINE + BORDER, GAP + BORDER
    above = frames[:, top : top + side, left : left + side]
    assert (above[0] == (10, 200, 30)).all()
    assert (above[1, :, : side // 2] == (10, 200, 30)).all()
    assert not (above[1, :, side // 2 :] == (10, 200, 30)).all(-1).any()  # nothing of what is to be made is seen
    low = top + side + BORDER + GAP // 2 + LINE + BORDER
    assert (frames[:, low : low + side, left : left + side] == (200, 10, 30)).all()
    assert tuple(frames[0, 2 * LINE, GAP]) == GIVEN and tuple(frames[1, 2 * LINE, GAP]) == GENERATED

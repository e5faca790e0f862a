"""Every frame of a long clip is generated once, from frames that are known by then."""

import numpy as np
import torch

from vdt.inference.settings import WindowConfig
from vdt.inference.windows import Window, plan_windows, raw_frame
from vdt.masks.tasks import Backward, Frames, Interpolate, Predict, Unconditional, over_cells

HALF = WindowConfig(frames=16, overlap=8)


def frame_mask(task, num_frames):
    return over_cells(task.frame_mask(num_frames), 1, 1)


def drawn(seed):
    """A random length, mask, and windows."""
    rng = np.random.default_rng(seed)
    length, size = int(rng.integers(1, 201)), int(rng.integers(3, 33))
    mask = torch.ones(length, 2, 2, dtype=torch.bool)
    for frame in rng.choice(length, int(rng.integers(0, min(length, 12) + 1)), replace=False):
        mask[frame] = torch.from_numpy(rng.random((2, 2)) < rng.choice([0.0, 0.0, 0.5]))
    return mask, WindowConfig(frames=size, overlap=int(rng.integers(1, size - 1)))


def unsound(seed, *, pad_short_clips):
    """Why a plan does not make each frame once and from known ones; empty if it does."""
    mask, windows = drawn(seed)
    known = {frame for frame, cells in enumerate(mask.flatten(1)) if not cells.any()}
    to_make = set(range(len(mask))) - known
    for window in plan_windows(mask, windows, pad_short_clips=pad_short_clips):
        if list(window.frames) != sorted(set(window.frames)) or len(window.frames) > windows.frames:
            return f"{seed}: {window} is not a window"
        if not window.makes or set(window.makes) != set(window.frames) - known:
            return f"{seed}: {window} does not make what it does not know"
        known |= set(window.makes)
        to_make -= set(window.makes)
    return f"{seed}: {to_make} not made" if to_make else ""


def test_each_frame_is_made_once_and_from_known_ones():
    faults = [unsound(seed, pad_short_clips=pad) for seed in range(200) for pad in (False, True)]
    assert [fault for fault in faults if fault] == []


def blind(seed):
    """A frame that is made by a window which does not see both ends of its gap; None if there is none."""
    mask, windows = drawn(seed)
    if len(mask) <= windows.frames:
        return None  # one window
    ends = {frame for frame, cells in enumerate(mask.flatten(1)) if not cells.all()}  # known, at least in part
    for window in plan_windows(mask, windows):
        for frame in set(window.makes) - ends:
            before, after = [end for end in ends if end < frame], [end for end in ends if end > frame]
            if before and after and not {max(before), min(after)} <= set(window.frames):
                return seed, window, frame
        ends |= set(window.makes)
    return None


def test_no_window_loses_sight_of_the_other_end_of_a_gap():
    assert [found for seed in range(200) if (found := blind(seed))] == []


def test_a_longer_prediction_begins_as_the_shorter_one():
    wrong = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        size, given = int(rng.integers(4, 20)), int(rng.integers(1, 30))
        windows = WindowConfig(frames=size, overlap=int(rng.integers(1, size - 1)))
        short, long = (plan_windows(frame_mask(Predict(given=given), given + size + more), windows) for more in (1, 40))
        if long[: len(short)] != short:
            wrong.append(seed)
    assert wrong == []


def test_the_plans_of_the_tasks():
    def planned(task, length):
        found = plan_windows(frame_mask(task, length), HALF)
        return [(window.frames[0], window.frames[-1], len(window.makes)) for window in found]

    assert planned(Predict(given=8), 16) == [(0, 15, 8)]
    assert planned(Predict(given=8), 32) == [(0, 15, 8), (8, 23, 8), (16, 31, 8)]
    assert planned(Predict(given=16), 40) == [(8, 23, 8), (16, 31, 8), (24, 39, 8)]
    assert planned(Backward(given=8), 24) == [(8, 23, 8), (0, 15, 8)]
    assert planned(Interpolate(every=4), 25) == [(0, 12, 9), (5, 20, 6), (13, 28, 7)]
    assert planned(Unconditional(), 20) == [(0, 15, 16), (8, 23, 8)]
    assert plan_windows(torch.zeros(40, 1, 1, dtype=torch.bool), HALF) == []


def test_a_short_clip_is_one_window_unless_it_is_padded():
    mask = frame_mask(Predict(given=4), 10)
    ((plain,), (padded,)) = (plan_windows(mask, HALF, pad_short_clips=pad) for pad in (False, True))
    assert plain.frames == tuple(range(10)) and plain.makes == tuple(range(4, 10))
    assert padded.frames == tuple(range(16)) and padded.makes == tuple(range(4, 16))


def test_a_gap_that_fits_one_window_is_seen_from_both_sides():
    mask = frame_mask(Frames(given_frames=[*range(10), *range(20, 32)]), 32)
    (window,) = plan_windows(mask, HALF)
    assert window.frames == tuple(range(7, 23)) and window.makes == tuple(range(10, 20))


def test_a_far_keyframe_is_reached_through_every_nth_frame():
    first, *rest = plan_windows(frame_mask(Frames(given_frames=[0, 30]), 31), HALF)
    assert first.frames == tuple(range(0, 31, 2)) and len(first.makes) == 14
    assert all(max(np.diff(window.frames)) == 1 for window in rest)


def test_a_window_generates_the_masked_cells_of_what_it_makes_and_everything_outside_the_clip():
    cells = torch.zeros(4, 2, 2, dtype=torch.bool)
    cells[1, 0], cells[2], cells[3, 1] = True, True, True
    made = Window(frames=(-1, 0, 1, 2, 3, 4), makes=(-1, 2, 3, 4)).cells(cells)
    expected = [torch.ones(2, 2), cells[0], torch.zeros(2, 2), cells[2], cells[3], torch.ones(2, 2)]
    assert made.dtype == torch.bool and torch.equal(made, torch.stack([each.bool() for each in expected]))


def test_a_window_sees_made_frames_before_those_of_the_clip_and_nothing_outside():
    raw = torch.randn(2, 3, 4, 2, 2, generator=torch.Generator().manual_seed(0)).half()
    made = {1: torch.full((2, 4, 2, 2), 7.0), 3: torch.full((2, 4, 2, 2), 8.0)}
    seen = Window(frames=(-1, 0, 1, 2, 3), makes=()).latents(raw, made)
    empty = torch.zeros(2, 4, 2, 2)
    expected = [empty, raw[:, 0].float(), made[1], raw[:, 2].float(), made[3]]
    assert seen.dtype == torch.float32 and torch.equal(seen, torch.stack(expected, dim=1))
    assert torch.equal(raw_frame(raw, 1), raw[:, 1].float()) and torch.equal(raw_frame(raw, 3), empty)

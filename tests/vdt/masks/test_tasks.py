"""The table of tasks: every one against its definition, with its own setting, and what it cannot do in one sentence."""

import dataclasses
import itertools

import pytest
import torch

from vdt.masks.pixel import task_mask
from vdt.masks.tasks import (
    TASKS,
    Backward,
    Frames,
    ImageToVideo,
    Interpolate,
    Predict,
    RandomFrames,
    Spatial,
    Unconditional,
    make_task,
    over_cells,
    random_frames,
)


def generated(task, num_frames):
    """The frames that a task generates."""
    mask = task.frame_mask(num_frames)
    assert mask.dtype == torch.bool and mask.shape == (num_frames,)
    return mask.nonzero().flatten().tolist()


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


# ---- The table -------------------------------------------------------------------------------------------------------


def test_the_table_has_every_task_once_with_its_own_setting():
    settings = {
        "predict": "given",
        "backward": "given",
        "interpolate": "every",
        "image_to_video": "frame",
        "frames": "given_frames",
        "spatial": "mask",
        "random": "seed",
        "unconditional": None,
    }
    assert {name: task.setting for name, task in TASKS.items()} == settings
    assert list(TASKS) == list(settings), "menus and saved graphs know this order"
    assert [task.name for task in TASKS.values()] == list(TASKS)
    for task in TASKS.values():
        assert dataclasses.is_dataclass(task) and task.__dataclass_params__.frozen and task.__doc__
        names = {field.name for field in dataclasses.fields(task)}
        assert task.setting in {*names, None} or task is Spatial  # its setting is a painted mask, not a number


def test_a_task_is_made_of_the_settings_that_are_its_own():
    everything = {"given": 3, "every": 2, "frame": -1, "given_frames": "5", "seed": 7, "mask": None}
    expected = [
        Predict(given=3),
        Backward(given=3),
        Interpolate(every=2),
        ImageToVideo(frame=-1),
        Frames(given_frames="5"),
        Spatial(),
        RandomFrames(seed=7),
        Unconditional(),
    ]
    assert [make_task(name, **everything) for name in TASKS] == expected
    assert [make_task(name) for name in TASKS] == [task() for task in TASKS.values()]
    with pytest.raises(ValueError, match=r"unknown task 'nonsense': expected one of predict, .*unconditional"):
        make_task("nonsense")


# ---- Definitions -----------------------------------------------------------------------------------------------------


def test_tasks_match_their_definition():
    for T in range(1, 21):  # noqa: N806 -- T is the letter for frames
        assert generated(Unconditional(), T) == generated(Spatial(), T) == list(range(T))
        for given in range(1, T):
            assert generated(Predict(given=given), T) == list(range(given, T))
            assert generated(Backward(given=given), T) == list(range(T - given))
        for frame in range(-T, T) if T > 1 else ():
            assert generated(ImageToVideo(frame=frame), T) == sorted(set(range(T)) - {frame % T})
        for every in range(2, T + 3) if T > 2 else ():
            assert generated(Interpolate(every=every), T) == [i for i in range(T - 1) if i % every]


def test_interpolation_has_a_tail_only_on_request():
    assert generated(Interpolate(every=4), 16)[-1] == 14
    assert generated(Interpolate(every=4, last_given=False), 16)[-3:] == [13, 14, 15]
    assert generated(Interpolate(every=2, last_given=False), 2) == [1]


def test_frames_are_listed_as_text_or_as_numbers():
    for text, listed in (("0-3,8,-1", [0, 1, 2, 3, 8, 15]), ("-4--2", [12, 13, 14]), ("0-3,8,-1", [0, 1, 2, 3, 8, -1])):
        expected = sorted(set(range(16)) - {index % 16 for index in listed})
        assert generated(Frames(given_frames=text), 16) == generated(Frames(given_frames=listed), 16) == expected


def test_random_frames_always_give_and_generate():
    for length, seed, probability in itertools.product(range(2, 21), range(10), (0.0, 0.5, 0.8, 1.0)):
        count = int(random_frames(length, probability, rng(seed)).sum())
        assert 1 <= count <= length - 1
        assert probability != 0.0 or count == 1
        assert probability != 1.0 or count == length - 1


def test_a_seed_makes_one_set_of_random_frames():
    for seed in (0, 5, 2**64 - 1):
        first, again = (generated(RandomFrames(seed=seed), 16) for _ in range(2))
        assert first == again
    assert generated(RandomFrames(seed=0), 16) != generated(RandomFrames(seed=1), 16)


def test_frames_spread_over_cells_of_any_grid():
    frame_mask = Predict(given=3).frame_mask(8)
    for size in ((2, 2), (3, 5), (8, 8), (1, 7)):
        cells = over_cells(frame_mask, *size)
        assert cells.shape == (8, *size) and cells.dtype == torch.bool
        assert (cells == frame_mask[:, None, None]).all()


# ---- What makes no sense ---------------------------------------------------------------------------------------------


def test_the_number_of_given_frames_is_checked():
    for task, T in itertools.product((Predict, Backward), (1, 2, 8, 16)):  # noqa: N806 -- T is the letter for frames
        for given in (T, T + 5):
            with pytest.raises(ValueError, match=f"given {given} of {T} frames: nothing left to generate; use "):
                task(given=given).frame_mask(T)
        for given in (0, -1):
            with pytest.raises(ValueError, match=f"given {given} frames: expected 1 to {T - 1}.*use unconditional"):
                task(given=given).frame_mask(T)


def test_settings_that_make_no_sense_are_one_sentence():
    for task, num_frames, message in (
        (ImageToVideo(), 1, "nothing left to generate"),
        (ImageToVideo(frame=16), 16, "frame 16 is outside a clip of 16 frames: use 0 to 15"),
        (ImageToVideo(frame=-17), 16, "frame -17 is outside a clip of 16 frames"),
        (Interpolate(every=1), 16, "every=1: expected 2 or more"),
        (Interpolate(every=4), 2, "given 2 of 2 frames: nothing left"),
        (Frames(given_frames="0-3"), 4, "given 4 of 4 frames: nothing left"),
        (Frames(given_frames=[]), 4, "empty list of given frames: list some, such as 0-3,8,-1"),
        (Frames(given_frames=[4]), 4, "frame 4 is outside a clip of 4 frames"),
        (Unconditional(), 0, "at least 1 frame"),
        (Spatial(), 0, "at least 1 frame"),
        (RandomFrames(), 1, "need 2 frames"),
        (RandomFrames(probability=1.5), 4, "expected 0 to 1"),
        (RandomFrames(seed=-1), 4, "seed"),
        (RandomFrames(seed=-(10**30)), 4, "seed"),
        (RandomFrames(seed=2**64), 4, "seed"),
        (RandomFrames(seed=0.5), 4, "seed"),
    ):
        with pytest.raises(ValueError, match=message):
            task.frame_mask(num_frames)


def test_the_seed_of_random_blocks_is_one_that_the_generator_takes():
    for seed in (-1, -(10**30), 2**64, 0.5, "x"):
        with pytest.raises(ValueError, match="seed"):
            task_mask(Spatial(), (2, 16, 16), seed=seed)
    assert task_mask(Spatial(), (2, 16, 16), seed=2**64 - 1).any()

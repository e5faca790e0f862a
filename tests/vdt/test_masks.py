"""Masks: every task against its definition, and the defects of the official generator are absent."""

# ruff: noqa: N803, RUF001 -- T is the letter for frames; describe() writes en dashes

import itertools

import pytest
import torch

from vdt import masks

GRIDS = [(2, 2), (3, 5), (8, 8), (1, 7)]


def generated_frames(mask):
    """Frames that are wholly generated; fails on a frame that is generated in part."""
    share = mask.flatten(1).float().mean(1)
    assert set(share.tolist()) <= {0.0, 1.0}
    return share.nonzero().flatten().tolist()


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", GRIDS)
@pytest.mark.parametrize("T", range(1, 21))
def test_temporal_tasks_match_their_definition(T, size):
    assert generated_frames(masks.unconditional(T, *size)) == list(range(T))
    for given in range(1, T):
        assert generated_frames(masks.predict(T, *size, given=given)) == list(range(given, T))
        assert generated_frames(masks.backward(T, *size, given=given)) == list(range(T - given))
    for frame in range(-T, T) if T > 1 else ():
        expected = sorted(set(range(T)) - {frame % T})
        assert generated_frames(masks.image_to_video(T, *size, frame=frame)) == expected
    for every in range(2, T + 3) if T > 2 else ():
        mask = masks.interpolate(T, *size, every=every)
        assert mask.shape == (T, *size) and mask.dtype == torch.bool
        assert generated_frames(mask) == [i for i in range(T - 1) if i % every]


def test_interpolation_has_a_tail_only_on_request():
    assert generated_frames(masks.interpolate(16, 2, 2, every=4))[-1] == 14
    assert generated_frames(masks.interpolate(16, 2, 2, every=4, last_given=False))[-3:] == [13, 14, 15]
    assert generated_frames(masks.interpolate(2, 2, 2, every=2, last_given=False)) == [1]


@pytest.mark.parametrize("T", [1, 2, 8, 16])
@pytest.mark.parametrize("task", [masks.predict, masks.backward])
def test_given_count_is_checked(task, T):
    for given in (T, T + 5):
        with pytest.raises(ValueError, match=f"given {given} of {T} frames: nothing left to generate; use "):
            task(T, 4, 4, given=given)
    for given in (0, -1):
        with pytest.raises(ValueError, match=f"given {given} frames: expected 1 to {T - 1}"):
            task(T, 4, 4, given=given)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: masks.image_to_video(1, 2, 2), "nothing left to generate"),
        (lambda: masks.image_to_video(16, 2, 2, frame=16), "frame 16 is outside a clip of 16 frames: use 0 to 15"),
        (lambda: masks.image_to_video(16, 2, 2, frame=-17), "frame -17 is outside a clip of 16 frames"),
        (lambda: masks.interpolate(16, 2, 2, every=1), "every=1: expected 2 or more"),
        (lambda: masks.interpolate(2, 2, 2, every=4), "given 2 of 2 frames: nothing left"),
        (lambda: masks.frames(4, 2, 2, given="0-3"), "given 4 of 4 frames: nothing left"),
        (lambda: masks.frames(4, 2, 2, given=[]), "use unconditional"),
        (lambda: masks.unconditional(0, 2, 2), "at least 1 frame"),
        (lambda: masks.random_frames(1, 2, 2, generator=rng()), "needs 2 frames"),
        (lambda: masks.random_frames(4, 2, 2, probability=1.5, generator=rng()), "expected 0 to 1"),
        (lambda: masks.spatial_block(4, 2, 2, ratio=1.0, generator=rng()), "ratio=1.0"),
        (lambda: masks.spatial_block(4, 1, 1, generator=rng()), "grid of 2 cells"),
        (lambda: masks.spatial_block(4, 2, 2, first=2, last=2, generator=rng()), "must leave one"),
    ],
)
def test_settings_that_make_no_sense_are_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0-3,8,-1", [0, 1, 2, 3, 8, 15]),
        (" 5 , 3 - 4 ,5,", [3, 4, 5]),
        ("-4--2", [12, 13, 14]),
        ("14--1", [14, 15]),
        ("-16", [0]),
    ],
)
def test_parse_frames(text, expected):
    assert masks.parse_frames(text, 16) == expected
    mask = masks.frames(16, 3, 5, given=text)
    assert generated_frames(mask) == sorted(set(range(16)) - set(expected))
    assert torch.equal(mask, masks.frames(16, 3, 5, given=expected))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-3,x,5", "'x' in frame list '0-3,x,5'"),
        ("1.5", "'1.5' in frame list"),
        ("0-20", "frame 20 is outside a clip of 16 frames: use 0 to 15"),
        ("-17", "frame -17 is outside a clip of 16 frames"),
        ("8-3", "range '8-3' in frame list '8-3' runs backwards in a clip of 16 frames"),
        ("", "names no frame"),
        (" , ", "names no frame"),
    ],
)
def test_parse_frames_names_the_piece_and_the_fix(text, message):
    with pytest.raises(ValueError, match=message):
        masks.parse_frames(text, 16)


@pytest.mark.parametrize("T", range(2, 21))
def test_random_frames_always_give_and_generate(T):
    for seed, probability in itertools.product(range(10), (0.0, 0.5, 0.8, 1.0)):
        count = len(generated_frames(masks.random_frames(T, 3, 5, probability=probability, generator=rng(seed))))
        assert 1 <= count <= T - 1
        assert probability != 0.0 or count == 1
        assert probability != 1.0 or count == T - 1


@pytest.mark.parametrize("size", [*GRIDS, (1, 2), (16, 28)])
def test_spatial_block_is_exact_and_never_empty_or_full(size):
    generator, cells = rng(), size[0] * size[1]
    for draw in range(250):  # with the four grids of GRIDS: 1000 draws
        length, ratio = 1 + draw % 20, (0.01, 0.2, 0.5, 0.8, 0.99)[draw % 5]
        first = draw % length
        last = (draw * 7) % (length - first)
        mask = masks.spatial_block(length, *size, ratio=ratio, generator=generator, first=first, last=last)
        assert mask.shape == (length, *size) and mask.dtype == torch.bool
        assert not mask[:first].any() and not mask[length - last :].any()
        middle = mask[first : length - last]
        assert (middle == middle[0]).all()
        assert middle[0].sum() == min(max(round(ratio * cells), 4), cells - 1)


def test_spatial_block_is_made_of_blocks():
    """Most generated cells touch another one: rectangles, not noise."""
    generator = rng()
    for _ in range(20):
        block = masks.spatial_block(1, 16, 16, ratio=0.5, generator=generator)[0]
        inner = (block[:, 1:] & block[:, :-1]).sum() / block.sum()
        assert inner > 0.7  # independent cells at ratio 0.5 would score 0.47


@pytest.mark.parametrize(("height", "width"), [(16, 16), (24, 40)])
def test_from_pixels_generates_a_cell_if_any_pixel_is(height, width):
    for y, x in itertools.product(range(0, height, 5), range(0, width, 3)):
        pixels = torch.zeros(2, height, width, dtype=torch.bool)
        pixels[1, y, x] = True
        cells = masks.from_pixels(pixels)
        assert cells.dtype == torch.bool and cells.shape == (2, height // 8, width // 8)
        assert cells.nonzero().tolist() == [[1, y // 8, x // 8]]
        assert torch.equal(masks.from_pixels(pixels[1]), cells[1:])
    assert not masks.from_pixels(torch.zeros(1, height, width, dtype=torch.bool)).any()


def test_from_pixels_refuses_other_sizes_and_types():
    with pytest.raises(ValueError, match=r"20x16 .* not a multiple of 8"):
        masks.from_pixels(torch.zeros(2, 16, 20, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"mask > 0\.5"):
        masks.from_pixels(torch.zeros(2, 16, 16))
    with pytest.raises(ValueError, match="expected a bool mask"):
        masks.from_pixels(torch.zeros(1, 2, 16, 16, dtype=torch.bool))


def test_describe():
    assert masks.describe(masks.predict(16, 2, 2, given=8)) == "frames 0–7 given, 8–15 generated"
    assert masks.describe(masks.image_to_video(16, 2, 2)) == "frame 0 given, 1–15 generated"
    assert masks.describe(masks.interpolate(8, 2, 2, every=4)) == "frames 0, 4, 7 given; 1–3, 5–6 generated"
    assert masks.describe(masks.unconditional(16, 2, 2)) == "all 16 frames generated: nothing given"
    assert masks.describe(torch.zeros(16, 2, 2, dtype=torch.bool)) == "all 16 frames given: nothing to generate"
    block = masks.spatial_block(8, 4, 4, generator=rng(), first=1)
    assert masks.describe(block) == "frame 0 given, 1–7 partly generated (50 %)"


def test_task_names():
    names = ["unconditional", "predict", "backward", "interpolate", "image_to_video", "frames", "random", "spatial"]
    assert list(masks.TASKS) == names

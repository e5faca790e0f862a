"""A video of any length passes through frame by frame, with new frames before, after and between its own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vdt.diffusion import EVEN_DDIM
from vdt.inference.compositing import Compositor
from vdt.inference.pipeline import Pipeline
from vdt.inference.rollout import generate_latents
from vdt.inference.settings import CompositingConfig, WindowConfig
from vdt.inference.streaming import (
    GenerationConfig,
    connect_frames,
    count_slow_windows,
    count_windows,
    extend_frames,
    loop_frames,
    slow_frames,
)
from vdt.masks.keyframes import LOOP_LEAD, loop_start
from vdt.masks.tasks import Interpolate, Predict, over_cells

ONE_STEP = replace(EVEN_DDIM, steps=1)
WINDOWS = WindowConfig(frames=8)  # of which 4 are known
OPTIONS = GenerationConfig(seed=3, sampling=ONE_STEP, windows=WINDOWS)
UNHELD = replace(OPTIONS, compositing=CompositingConfig(static_background=0))


@pytest.fixture
def pipeline(tiny_model, tiny_vae):
    return Pipeline(tiny_model, tiny_vae)


def clip(frames):
    return np.random.default_rng(frames).integers(0, 256, (frames, 16, 32, 3), dtype=np.uint8)


def whole(pipeline, frames, cells, config):
    """The clip made by the pipeline at once."""
    parts = {name: getattr(config, name) for name in ("seed", "sampling", "windows", "compositing")}
    return pipeline(frames, cells, **parts)


@pytest.mark.parametrize("frames", [1, 3, 20])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 1), (11, 0), (5, 13)])
def test_length_is_as_asked_and_given_frames_are_bit_exact(pipeline, frames, before, after):
    given = clip(frames)
    made = np.stack(list(extend_frames(pipeline, given, before=before, after=after, config=OPTIONS)))
    assert made.shape == (before + frames + after, 16, 32, 3) and made.dtype == np.uint8
    assert np.array_equal(made[before : before + frames], given)


def test_new_frames_are_those_of_a_clip_made_whole(pipeline):
    given = clip(4)
    made = np.stack(list(extend_frames(pipeline, given, after=13, config=OPTIONS)))
    raw, cells = pipeline.codec.encode(given), over_cells(Predict(given=4).frame_mask(17), 2, 4)
    latents = generate_latents(pipeline.model, raw[None], cells, seeds=[3], sampling=ONE_STEP, windows=WINDOWS)[0]
    rough = np.stack(list(extend_frames(pipeline, given, after=13, config=UNHELD)))
    assert np.array_equal(rough[4:], pipeline.codec.decode(latents[4:], (16, 32)))
    at_once = whole(pipeline, given, cells, OPTIONS)
    assert torch.equal(at_once.latents, latents) and np.array_equal(at_once.frames, made)


@pytest.mark.parametrize("side", ["after", "before"])
def test_more_frames_begin_as_fewer_do(pipeline, side):
    few, many = (np.stack(list(extend_frames(pipeline, clip(4), **{side: n}, config=OPTIONS))) for n in (2, 15))
    assert np.array_equal(few, many[: len(few)] if side == "after" else many[-len(few) :])


def test_frames_are_taken_and_given_one_at_a_time(pipeline):
    taken = []

    def source():
        for index, frame in enumerate(clip(400)):
            taken.append(index)
            yield frame

    frames = extend_frames(pipeline, source(), after=10**6, config=OPTIONS)
    for index in range(400):
        next(frames)
        assert len(taken) <= index + 4  # the first few decide what came before
    next(frames)  # the first of a million is there after one window


def test_frames_are_decoded_as_latents_come(pipeline):
    latents = torch.randn(20, 4, 2, 4, generator=torch.Generator().manual_seed(0))
    came = []
    compositor = Compositor(pipeline.codec, CompositingConfig())
    frames = compositor.new_frames((came.append(1) or latent for latent in latents), (16, 32), [])
    next(frames)
    assert len(came) == 8
    assert np.array_equal(np.stack(list(frames)), pipeline.codec.decode(latents, (16, 32))[1:])


def test_nothing_cannot_be_extended(pipeline):
    with pytest.raises(ValueError, match="no frames to go on from"):
        next(extend_frames(pipeline, [], after=3, config=OPTIONS))


@pytest.mark.parametrize("between", [1, 5, 30])
def test_two_clips_are_connected_and_keep_all_their_frames(pipeline, between):
    first, second = clip(9), clip(5)
    made = np.stack(list(connect_frames(pipeline, first, second, between=between, config=OPTIONS)))
    assert len(made) == 14 + between
    assert np.array_equal(made[:9], first) and np.array_equal(made[-5:], second)
    other = np.stack(list(connect_frames(pipeline, first, clip(6), between=between, config=OPTIONS)))
    assert not np.array_equal(made[9], other[9])  # where it leads to is seen from the start


def test_nothing_leads_nowhere(pipeline):
    with pytest.raises(ValueError, match="no frames to lead to"):
        list(connect_frames(pipeline, clip(3), [], between=2, config=OPTIONS))


# ---- Loops -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [2, 3, 12, 40])
def test_a_loop_is_the_clip_from_its_start_on_connected_to_what_came_before(pipeline, frames):
    given = clip(frames)
    start = loop_start(frames)
    made = np.stack(list(loop_frames(pipeline, given, between=6, config=OPTIONS)))
    assert np.array_equal(made[: frames - start], given[start:]) and np.array_equal(made[-start:], given[:start])
    ahead = given[: min(start, 4)]  # as much as a window sees
    connected = np.stack(list(connect_frames(pipeline, given[start:], ahead, between=6, config=OPTIONS)))
    assert np.array_equal(made[: frames - start + 6 + len(ahead)], connected)


def test_a_loop_takes_no_more_than_its_beginning_ahead(pipeline):
    taken = []

    def source():
        for index, frame in enumerate(clip(100)):
            taken.append(index)
            yield frame

    frames = loop_frames(pipeline, source(), between=3, config=OPTIONS)
    for index in range(80):
        next(frames)
        assert len(taken) <= max(2 * LOOP_LEAD, index + LOOP_LEAD + 1)


def test_a_loop_needs_two_frames(pipeline):
    with pytest.raises(ValueError, match="a loop needs a clip of 2 frames or more, got 1"):
        list(loop_frames(pipeline, clip(1), between=3, config=OPTIONS))


# ---- Slow motion -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("frames", "every"), [(2, 2), (3, 5), (4, 2), (2, 7)])
def test_slow_motion_of_one_window_is_the_interpolation_of_the_clip(pipeline, frames, every):
    given = clip(frames)
    config = replace(OPTIONS, windows=WindowConfig(frames=11))
    made = np.stack(list(slow_frames(pipeline, given, every=every, config=config)))
    spread = np.zeros(((frames - 1) * every + 1, *given.shape[1:]), np.uint8)
    spread[::every] = given
    cells = over_cells(Interpolate(every=every).frame_mask(len(spread)), 2, 4)
    at_once = whole(pipeline, spread, cells, config)
    assert np.abs(made.astype(int) - at_once.frames).max() <= 1  # the VAE rounds otherwise for other numbers of frames


def test_each_group_of_slow_motion_sees_what_was_made_before(pipeline, monkeypatch):
    groups = []

    def watched(model, raw, cells, **config):
        made = generate_latents(model, raw, cells, **config)
        groups.append((raw[0], cells, made[0]))
        return made

    monkeypatch.setattr("vdt.inference.streaming.generate_latents", watched)
    made = np.stack(list(slow_frames(pipeline, clip(9), every=2, config=UNHELD)))
    assert [(len(raw), cells.any((1, 2)).tolist()) for raw, cells, _ in groups] == [
        (7, [False, True, False, True, False, True, False]),
        (8, [False] * 4 + [True, False] * 2),
        (8, [False] * 4 + [True, False] * 2),
        (8, [False] * 6 + [True, False]),  # room that is left shows more of what was made
    ]
    so_far = groups[0][2]
    for raw, cells, result in groups[1:]:
        seen = int(cells.any((1, 2)).nonzero()[0])
        assert torch.equal(raw[:seen], so_far[-seen:])
        so_far = torch.cat([so_far, result[seen:]])
    decoded = pipeline.codec.decode(so_far, (16, 32))[1::2].astype(int)
    assert np.abs(decoded - made[1::2]).max() <= 1  # the VAE rounds otherwise for other numbers of frames


def test_noise_of_slow_motion_is_never_used_twice(pipeline, monkeypatch):
    seeds = []
    original = torch.Generator.manual_seed

    class Watched(torch.Generator):
        def manual_seed(self, seed):
            seeds.append(seed)
            return original(self, seed)

    monkeypatch.setattr("vdt.inference.generate.torch.Generator", Watched)
    list(slow_frames(pipeline, clip(4), every=12, config=OPTIONS))  # a gap takes several windows
    windows = WINDOWS.resolve(pipeline.model.config)
    assert len(seeds) == len(set(seeds)) == count_slow_windows(4, every=12, windows=windows) > 3


def test_slow_motion_takes_no_more_than_a_group_ahead(pipeline):
    taken = []

    def source():
        for index in range(10**9):
            taken.append(index)
            yield clip(1)[0]

    frames = slow_frames(pipeline, source(), every=2, config=OPTIONS)
    for index in range(60):
        next(frames)
        assert len(taken) <= index // 2 + 2 + 3  # three given frames fit into the first window


def test_slow_motion_needs_two_frames_and_room_between_them(pipeline):
    for frames, every, words in ((0, 2, "0 frames"), (1, 2, "1 frame:"), (5, 1, "every=1")):
        with pytest.raises(ValueError, match=words):
            list(slow_frames(pipeline, clip(frames), every=every, config=OPTIONS))


# ---- Any length, any setting -----------------------------------------------------------------------------------------


def drawn(seed):
    """A clip of 1 to 200 frames, config with a window and an overlap, and more numbers to draw."""
    rng = np.random.default_rng(seed)
    window = int(rng.integers(3, 17))
    windows = WindowConfig(frames=window, overlap=int(rng.integers(1, window - 1)), tile=8)
    given = rng.integers(0, 256, (int(rng.integers(1, 201)), 16, 16, 3), dtype=np.uint8)
    return given, GenerationConfig(seed=seed, sampling=ONE_STEP, windows=windows), rng


class MeanCodec:
    """Cells that are means of pixels in place of a VAE: what is asked here does not depend on it."""

    downscale, channels = 8, 4

    def encode(self, frames, progress=None):
        cells = torch.from_numpy(frames).float().unflatten(1, (-1, 8)).unflatten(3, (-1, 8)).mean((2, 4, 5))
        return cells[:, None].expand(-1, 4, -1, -1) / 255

    def decode(self, latents, size):
        cells = (latents[:, 0].clamp(0, 1) * 255).to(torch.uint8)
        return cells.repeat_interleave(8, 1).repeat_interleave(8, 2)[..., None].expand(-1, -1, -1, 3).numpy()


@pytest.fixture
def quick(pipeline):
    vars(pipeline)["codec"] = MeanCodec()
    return pipeline


def in_pieces(frames):
    """The same frames out of an iterator that looks ahead, in copies that are written over afterwards."""
    for start in range(0, len(frames), 7):
        piece = frames[start : start + 7].copy()
        yield from (frame.copy() for frame in piece)
        piece[:] = 0


def twice(make, pipeline, *clips, **settings):
    """Frames made of arrays, after checking that iterators give the same ones."""
    made = np.stack(list(make(pipeline, *clips, **settings)))
    again = make(pipeline, *(in_pieces(frames) for frames in clips), **settings)
    assert np.array_equal(made, np.stack(list(again)))
    return made


def test_any_extension_has_its_length_and_its_given_frames(quick):
    for seed in range(4):
        given, config, rng = drawn(seed)
        before, after = (int(rng.integers(0, 40)) for _ in range(2))
        made = twice(extend_frames, quick, given, before=before, after=after, config=config)
        assert len(made) == before + len(given) + after
        assert np.array_equal(made[before : before + len(given)], given)


def test_any_connection_has_its_length_and_its_given_frames(quick):
    for seed in range(4):
        first, config, rng = drawn(seed)
        second = rng.integers(0, 256, (int(rng.integers(1, 30)), 16, 16, 3), dtype=np.uint8)
        between = int(rng.integers(1, 50))
        made = twice(connect_frames, quick, first, second, between=between, config=config)
        assert len(made) == len(first) + between + len(second)
        assert np.array_equal(made[: len(first)], first) and np.array_equal(made[-len(second) :], second)
        loop = twice(loop_frames, quick, first, between=between, config=config)
        start = loop_start(len(first))
        assert len(loop) == len(first) + between
        assert np.array_equal(loop[: len(first) - start], first[start:])
        assert np.array_equal(loop[-start:], first[:start])


def test_any_slow_motion_has_its_length_and_its_given_frames(quick):
    for seed in range(4):
        given, config, rng = drawn(seed)
        given = np.concatenate([given, given])[:24]
        every = int(rng.integers(2, 20 if seed % 2 else 5))
        made = twice(slow_frames, quick, given, every=every, config=config)
        assert len(made) == (len(given) - 1) * every + 1 and np.array_equal(made[::every], given)


def test_any_prediction_has_its_length_and_its_given_frames(quick):
    for seed in range(4):
        given, config, rng = drawn(seed)
        length = int(rng.integers(2, 201))
        count = int(rng.integers(1, min(length, len(given) + 1)))
        made = whole(quick, given[:count], over_cells(Predict(given=count).frame_mask(length), 2, 2), config)
        assert made.frames.shape == (length, 16, 16, 3) and np.array_equal(made.frames[:count], given[:count])


def test_windows_are_counted_before_they_are_made(quick, monkeypatch):
    made = []
    monkeypatch.setattr(
        "vdt.inference.rollout.generate_window", lambda model, raw, cells, **o: made.append(1) or raw.float()
    )

    def windows_made(make, *clips, **settings):
        made.clear()
        list(make(quick, *clips, **settings))
        return len(made)

    for seed in range(10):
        given, config, rng = drawn(seed)
        windows, length = config.windows, len(given)
        count, every = int(rng.integers(1, 60)), int(rng.integers(2, 30))
        seen = min(length, windows.overlap)
        after = windows_made(extend_frames, given, after=count, config=config)
        assert after == count_windows(seen, count, 0, windows), seed
        before = windows_made(extend_frames, given, before=count, config=config)
        assert before == count_windows(0, count, seen, windows), seed
        if length > 1:
            start = loop_start(length)
            sides = (min(length - start, windows.overlap), count, min(start, windows.overlap))
            assert windows_made(loop_frames, given, between=count, config=config) == count_windows(*sides, windows), (
                seed
            )
            slow = windows_made(slow_frames, given[:24], every=every, config=config)
            assert slow == count_slow_windows(min(length, 24), every=every, windows=windows), seed


@pytest.mark.parametrize("size", [(16, 16), (20, 27), (9, 12)])
def test_pictures_of_any_size_keep_it(pipeline, size):
    given = np.random.default_rng(0).integers(0, 256, (6, *size, 3), dtype=np.uint8)
    for frames in (
        extend_frames(pipeline, given, before=2, after=5, config=OPTIONS),
        loop_frames(pipeline, given, between=3, config=OPTIONS),
        slow_frames(pipeline, given, every=3, config=OPTIONS),
    ):
        assert {frame.shape for frame in frames} == {(*size, 3)}

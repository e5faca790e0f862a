"""A video of any length passes through frame by frame, with new frames before and after it."""

import numpy as np
import pytest
import torch

from vdt import masks
from vdt.completion import decode_frames, encode_frames
from vdt.pipeline import Pipeline
from vdt.rollout import complete_clip
from vdt.stream import (
    connect_frames,
    count_slow_windows,
    count_windows,
    decode_each,
    extend_frames,
    loop_frames,
    slow_frames,
)

OPTIONS = {"seed": 3, "steps": 1, "window": 8}


@pytest.fixture
def pipeline(tiny_model, tiny_vae):
    return Pipeline(tiny_model, tiny_vae)


def clip(frames):
    return np.random.default_rng(frames).integers(0, 256, (frames, 16, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("frames", [1, 3, 20])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 1), (11, 0), (5, 13)])
def test_length_is_as_asked_and_given_frames_are_bit_exact(pipeline, frames, before, after):
    given = clip(frames)
    made = np.stack(list(extend_frames(pipeline, given, before=before, after=after, **OPTIONS)))
    assert made.shape == (before + frames + after, 16, 32, 3) and made.dtype == np.uint8
    assert np.array_equal(made[before : before + frames], given)


def test_new_frames_are_those_of_a_clip_made_whole(pipeline):
    given = clip(4)
    made = np.stack(list(extend_frames(pipeline, given, after=13, **OPTIONS)))
    raw, mask = encode_frames(pipeline.vae, given), masks.predict(17, 2, 4, given=4)
    latents = complete_clip(pipeline.model, raw, mask, **OPTIONS)
    rough = np.stack(list(extend_frames(pipeline, given, after=13, still=0, **OPTIONS)))
    assert np.array_equal(rough[4:], decode_frames(pipeline.vae, latents[4:]))
    whole = pipeline.generate(given, mask, **OPTIONS)
    assert torch.equal(whole.latents, latents) and np.array_equal(whole.frames, made)


@pytest.mark.parametrize("side", ["after", "before"])
def test_more_frames_begin_as_fewer_do(pipeline, side):
    few, many = (np.stack(list(extend_frames(pipeline, clip(4), **{side: n}, **OPTIONS))) for n in (2, 15))
    assert np.array_equal(few, many[: len(few)] if side == "after" else many[-len(few) :])


def test_frames_are_taken_and_given_one_at_a_time(pipeline):
    taken = []

    def source():
        for index, frame in enumerate(clip(400)):
            taken.append(index)
            yield frame

    frames = extend_frames(pipeline, source(), after=10**6, **OPTIONS)
    for index in range(400):
        next(frames)
        assert len(taken) <= index + 4  # the first few decide what came before
    next(frames)  # the first of a million is there after one window


def test_frames_are_decoded_as_latents_come(pipeline):
    latents = torch.randn(20, 4, 2, 4, generator=torch.Generator().manual_seed(0))
    came = []
    frames = decode_each(pipeline.vae, (came.append(1) or latent for latent in latents))
    next(frames)
    assert len(came) == 8
    assert np.array_equal(np.stack(list(frames)), decode_frames(pipeline.vae, latents)[1:])


def test_nothing_cannot_be_extended(pipeline):
    with pytest.raises(ValueError, match="no frames to go on from"):
        next(extend_frames(pipeline, [], after=3, **OPTIONS))


@pytest.mark.parametrize("between", [1, 5, 30])
def test_two_clips_are_connected_and_keep_all_their_frames(pipeline, between):
    first, second = clip(9), clip(5)
    made = np.stack(list(connect_frames(pipeline, first, second, between=between, **OPTIONS)))
    assert len(made) == 14 + between
    assert np.array_equal(made[:9], first) and np.array_equal(made[-5:], second)
    other = np.stack(list(connect_frames(pipeline, first, clip(6), between=between, **OPTIONS)))
    assert not np.array_equal(made[9], other[9])  # where it leads to is seen from the start


def test_a_loop_is_a_connection_to_its_own_beginning(pipeline):
    given = clip(12)
    made = np.stack(list(loop_frames(pipeline, given, between=6, **OPTIONS)))
    whole = np.stack(list(connect_frames(pipeline, given, given[:4], between=6, **OPTIONS)))
    assert np.array_equal(made, whole[:18]) and np.array_equal(made[:12], given)


def test_nothing_leads_nowhere(pipeline):
    with pytest.raises(ValueError, match="no frames to lead to"):
        list(connect_frames(pipeline, clip(3), [], between=2, **OPTIONS))


# ---- Slow motion -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("frames", "every"), [(2, 2), (3, 5), (4, 2), (2, 7)])
def test_slow_motion_of_one_window_is_the_interpolation_of_the_clip(pipeline, frames, every):
    given = clip(frames)
    made = np.stack(list(slow_frames(pipeline, given, every=every, **{**OPTIONS, "window": 11})))
    spread = np.zeros(((frames - 1) * every + 1, *given.shape[1:]), np.uint8)
    spread[::every] = given
    whole = pipeline.generate(spread, masks.interpolate(len(spread), 2, 4, every=every), **{**OPTIONS, "window": 11})
    assert np.abs(made.astype(int) - whole.frames).max() <= 1  # the VAE rounds otherwise for another number of frames


def test_each_group_of_slow_motion_sees_what_was_made_before(pipeline, monkeypatch):
    groups = []
    original = complete_clip

    def watched(model, raw, mask, **options):
        groups.append((raw, mask, original(model, raw, mask, **options)))
        return groups[-1][2]

    monkeypatch.setattr("vdt.stream.complete_clip", watched)
    # windows of 8, of which 4 are known
    made = np.stack(list(slow_frames(pipeline, clip(9), every=2, still=0, **OPTIONS)))
    assert [(len(raw), mask.any((1, 2)).tolist()) for raw, mask, _ in groups] == [
        (7, [False, True, False, True, False, True, False]),
        (8, [False] * 4 + [True, False] * 2),
        (8, [False] * 4 + [True, False] * 2),
        (8, [False] * 6 + [True, False]),  # room that is left shows more of what was made
    ]
    so_far = groups[0][2]
    for raw, mask, result in groups[1:]:
        seen = int(mask.any((1, 2)).nonzero()[0])
        assert torch.equal(raw[:seen], so_far[-seen:])
        so_far = torch.cat([so_far, result[seen:]])
    assert np.array_equal(decode_frames(pipeline.vae, so_far)[1::2], made[1::2])


def test_noise_of_slow_motion_is_never_used_twice(pipeline, monkeypatch):
    seeds = []
    original = torch.Generator.manual_seed

    class Watched(torch.Generator):
        def manual_seed(self, seed):
            seeds.append(seed)
            return original(self, seed)

    monkeypatch.setattr("vdt.completion.torch.Generator", Watched)
    list(slow_frames(pipeline, clip(4), every=12, **OPTIONS))  # a gap takes several windows
    assert len(seeds) == len(set(seeds)) == count_slow_windows(4, every=12, window=8, overlap=4) > 3


def test_slow_motion_takes_no_more_than_a_group_ahead(pipeline):
    taken = []

    def source():
        for index in range(10**9):
            taken.append(index)
            yield clip(1)[0]

    frames = slow_frames(pipeline, source(), every=2, **OPTIONS)
    for index in range(60):
        next(frames)
        assert len(taken) <= index // 2 + 2 + 3  # three given frames fit into the first window


@pytest.mark.parametrize(("frames", "every", "said"), [(0, 2, "0 frames"), (1, 2, "1 frame:"), (5, 1, "every=1")])
def test_slow_motion_needs_two_frames_and_room_between_them(pipeline, frames, every, said):
    with pytest.raises(ValueError, match=said):
        list(slow_frames(pipeline, clip(frames), every=every, **OPTIONS))


# ---- Any length, any setting -----------------------------------------------------------------------------------------


def drawn(seed):
    """A clip of 1 to 200 frames, and a window, an overlap and numbers of new frames."""
    rng = np.random.default_rng(seed)
    window = int(rng.integers(3, 17))
    options = {"seed": seed, "steps": 1, "window": window, "overlap": int(rng.integers(1, window - 1))}
    given = rng.integers(0, 256, (int(rng.integers(1, 201)), 16, 16, 3), dtype=np.uint8)
    return given, options, rng


@pytest.fixture
def quick(pipeline, monkeypatch):
    """The pipeline with cells that are means of pixels in place of a VAE: what is asked here does not depend on it."""

    def encode(vae, frames):
        cells = torch.from_numpy(frames).float().unflatten(1, (-1, 8)).unflatten(3, (-1, 8)).mean((2, 4, 5))
        return cells[:, None].expand(-1, 4, -1, -1) / 255

    def decode(vae, latents, wanted=None, *, size=None):
        cells = (latents[:, 0].clamp(0, 1) * 255).to(torch.uint8)
        return cells.repeat_interleave(8, 1).repeat_interleave(8, 2)[..., None].expand(-1, -1, -1, 3).numpy()

    for module in ("stream", "pipeline"):
        monkeypatch.setattr(f"vdt.{module}.encode_frames", encode)
    for module in ("stream", "completion"):
        monkeypatch.setattr(f"vdt.{module}.decode_frames", decode)
    return pipeline


def in_pieces(frames):
    """The same frames out of an iterator that looks ahead, in copies that are written over afterwards."""
    for start in range(0, len(frames), 7):
        piece = frames[start : start + 7].copy()
        yield from (frame.copy() for frame in piece)
        piece[:] = 0


def twice(make, *clips, **options):
    """Frames made of arrays, after checking that iterators give the same ones."""
    made = np.stack(list(make(*clips, **options)))
    assert np.array_equal(made, np.stack(list(make(*(in_pieces(frames) for frames in clips), **options))))
    return made


@pytest.mark.parametrize("seed", range(4))
def test_any_extension_has_its_length_and_its_given_frames(quick, seed):
    given, options, rng = drawn(seed)
    before, after = (int(rng.integers(0, 40)) for _ in range(2))
    made = twice(lambda frames, **o: extend_frames(quick, frames, **o), given, before=before, after=after, **options)
    assert len(made) == before + len(given) + after
    assert np.array_equal(made[before : before + len(given)], given)


@pytest.mark.parametrize("seed", range(4))
def test_any_connection_has_its_length_and_its_given_frames(quick, seed):
    first, options, rng = drawn(seed)
    second = rng.integers(0, 256, (int(rng.integers(1, 30)), 16, 16, 3), dtype=np.uint8)
    between = int(rng.integers(1, 50))
    made = twice(lambda a, b, **o: connect_frames(quick, a, b, **o), first, second, between=between, **options)
    assert len(made) == len(first) + between + len(second)
    assert np.array_equal(made[: len(first)], first) and np.array_equal(made[-len(second) :], second)
    loop = twice(lambda frames, **o: loop_frames(quick, frames, **o), first, between=between, **options)
    assert len(loop) == len(first) + between and np.array_equal(loop[: len(first)], first)


@pytest.mark.parametrize("seed", range(4))
def test_any_slow_motion_has_its_length_and_its_given_frames(quick, seed):
    given, options, rng = drawn(seed)
    given = np.concatenate([given, given])[:24]
    every = int(rng.integers(2, 20 if seed % 2 else 5))
    made = twice(lambda frames, **o: slow_frames(quick, frames, **o), given, every=every, **options)
    assert len(made) == (len(given) - 1) * every + 1 and np.array_equal(made[::every], given)


@pytest.mark.parametrize("seed", range(4))
def test_any_prediction_has_its_length_and_its_given_frames(quick, seed):
    given, options, rng = drawn(seed)
    length = int(rng.integers(2, 201))
    known = int(rng.integers(1, min(length, len(given) + 1)))
    made = quick.generate(given[:known], masks.predict(length, 2, 2, given=known), **options)
    assert made.frames.shape == (length, 16, 16, 3) and np.array_equal(made.frames[:known], given[:known])


@pytest.mark.parametrize("seed", range(10))
def test_windows_are_counted_before_they_are_made(quick, monkeypatch, seed):
    made = []
    monkeypatch.setattr("vdt.rollout.complete_latents", lambda model, raw, mask, **o: made.append(1) or raw.float())
    given, options, rng = drawn(seed)
    size = {key: options[key] for key in ("window", "overlap")}
    count, every = int(rng.integers(1, 60)), int(rng.integers(2, 30))
    seen = min(len(given), options["overlap"])
    list(extend_frames(quick, given, after=count, **options))
    assert len(made) == count_windows(seen, count, 0, **size)
    made.clear()
    list(extend_frames(quick, given, before=count, **options))
    assert len(made) == count_windows(0, count, seen, **size)
    made.clear()
    list(loop_frames(quick, given, between=count, **options))
    assert len(made) == count_windows(seen, count, seen, **size)
    if len(given) > 1:
        made.clear()
        list(slow_frames(quick, given, every=every, **options))
        assert len(made) == count_slow_windows(len(given), every=every, **size)


@pytest.mark.parametrize("size", [(16, 16), (20, 27), (9, 12)])
def test_pictures_of_any_size_keep_it(pipeline, size):
    given = np.random.default_rng(0).integers(0, 256, (6, *size, 3), dtype=np.uint8)
    for frames in (
        extend_frames(pipeline, given, before=2, after=5, **OPTIONS),
        loop_frames(pipeline, given, between=3, **OPTIONS),
        slow_frames(pipeline, given, every=3, **OPTIONS),
    ):
        assert {frame.shape for frame in frames} == {(*size, 3)}

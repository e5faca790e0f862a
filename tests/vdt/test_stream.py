"""A video of any length passes through frame by frame, with new frames before and after it."""

import numpy as np
import pytest
import torch

from vdt import masks
from vdt.completion import decode_frames, encode_frames
from vdt.pipeline import Pipeline
from vdt.rollout import complete_clip
from vdt.stream import connect_frames, decode_each, extend_frames, loop_frames

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
    assert np.array_equal(made[4:], decode_frames(pipeline.vae, latents[4:]))
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

"""What people are told of pictures that the model does not know, and of clips in which nothing moves."""

import numpy as np
import pytest

from vdt.checkpoints import bundled, load_vae
from vdt.evaluation.advice import LEAST_KEPT, motion_advice, source_advice
from vdt.inference.codec import AutoencoderCodec
from vdt.media.frames import PLACEHOLDER


@pytest.fixture(scope="module")
def codec():
    return AutoencoderCodec(load_vae(bundled("vae")))


def rolling(count=16, step=1.5):
    """A flat scene in which a ball of six pixels rolls."""
    y, x = np.mgrid[:64, :64]
    frames = np.full((count, 64, 64, 3), (120, 140, 150), np.uint8)
    for t in range(count):
        frames[t][(y - 40) ** 2 + (x - 8 - step * t) ** 2 < 36] = (200, 40, 60)
    return frames


def test_pictures_of_another_kind_are_told_by_a_number(codec):
    skimage = pytest.importorskip("skimage.data")
    photo = np.ascontiguousarray(skimage.chelsea()[100:164, 150:214])[None]
    said = source_advice(codec, np.repeat(photo, 8, axis=0))
    assert "unlike" in said and f"{LEAST_KEPT:.0f}" in said and "docs/training.md" in said
    assert int(said.split("keeps them at ")[1].split(" dB")[0]) < LEAST_KEPT


def test_its_own_kind_is_passed_over(codec):
    frames = rolling()
    assert source_advice(codec, frames) == ""
    frames[8:] = PLACEHOLDER  # frames that are not there count for nothing
    assert source_advice(codec, frames) == ""
    assert source_advice(codec, frames[8:]) == source_advice(codec, frames[:0]) == ""


def test_large_pictures_are_looked_at_in_their_middle():
    sizes = []

    class Codec:
        def encode(self, frames):
            sizes.append(frames.shape)
            return frames

        def decode(self, latents, size):
            return latents

    assert source_advice(Codec(), np.random.default_rng(0).integers(0, 255, (100, 300, 80, 3), np.uint8)) == ""
    assert sizes == [(2, 96, 80, 3)]


def test_a_clip_that_stands_still_is_told():
    generated = np.arange(16) >= 8
    moving = rolling()
    assert motion_advice(moving, generated) == ""
    frozen = moving.copy()
    frozen[8:] = frozen[7]
    said = motion_advice(frozen, np.broadcast_to(generated[:, None, None], (16, 64, 64)))
    assert "at most 0.00 of 255 levels" in said and "in the given ones by" in said
    only_one = motion_advice(np.repeat(moving[:1], 16, axis=0), np.arange(16) > 0)
    assert "nothing moves" in only_one and "given ones" not in only_one


def test_a_still_scene_may_stay_still():
    still = np.repeat(rolling()[:1], 16, axis=0)
    assert motion_advice(still, np.arange(16) >= 8) == ""
    assert motion_advice(still, np.arange(16) == 8) == ""  # too few frames to tell

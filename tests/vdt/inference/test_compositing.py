"""The compositor against its four steps written out by hand: decode, match colours, hold the background, paste."""

from itertools import islice, product
from unittest.mock import Mock, call

import numpy as np
import pytest
import torch

from vdt.inference.codec import AutoencoderCodec
from vdt.inference.color_match import match_colors
from vdt.inference.compositing import Compositor
from vdt.inference.settings import CompositingConfig
from vdt.inference.static_background import ReferenceFrame, hold_background

T, H, W, CELL = 12, 30, 45, 8
ROWS, COLUMNS = 4, 6
OFF = CompositingConfig(static_background=0, color_match=0)


class BlockCodec:
    """A codec of another kind: a latent is the colour of a cell, and decoding shows it a little too dark."""

    downscale = CELL

    def __init__(self):
        self.decoded = []  # how many frames each call was for

    def encode(self, frames, progress=None):
        raise AssertionError("finishing a clip encodes nothing")

    def decode(self, latents, size):
        self.decoded.append(len(latents))
        pixels = latents.repeat_interleave(CELL, -2).repeat_interleave(CELL, -1)[..., : size[0], : size[1]]
        return (pixels - 6).clamp(0, 255).round().to(torch.uint8).movedim(1, -1).numpy()


@pytest.fixture
def scene():
    """Latents (T, 3, h, w) and images (T, H, W, 3) of a still background before which one cell moves."""
    generator = torch.Generator().manual_seed(0)
    cells = (60 + 120 * torch.rand(1, 3, ROWS, COLUMNS, generator=generator)).repeat(T, 1, 1, 1)
    for frame in range(T):
        cells[frame, :, 1, frame // 2] = 240
    images = cells.repeat_interleave(CELL, -2).repeat_interleave(CELL, -1)[..., :H, :W]
    latents = cells + torch.randn(cells.shape, generator=generator)
    return latents, images.round().to(torch.uint8).movedim(1, -1).numpy()


def masks():
    """Whole frames, areas, both, all and nothing: bool (T, H, W) each."""
    made = {name: torch.zeros(T, H, W, dtype=torch.bool) for name in ("frames", "area", "mixed", "gaps", "nothing")}
    made["frames"][5:] = True
    made["area"][:, 7:21, 10:30] = True
    made["mixed"][3:7] = True
    made["mixed"][9:, :, 22:] = True
    made["gaps"][1::3] = True
    return {**made, "everything": torch.ones(T, H, W, dtype=torch.bool)}


def by_hand(latents, images, generated, config):
    """The same, a frame at a time, everything decoded at once."""
    decoded = BlockCodec().decode(latents, (H, W))
    new = generated.flatten(1).any(1).tolist()
    whole = [place for place in range(T) if not new[place]]
    near = [place for place in whole if new[max(0, place - 1)] or new[min(T - 1, place + 1)]]
    references = [ReferenceFrame(index=place, given=images[place], decoded=decoded[place]) for place in near]
    finished = []
    for place in range(T):
        own = slice(place, place + 1)
        matched = match_colors(decoded[own], images[own], generated[own], config.color_match)
        held = hold_background(decoded[own], [place], references, config.static_background, onto=matched)
        finished.append(np.where(generated[place, ..., None].numpy(), held[0], images[place]))
    return np.stack(finished)


CONFIGS = {
    "default": CompositingConfig(),
    "off": OFF,
    "background": CompositingConfig(color_match=0),
    "colours": CompositingConfig(static_background=0),
    "strict": CompositingConfig(static_background=3, color_match=200),
}


def test_a_clip_is_decoded_matched_held_and_pasted(scene, monkeypatch):
    latents, images = scene
    wrong = []
    for at_once in (1, 5, 8):
        monkeypatch.setattr("vdt.inference.memory.FRAMES_AT_ONCE", at_once)
        for (name, generated), (setting, config) in product(masks().items(), CONFIGS.items()):
            made = np.stack(list(Compositor(BlockCodec(), config).clip(latents, images, generated)))
            if not np.array_equal(made, by_hand(latents, images, generated, config)):
                wrong.append((at_once, name, setting))
            assert np.array_equal(made[~generated.numpy()], images[~generated.numpy()]), "given pixels, bit for bit"
    assert wrong == []


def test_each_step_can_be_seen(scene):
    """The comparison above would hold for a compositor that does nothing, if nothing were to be seen."""
    latents, images = scene
    made = {
        (name, setting): np.stack(list(Compositor(BlockCodec(), config).clip(latents, images, generated)))
        for (name, generated), (setting, config) in product(masks().items(), CONFIGS.items())
    }
    assert not np.array_equal(made["frames", "off"], made["frames", "background"])
    assert np.array_equal(made["frames", "off"], made["frames", "colours"])  # whole frames have no boundary
    assert not np.array_equal(made["area", "off"], made["area", "colours"])
    assert np.array_equal(made["area", "off"], made["area", "background"])  # no frame is given whole
    assert not np.array_equal(made["mixed", "background"], made["mixed", "default"])
    assert not np.array_equal(made["everything", "off"], images)


def test_only_generated_frames_and_references_are_decoded(scene):
    latents, images = scene
    for name, config, frames in (
        ("frames", CompositingConfig(), [1, 7]),  # the last given frame shows what the codec loses
        ("frames", OFF, [7]),
        ("gaps", CompositingConfig(), [8, 4]),
        ("area", CompositingConfig(), [8, 4]),
        ("nothing", CompositingConfig(), []),
    ):
        codec = BlockCodec()
        list(Compositor(codec, config).clip(latents, images, masks()[name]))
        assert codec.decoded == frames, (name, config)


def test_progress_counts_the_frames_that_are_decoded(scene):
    latents, images = scene
    for name, calls in (("everything", [(8, 12), (12, 12)]), ("gaps", [(4, 4)]), ("nothing", [])):
        progress = Mock()
        list(Compositor(BlockCodec()).clip(latents, images, masks()[name], progress=progress))
        assert progress.call_args_list == [call(*numbers) for numbers in calls], name

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Compositor(BlockCodec()).clip(latents, images, masks()["everything"], progress=stop))


def test_frames_come_while_later_ones_wait(scene):
    latents, images = scene
    codec = BlockCodec()
    frames = Compositor(codec, OFF).clip(latents, images, masks()["everything"])
    assert codec.decoded == []
    assert len(list(islice(frames, 8))) == 8 and codec.decoded == [8]
    next(frames)
    assert codec.decoded == [8, 4]


def test_new_frames_are_held_against_the_references_on_both_sides(scene):
    latents, images = scene
    compositor = Compositor(BlockCodec())
    references = compositor.references(latents, images, [2, 11], shown_at=[-1, 8])
    assert [reference.index for reference in references] == [-1, 8]
    made = np.stack(list(compositor.new_frames(iter(latents[3:11]), (H, W), references)))
    generated = torch.zeros(T, H, W, dtype=torch.bool)
    generated[3:11] = True
    assert np.array_equal(made, by_hand(latents, images, generated, CompositingConfig(color_match=0))[3:11])
    plain = np.stack(list(Compositor(BlockCodec(), OFF).new_frames(latents[3:11], (H, W), [])))
    assert np.array_equal(plain, BlockCodec().decode(latents[3:11], (H, W)))


def test_references_are_decoded_only_if_something_is_held(scene):
    latents, images = scene
    codec = BlockCodec()
    assert Compositor(codec, OFF).references(latents, images, [0, 3]) == [] and codec.decoded == []
    assert Compositor(codec).references(latents, images, []) == [] and codec.decoded == []
    first, second = Compositor(codec).references(latents, images, [0, 3])
    assert (first.index, second.index) == (0, 3) and codec.decoded == [2]
    assert np.array_equal(second.given, images[3])
    assert np.array_equal(second.decoded, codec.decode(latents[3:4], (H, W))[0])


def test_plain_decoding_is_the_codecs_a_few_frames_at_a_time(scene):
    latents, _ = scene
    codec, calls = BlockCodec(), []
    frames = list(Compositor(codec).decode(latents, (H, W), progress=lambda *numbers: calls.append(numbers)))
    assert codec.decoded == [8, 4] and calls == [(8, 12), (12, 12)]
    assert np.array_equal(np.stack(frames), BlockCodec().decode(latents, (H, W)))


def test_images_of_another_clip_are_refused(scene):
    latents, images = scene
    compositor, generated = Compositor(BlockCodec()), masks()["frames"]
    message = "the images are {}, the latent decodes to 12 frames of 48x32: use the images that were encoded"
    for other, shown in (
        (images[:11], "11 frames of 45x30"),
        (images[:, :24], "12 frames of 45x24"),
        (images[:, :, :40], "12 frames of 40x30"),
    ):
        with pytest.raises(ValueError, match=message.format(shown)):
            next(compositor.clip(latents, other, generated))


def test_a_still_clip_is_shown_as_it_was(tiny_vae):
    """With the real autoencoder and what a perfect model makes of a clip in which nothing moves."""
    codec = AutoencoderCodec(tiny_vae)
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    images = image.repeat(6, 0)
    latents = codec.encode(images)
    generated = torch.zeros(6, 32, 32, dtype=torch.bool)
    generated[2:4] = True
    generated[5, :, 16:] = True
    held, rough = (np.stack(list(Compositor(codec, c).clip(latents, images, generated))) for c in (None, OFF))
    assert np.array_equal(held, images)
    new = generated.numpy()
    assert np.array_equal(rough[~new], images[~new]) and (rough[new] != images[new]).mean() > 0.5
    assert np.abs(rough[new].astype(int) - codec.decode(latents, (32, 32))[new]).max() <= 1

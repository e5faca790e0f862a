"""A host can stop long work between any two of its parts, and asking changes no bit of what is made."""

import numpy as np
import pytest
import torch

from vdt.diffusion import SamplingConfig
from vdt.inference.codec import AutoencoderCodec
from vdt.inference.color_match import match_colors
from vdt.inference.generate import generate_window
from vdt.inference.static_background import ReferenceFrame, hold_background
from vdt.interruption import interruptible, poll
from vdt.masks.timeline import apply_timeline, parse_timeline
from vdt.media.frames import fit_frames
from vdt.media.video import read_frames, write_video

FRAMES = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)


class StoppedError(Exception):
    """What a host raises."""


class Host:
    """Counts how often it is asked, and stops the work when it has been asked so often."""

    def __init__(self, most: float = float("inf")) -> None:
        self.asked, self.most = 0, most

    def __call__(self) -> None:
        self.asked += 1
        if self.asked > self.most:
            raise StoppedError


def window(model, side=8):
    raw = torch.randn(1, 6, 4, side, side, generator=torch.Generator().manual_seed(0))
    cells = torch.zeros(6, side, side, dtype=torch.bool)
    cells[3:] = True
    return generate_window(model, raw, cells, seeds=[1], sampling=SamplingConfig(steps=2))


@pytest.fixture
def works(tiny_model, tiny_vae, tmp_path):
    """Every kind of long work: what does it, and of how many parts it has at least."""
    write_video(tmp_path / "clip.mp4", FRAMES, 8)
    latents = torch.randn(8, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    area = torch.zeros(8, 64, 64, dtype=torch.bool)
    area[:, 16:32] = True
    shown = ReferenceFrame(index=0, given=FRAMES[0], decoded=FRAMES[1])
    stroke = '{"v": 1, "paint": [{"on": "0-7", "brush": [0, 0, 1, 1, 0, 1], "r": 0.1, "move": [0.1, 0]}]}'
    return {
        "encoding": (lambda: AutoencoderCodec(tiny_vae).encode(FRAMES), 30),
        "decoding": (lambda: AutoencoderCodec(tiny_vae).decode(latents, (64, 64)), 30),
        "a window": (lambda: window(tiny_model), 4 * 8),  # passes and layers
        "a window in tiles": (lambda: window(tiny_model, side=32), 4 * 8 * 2),
        "resizing": (lambda: fit_frames(iter(FRAMES), (32, 32)), 8),
        "reading": (lambda: np.stack(list(read_frames(tmp_path / "clip.mp4"))), 8),
        "colours": (lambda: match_colors(FRAMES, FRAMES[::-1], area, 24.0), 8),
        "background": (lambda: hold_background(FRAMES, range(8), [shown], 24.0), 8),
        "painting": (lambda: apply_timeline(torch.zeros(8, 64, 64, dtype=torch.bool), parse_timeline(stroke)), 24),
    }


def equal(a, b):
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else np.array_equal(a, b)


def test_every_long_work_asks_between_its_parts_and_makes_the_same(works):
    for name, (work, parts) in works.items():
        host = Host()
        plain = work()
        with interruptible(host):
            made = work()
        assert host.asked >= parts, (name, host.asked)
        assert equal(plain, made), name


def test_what_the_host_raises_ends_the_work_wherever_it_is(works):
    for name, (work, parts) in works.items():
        for most in (0, 1, parts // 2, parts - 1):
            with pytest.raises(StoppedError), interruptible(Host(most)):
                work()
        assert work() is not None, name


def test_nothing_is_left_on_a_network_or_asked_outside_of_the_block(works, tiny_model, tiny_vae):
    host = Host()
    with interruptible(host):
        works["a window"][0](), works["encoding"][0]()
    with pytest.raises(StoppedError), interruptible(Host(5)):
        works["decoding"][0]()
    asked = host.asked
    works["a window"][0](), poll()
    assert host.asked == asked
    assert not any(layer._forward_pre_hooks for network in (tiny_model, tiny_vae) for layer in network.modules())


def test_a_block_inside_of_another_asks_its_own_host():
    outer, inner = Host(), Host()
    with interruptible(outer):
        with interruptible(inner):
            poll()
        poll()
    assert (outer.asked, inner.asked) == (1, 1)


def test_a_picture_in_many_tiles_can_be_stopped_within_one(tiny_vae):
    """A frame of 1024 x 1024 pixels is coded in tiles: one chunk, and one report of progress."""
    host = Host(3)
    with pytest.raises(StoppedError), interruptible(host):
        AutoencoderCodec(tiny_vae).encode(np.zeros((1, 1024, 1024, 3), np.uint8))
    assert host.asked == 4

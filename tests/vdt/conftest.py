"""Scenes drawn by hand, whose every number is known, and an autoencoder that loses nothing."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from einops import rearrange

from vdt.config import VDT_CONFIGS
from vdt.inference.pipeline import Pipeline
from vdt.models.transformer import VDT
from vdt.physics.scenes import SceneClip

BALL, TARGET, RADIUS = (220, 60, 20), (30, 90, 210), 5.0


def disc(size, centre, radius):
    rows, columns = np.mgrid[: size * 8, : size * 8] / 8 - 7 / 16  # eight samples a pixel, pixel centres at integers
    inside = np.hypot(columns - centre[0], rows - centre[1]) <= radius
    return inside.reshape(size, 8, size, 8).mean((1, 3))[..., None]


def paint(ball, target=None, size=48):
    """Frames (T, H, W, 3) of balls at (T, 2) on a plain background with a slope of grey; NaN leaves the ball out."""
    frames = []
    for t, centre in enumerate(ball):
        frame = np.broadcast_to(np.linspace(100, 160, size)[:, None, None], (size, size, 3)).copy()
        if target is not None:
            share = disc(size, target[t], RADIUS)
            frame = frame * (1 - share) + np.array(TARGET) * share
        if np.isfinite(centre).all():
            share = disc(size, centre, RADIUS)
            frame = frame * (1 - share) + np.array(BALL) * share
        frames.append(np.round(frame).astype(np.uint8))
    return np.stack(frames)


def silhouettes(ball, target=None, size=48):
    """The pixels (K, T, H, W) that show each ball of `paint`; the tracked one passes in front of its target."""
    found = [np.stack([disc(size, centre, RADIUS)[..., 0] >= 0.5 for centre in ball])]
    if target is not None:
        found.append(np.stack([disc(size, centre, RADIUS)[..., 0] >= 0.5 for centre in target]) & ~found[0])
    return np.stack(found)


class ExactVae(torch.nn.Module):
    """Pixels to cells of 8x8 pixels and back, nothing lost."""

    def __init__(self):
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(()))
        self.config = SimpleNamespace(downscale=8, z_channels=192, channels_a_pixel=1)

    def encode(self, pixels):
        return SimpleNamespace(mean=rearrange(pixels, "n c (h p) (w q) -> n (c p q) h w", p=8, q=8))

    def decode(self, latents):
        return rearrange(latents, "n (c p q) h w -> n c (h p) (w q)", p=8, q=8)


@pytest.fixture(scope="session")
def exact_vae():
    return ExactVae()


@pytest.fixture
def draw():
    return paint


@pytest.fixture(scope="session")
def make_clip():
    """A clip of a ball along (T, 2) centres, with or without a target along its own, in front of which it passes."""

    def make(ball, target=None, *, contact_frame=-1, family="projectile", seed=0):
        ball = np.asarray(ball, dtype=np.float64)
        centres = [ball] if target is None else [ball, np.broadcast_to(target, ball.shape)]
        return SceneClip(
            frames=paint(*centres),
            family=family,
            seed=seed,
            split="test",
            names=("ball", "other_ball")[: len(centres)],
            centres=np.stack(centres).astype(np.float32),
            visible=np.ones((len(centres), len(ball)), np.float32),
            silhouettes=silhouettes(*centres),
            colours=np.array([BALL, TARGET][: len(centres)], np.uint8),
            radius=np.full(len(ball), RADIUS, np.float32),
            contact_frame=contact_frame,
        )

    return make


@pytest.fixture(scope="session")
def exact_pipeline(exact_vae):
    """An untrained model of the exact autoencoder's latents, for clips of so many frames and cells along a side."""

    def make(num_frames, side):
        base = VDT_CONFIGS["VDT-Tiny/2"]
        config = dataclasses.replace(base, in_channels=192, input_size=side, num_frames=num_frames)
        return Pipeline(VDT(config, torch.Generator().manual_seed(0)), exact_vae)

    return make

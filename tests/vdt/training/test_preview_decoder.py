"""The small decoder of previews learns, and the same from the same seed."""

import pytest
import torch

from vdt.training.preview_decoder import distill_preview


def test_it_learns_the_pictures_and_repeats_exactly():
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(16, 4, 4, 4, generator=generator)
    pixels = torch.nn.functional.interpolate(latents[:, :3], scale_factor=8.0).clamp(-1, 1)
    first, second = (distill_preview(latents, pixels, steps=40, seed=1, width=8) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    error = (first(latents) - pixels).square().mean()
    assert float(error) < 0.5 * float(pixels.square().mean())
    with pytest.raises(ValueError, match="not of the same frames"):
        distill_preview(latents, pixels[:3], steps=1, seed=0)

"""The autoencoder against the reference implementation and closed forms."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from vdt.checkpoints import load_vae
from vdt.config import VAE_CONFIGS, VAEConfig
from vdt.models.autoencoder import AutoencoderKL
from vdt.models.frame_autoencoder import Posterior

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def tiny() -> AutoencoderKL:
    torch.manual_seed(0)
    return AutoencoderKL(VAE_CONFIGS["tiny"]).eval().requires_grad_(False)


def pixels(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def meta_state(config: VAEConfig) -> dict[str, Tensor]:
    with torch.device("meta"):
        return dict(AutoencoderKL(config).state_dict())


def test_golden_vae(device: torch.device) -> None:
    """The reference implementation's answers, through the loader."""
    golden = load_file(GOLDEN / "vae_tiny_golden.safetensors")
    with safe_open(GOLDEN / "vae_tiny_golden.safetensors", "pt") as file:
        groups = int((file.metadata() or {})["norm_num_groups"])
    with torch.no_grad():
        model = load_vae(GOLDEN / "vae_tiny.safetensors", num_groups=groups).to(device)
        posterior = model.encode(golden["pixels"].to(device))
        decoded = model.decode(golden["mean"].to(device))
    for answer, name in ((posterior.mean, "mean"), (posterior.logvar, "logvar"), (decoded, "decoded")):
        torch.testing.assert_close(answer.cpu(), golden[name], atol=1e-4, rtol=0)


def test_sd_size_is_pinned() -> None:
    state = meta_state(VAE_CONFIGS["sd"])
    assert len(state) == 248
    assert sum(value.numel() for value in state.values()) == 83_653_863
    assert tuple(state["decoder.up.1.block.0.nin_shortcut.weight"].shape) == (256, 512, 1, 1)
    assert tuple(state["encoder.mid.attn_1.q.weight"].shape) == (512, 512, 1, 1)


def test_shipped_config_fits_comfyui() -> None:
    """ComfyUI's own VAE class can only host 32 groups."""
    config = VAE_CONFIGS["small"]
    assert config.num_groups == 32
    assert not any(config.ch * mult % 32 for mult in (1, *config.ch_mult))


def test_video_is_independent_of_the_chunk_size(tiny: AutoencoderKL) -> None:
    clips = pixels(2, 5, 3, 16, 24)
    for chunk in (1, 4, 5, 100):
        latents = tiny.encode_video(clips, chunk=chunk)
        assert latents.shape == (2, 5, 4, 2, 3)
        decoded = tiny.decode_video(latents, chunk=chunk)
        for b in range(2):
            torch.testing.assert_close(latents[b], tiny.encode(clips[b]).mean, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(decoded[b], tiny.decode(latents[b]), atol=1e-5, rtol=1e-5)


def test_pixel_size_must_fit(tiny: AutoencoderKL) -> None:
    for height, width in ((20, 16), (16, 63), (4, 8)):
        with pytest.raises(ValueError, match=rf"{height}x{width}.*multiples of 8.*resize or crop"):
            tiny.encode(pixels(1, 3, height, width))


def test_wrong_shapes_are_refused(tiny: AutoencoderKL) -> None:
    with pytest.raises(ValueError, match=r"expected \(N, 3, H, W\)"):
        tiny.encode(pixels(1, 4, 16, 16))
    with pytest.raises(ValueError, match=r"expected \(N, 4, h, w\)"):
        tiny.decode(pixels(1, 3, 2, 2))
    with pytest.raises(ValueError, match=r"expected \(B, T, C, H, W\)"):
        tiny.encode_video(pixels(1, 3, 16, 16))
    with pytest.raises(ValueError, match="chunk 0"):
        tiny.decode_video(pixels(1, 1, 4, 2, 2), chunk=0)


def test_posterior_closed_forms() -> None:
    mean, logvar = torch.full((2, 4, 3, 3), 1.5), torch.full((2, 4, 3, 3), math.log(0.25))
    posterior = Posterior(mean, logvar)
    expected = 36 * 0.5 * (1.5**2 + 0.25 - 1 - math.log(0.25))
    torch.testing.assert_close(posterior.kl(), torch.full((2,), expected))
    assert torch.equal(posterior.mode(), mean)
    standard = Posterior(torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 2))
    assert torch.equal(standard.kl(), torch.zeros(1))
    many = Posterior(mean.expand(2, 4, 3, 3).repeat(1, 1, 40, 40), logvar.repeat(1, 1, 40, 40))
    draw = many.sample(torch.Generator().manual_seed(0))
    assert draw.mean().item() == pytest.approx(1.5, abs=0.01)
    assert draw.std().item() == pytest.approx(0.5, abs=0.01)
    assert torch.equal(draw, many.sample(torch.Generator().manual_seed(0)))


def test_logvar_is_clamped(tiny: AutoencoderKL) -> None:
    model = AutoencoderKL(VAE_CONFIGS["tiny"]).requires_grad_(False)
    model.load_state_dict(tiny.state_dict())
    model.quant_conv.weight.zero_()
    for bias, expected in ((1e3, 20.0), (-1e3, -30.0)):
        model.quant_conv.bias.fill_(bias)
        posterior = model.encode(pixels(1, 3, 16, 16))
        assert torch.equal(posterior.logvar, torch.full_like(posterior.logvar, expected))
        assert torch.equal(posterior.mean, torch.full_like(posterior.mean, bias))


def test_channels_last_and_bf16_agree_with_plain_float(tiny: AutoencoderKL) -> None:
    model = AutoencoderKL(VAE_CONFIGS["tiny"])
    model.load_state_dict(tiny.state_dict())
    model.to(memory_format=torch.channels_last)
    x = pixels(2, 3, 16, 24).to(memory_format=torch.channels_last)
    plain = tiny.decode(tiny.encode(x.contiguous()).mean)
    torch.testing.assert_close(model.decode(model.encode(x).mean), plain, atol=1e-4, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):
        posterior = model.encode(x)
        decoded = model.decode(posterior.mean)
        kl = posterior.kl()
    error = (decoded.float() - plain).std() / plain.std()
    assert error < 0.2  # random weights amplify the 3 digits of bf16; a wrong path gives about 1.4
    assert kl.dtype == torch.float32
    (decoded.float().square().mean() + kl.mean()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())

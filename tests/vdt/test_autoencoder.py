"""The autoencoder against the reference implementation, closed forms, and the key formats found in the wild."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from vdt.autoencoder import AutoencoderKL, Posterior
from vdt.config import VAE_CONFIGS, VAEConfig
from vdt.vae_keys import KEY_FORMATS, infer_config, normalise_keys

GOLDEN = Path(__file__).parents[1] / "golden"
FORMATS = {key_format.name: key_format for key_format in KEY_FORMATS}


@pytest.fixture(scope="module")
def golden_state() -> dict[str, Tensor]:
    return load_file(GOLDEN / "vae_tiny.safetensors")


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    return load_file(GOLDEN / "vae_tiny_golden.safetensors")


@pytest.fixture(scope="module")
def golden_groups() -> int | None:
    with safe_open(GOLDEN / "vae_tiny_golden.safetensors", "pt") as file:
        groups = (file.metadata() or {}).get("norm_num_groups")
    return None if groups is None else int(groups)


@pytest.fixture(scope="module")
def tiny() -> AutoencoderKL:
    torch.manual_seed(0)
    return AutoencoderKL(VAE_CONFIGS["tiny"]).eval().requires_grad_(False)


def load(state: dict[str, Tensor], num_groups: int | None = None) -> AutoencoderKL:
    state = normalise_keys(state)
    model = AutoencoderKL(infer_config(state, num_groups))
    model.load_state_dict(state, strict=True)
    return model.eval().requires_grad_(False)


def pixels(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def in_format(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """An LDM state under the names, and with the attention shapes, of another format."""
    config = infer_config(state)
    renamed = {}
    for key, value in state.items():
        linear = name != "ldm" and ".attn_1." in key and value.ndim == 4
        renamed[FORMATS[name].from_ldm(key, len(config.ch_mult))] = value[:, :, 0, 0] if linear else value
    return renamed


def meta_state(config: VAEConfig) -> dict[str, Tensor]:
    with torch.device("meta"):
        return dict(AutoencoderKL(config).state_dict())


def test_golden_vae(golden_state: dict[str, Tensor], golden: dict[str, Tensor], golden_groups: int | None) -> None:
    model = load(golden_state, golden_groups)
    posterior = model.encode(golden["pixels"])
    torch.testing.assert_close(posterior.mean, golden["mean"], atol=1e-4, rtol=0)
    torch.testing.assert_close(posterior.logvar, golden["logvar"], atol=1e-4, rtol=0)
    torch.testing.assert_close(model.decode(golden["mean"]), golden["decoded"], atol=1e-4, rtol=0)


def test_golden_config_is_read_from_the_shapes(golden_state: dict[str, Tensor]) -> None:
    with safe_open(GOLDEN / "vae_tiny_golden.safetensors", "pt") as file:
        metadata = file.metadata() or {}
    if not {"block_out_channels", "layers_per_block"} <= set(metadata):
        pytest.skip("this golden file does not state its configuration")
    config = infer_config(normalise_keys(golden_state))
    assert [config.ch * mult for mult in config.ch_mult] == [int(c) for c in metadata["block_out_channels"].split(",")]
    assert config.num_res_blocks == int(metadata["layers_per_block"])


@pytest.mark.parametrize("prefix", ["", "first_stage_model.", "vae."])
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_golden_state_gives_the_same_result_in_every_format(
    name: str,
    prefix: str,
    golden_state: dict[str, Tensor],
    golden: dict[str, Tensor],
    golden_groups: int | None,
) -> None:
    reference = load(golden_state, golden_groups)
    state = in_format(normalise_keys(golden_state), name)
    model = load({prefix + key: value for key, value in state.items()}, golden_groups)
    assert all(torch.equal(model.state_dict()[key], value) for key, value in reference.state_dict().items())
    assert torch.equal(model.encode(golden["pixels"]).mean, reference.encode(golden["pixels"]).mean)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_renames_are_injective_and_total(name: str) -> None:
    renames = FORMATS[name].renames
    for side in zip(*renames, strict=True):
        assert len(set(side)) == len(renames)
    keys = list(meta_state(VAE_CONFIGS["sd"]))
    levels = len(VAE_CONFIGS["sd"].ch_mult)
    foreign = [FORMATS[name].from_ldm(key, levels) for key in keys]
    assert len(set(foreign)) == len(keys)
    assert [FORMATS[name].to_ldm(key, levels) for key in foreign] == keys


def test_diffusers_names_are_those_of_published_files() -> None:
    """A few names spelled out, so that a table that is merely consistent with itself does not pass."""
    new = set(in_format(meta_state(VAE_CONFIGS["sd"]), "diffusers"))
    old = set(in_format(meta_state(VAE_CONFIGS["sd"]), "diffusers-old"))
    shared = {
        "encoder.down_blocks.1.resnets.0.conv_shortcut.weight",
        "encoder.down_blocks.2.downsamplers.0.conv.bias",
        "decoder.up_blocks.2.resnets.0.conv_shortcut.weight",  # 512 to 256, one above the full resolution
        "decoder.up_blocks.0.resnets.2.norm2.weight",
        "decoder.up_blocks.0.upsamplers.0.conv.weight",
        "encoder.mid_block.attentions.0.group_norm.weight",
        "decoder.mid_block.resnets.1.conv2.weight",
        "decoder.conv_norm_out.weight",
        "quant_conv.weight",
    }
    assert shared <= new & old
    assert {f"encoder.mid_block.attentions.0.{part}.weight" for part in ("to_q", "to_k", "to_v", "to_out.0")} <= new
    assert {f"encoder.mid_block.attentions.0.{part}.bias" for part in ("query", "key", "value", "proj_attn")} <= old
    assert "decoder.up_blocks.3.upsamplers.0.conv.weight" not in new


def test_sd_size_is_pinned() -> None:
    state = meta_state(VAE_CONFIGS["sd"])
    assert len(state) == 248
    assert sum(value.numel() for value in state.values()) == 83_653_863
    assert tuple(state["decoder.up.1.block.0.nin_shortcut.weight"].shape) == (256, 512, 1, 1)
    assert tuple(state["encoder.mid.attn_1.q.weight"].shape) == (512, 512, 1, 1)


@pytest.mark.parametrize("name", sorted(VAE_CONFIGS))
def test_config_is_recovered_from_the_state(name: str) -> None:
    assert infer_config(meta_state(VAE_CONFIGS[name])) == VAE_CONFIGS[name]


def test_shipped_config_fits_comfyui() -> None:
    """ComfyUI's own VAE class can only host 32 groups."""
    config = VAE_CONFIGS["small"]
    assert config.num_groups == 32
    assert not any(config.ch * mult % 32 for mult in (1, *config.ch_mult))


def test_harmless_keys_are_dropped_and_others_refused(tiny: AutoencoderKL) -> None:
    state = dict(tiny.state_dict())
    extras = {"loss.logvar": torch.zeros(()), "model_ema.decay": torch.zeros(())}
    assert normalise_keys({**state, **extras}).keys() == state.keys()
    with pytest.raises(ValueError, match=r"unexpected keys encoder\.extra\.weight"):
        normalise_keys({**state, "encoder.extra.weight": torch.zeros(1)})


def test_other_networks_beside_a_prefixed_vae_are_ignored(tiny: AutoencoderKL) -> None:
    state = {f"first_stage_model.{key}": value for key, value in tiny.state_dict().items()}
    state["model.diffusion_model.out.2.bias"] = torch.zeros(4)
    assert normalise_keys(state).keys() == tiny.state_dict().keys()


def test_foreign_and_damaged_files_are_named(tiny: AutoencoderKL) -> None:
    with pytest.raises(ValueError, match=r"missing keys encoder\.conv_in\.weight; unexpected keys pos_embed"):
        normalise_keys({"pos_embed": torch.zeros(1), "x_embedder.proj.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="unexpected keys none"):
        normalise_keys({})
    state = dict(tiny.state_dict())
    with pytest.raises(ValueError, match=r"missing keys quant_conv\.bias; unexpected keys none"):
        normalise_keys({key: value for key, value in state.items() if key != "quant_conv.bias"})
    with pytest.raises(ValueError, match=r"missing keys decoder\.conv_in\.weight"):
        normalise_keys({key: value for key, value in state.items() if not key.startswith("decoder.")})
    with pytest.raises(ValueError, match=r"quant_conv\.bias has shape \(3,\), expected \(8,\)"):
        normalise_keys({**state, "quant_conv.bias": torch.zeros(3)})
    with pytest.raises(ValueError, match="num_groups"):
        infer_config(state, num_groups=5)


@pytest.mark.parametrize("chunk", [1, 4, 5, 100])
def test_video_is_independent_of_the_chunk_size(tiny: AutoencoderKL, chunk: int) -> None:
    clips = pixels(2, 5, 3, 16, 24)
    latents = tiny.encode_video(clips, chunk=chunk)
    assert latents.shape == (2, 5, 4, 2, 3)
    for b in range(2):
        torch.testing.assert_close(latents[b], tiny.encode(clips[b]).mean, atol=1e-5, rtol=0)
    decoded = tiny.decode_video(latents, chunk=chunk)
    for b in range(2):
        torch.testing.assert_close(decoded[b], tiny.decode(latents[b]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(20, 16), (16, 63), (4, 8)])
def test_pixel_size_must_fit(tiny: AutoencoderKL, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"{size[0]}x{size[1]}.*multiples of 8.*resize or crop"):
        tiny.encode(pixels(1, 3, *size))


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

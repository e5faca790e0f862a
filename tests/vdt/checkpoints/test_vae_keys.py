"""The key formats of autoencoder files found in the wild, against names spelled out and recorded weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from vdt.checkpoints.vae_keys import KEY_FORMATS, PREFIXES, infer_vae_config, normalise_keys
from vdt.config import VAE_CONFIGS, VAEConfig
from vdt.models.autoencoder import AutoencoderKL

GOLDEN = Path(__file__).parents[2] / "golden"
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
    model = AutoencoderKL(infer_vae_config(state, num_groups))
    model.load_state_dict(state, strict=True)
    return model.eval().requires_grad_(False)


def in_format(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """An LDM state under the names, and with the attention shapes, of another format."""
    config = infer_vae_config(state)
    renamed = {}
    for key, value in state.items():
        linear = name != "ldm" and ".attn_1." in key and value.ndim == 4
        renamed[FORMATS[name].from_ldm(key, len(config.ch_mult))] = value[:, :, 0, 0] if linear else value
    return renamed


def meta_state(config: VAEConfig) -> dict[str, Tensor]:
    with torch.device("meta"):
        return dict(AutoencoderKL(config).state_dict())


def test_golden_config_is_read_from_the_shapes(golden_state: dict[str, Tensor]) -> None:
    with safe_open(GOLDEN / "vae_tiny_golden.safetensors", "pt") as file:
        metadata = file.metadata() or {}
    if not {"block_out_channels", "layers_per_block"} <= set(metadata):
        pytest.skip("this golden file does not state its configuration")
    config = infer_vae_config(normalise_keys(golden_state))
    assert [config.ch * mult for mult in config.ch_mult] == [int(c) for c in metadata["block_out_channels"].split(",")]
    assert config.num_res_blocks == int(metadata["layers_per_block"])


def test_golden_state_gives_the_same_result_in_every_format(
    golden_state: dict[str, Tensor], golden: dict[str, Tensor], golden_groups: int | None
) -> None:
    reference = load(golden_state, golden_groups)
    mean = reference.encode(golden["pixels"]).mean
    for name in FORMATS:
        state = in_format(normalise_keys(golden_state), name)
        for prefix in ("", *PREFIXES):
            model = load({prefix + key: value for key, value in state.items()}, golden_groups)
            own = model.state_dict()
            wrong = [key for key, value in reference.state_dict().items() if not torch.equal(own[key], value)]
            assert wrong == [] and torch.equal(model.encode(golden["pixels"]).mean, mean), (name, prefix)


def test_renames_are_injective_and_total() -> None:
    keys, levels = list(meta_state(VAE_CONFIGS["sd"])), len(VAE_CONFIGS["sd"].ch_mult)
    for name, key_format in FORMATS.items():
        for side in zip(*key_format.renames, strict=True):
            assert len(set(side)) == len(key_format.renames), name
        foreign = [key_format.from_ldm(key, levels) for key in keys]
        assert len(set(foreign)) == len(keys), name
        assert [key_format.to_ldm(key, levels) for key in foreign] == keys, name


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


def test_config_is_recovered_from_the_state() -> None:
    assert {name: infer_vae_config(meta_state(config)) for name, config in VAE_CONFIGS.items()} == VAE_CONFIGS


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
        infer_vae_config(state, num_groups=5)

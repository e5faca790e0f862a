"""Configurations as JSON: what was written is read, today's and that of version 0.1, and what is wrong is named."""

import dataclasses
import json

import pytest

from vdt.config import VAE_CONFIGS, VDT_CONFIGS, DiffusionConfig, MaskSpec, VAEConfig, VDTConfig

TINY = VDT_CONFIGS["VDT-Tiny/2"]


def version_0_1(config: VDTConfig, *, mask_embed: bool) -> str:
    """The JSON of a file of version 0.1, which had one way of conditioning and a switch beside it."""
    values = {**config.to_dict(), "conditioning": "mask", "mask_embed": mask_embed}
    return json.dumps(values)


def test_every_configuration_survives_a_round_trip():
    for configs in (VDT_CONFIGS, VAE_CONFIGS):
        wrong = [name for name, config in configs.items() if type(config).from_json(config.to_json()) != config]
        assert wrong == []
    per_channel = DiffusionConfig(latent_scale=(1.0, 2.0, 0.1, -3.0), latent_shift=(0.5, -1.0, 0.0, 2.0))
    changed = dataclasses.replace(TINY, diffusion=per_channel)
    assert VDTConfig.from_json(changed.to_json()) == changed


def test_conditioning_is_a_list_of_records_that_name_their_kind():
    assert TINY.to_dict()["conditioning"] == [{"kind": "mask", "embed": False}]
    assert VDT_CONFIGS["VDT-XS/2"].to_dict()["conditioning"] == [{"kind": "mask", "embed": True}]


def test_files_of_version_0_1_are_read():
    for mask_embed in (False, True):
        expected = dataclasses.replace(TINY, conditioning=(MaskSpec(embed=mask_embed),))
        assert VDTConfig.from_json(version_0_1(TINY, mask_embed=mask_embed)) == expected


def test_recipes_may_name_a_kind_or_only_the_switch():
    sizes = {"hidden_size": 64, "depth": 2, "num_heads": 4}
    masked = (MaskSpec(embed=True),)
    for values, expected in (
        ({}, (MaskSpec(),)),
        ({"conditioning": "mask"}, (MaskSpec(),)),
        ({"conditioning": ["mask"]}, (MaskSpec(),)),
        ({"conditioning": []}, ()),
        ({"conditioning": masked}, masked),
        ({"conditioning": [{"kind": "mask", "embed": True}]}, masked),
        ({"mask_embed": True}, masked),
        ({"mask_embed": False, "conditioning": masked}, (MaskSpec(),)),
    ):
        assert VDTConfig.from_dict({**sizes, **values}).conditioning == expected, values


def test_what_does_not_fit_is_named():
    sizes = {"hidden_size": 64, "depth": 2, "num_heads": 4}
    for config, values, words in (
        (VDTConfig, {**sizes, "rope": True}, r"VDTConfig got unknown fields \['rope'\].*update vdt"),
        (VDTConfig, {**sizes, "conditioning": "text"}, "conditioning 'text' is unknown to this version.*mask"),
        (VDTConfig, {**sizes, "conditioning": [{"kind": "text"}]}, "conditioning 'text' is unknown"),
        (VDTConfig, {**sizes, "conditioning": [{"embed": True}]}, "conditioning None is unknown"),
        (VDTConfig, {**sizes, "conditioning": [{"kind": "mask", "depth": 1}]}, "MaskSpec got unknown fields"),
        (VDTConfig, {**sizes, "num_heads": 5}, "hidden_size 64 must be a multiple of num_heads 5"),
        (VDTConfig, {**sizes, "input_size": 9}, "input_size 9 must be a multiple of patch_size 2"),
        (VDTConfig, {**sizes, "attention": "rope"}, "attention 'rope' is unknown.*factorized"),
        (VDTConfig, {**sizes, "diffusion": {"prediction": "x0"}}, "prediction must be 'epsilon' or 'v', got 'x0'"),
        (DiffusionConfig, {"beta_start": 0.5}, "0 < beta_start < beta_end < 1, got 0.5 and 0.02"),
        (DiffusionConfig, {"zero_terminal_snr": True}, "zero_terminal_snr needs prediction='v'"),
        (VAEConfig, {"ch": 48, "num_groups": 32}, "multiple of num_groups 32"),
    ):
        with pytest.raises(ValueError, match=words):
            config.from_dict(values)


def test_derived_numbers():
    assert TINY.out_channels == 8 and dataclasses.replace(TINY, learn_sigma=False).out_channels == 4
    assert {name: config.downscale for name, config in VAE_CONFIGS.items()} == {"sd": 8, "small": 8, "tiny": 8}

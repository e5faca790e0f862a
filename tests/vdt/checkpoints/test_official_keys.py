"""What the names and shapes of official weights tell."""

import dataclasses

import torch

from vdt.checkpoints.official_keys import architecture_name, infer_vdt_config
from vdt.config import VDT_CONFIGS
from vdt.models import VDT


def test_the_configuration_is_read_from_the_shapes():
    """Official sizes need no --num-heads, and the native size of a file is not part of its name."""
    for name in ("VDT-S/2", "VDT-L/2"):
        known = dataclasses.replace(VDT_CONFIGS[name], num_frames=12, input_size=16)
        with torch.device("meta"):
            state = VDT(known).state_dict()
        assert infer_vdt_config(state) == known
        assert architecture_name(known) == name
        assert architecture_name(dataclasses.replace(known, depth=5)) == "custom"


def test_every_named_configuration_has_its_name():
    assert {name: architecture_name(config) for name, config in VDT_CONFIGS.items()} == {n: n for n in VDT_CONFIGS}

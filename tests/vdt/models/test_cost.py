"""Costs: parameters and operations of the paper's models, and of every scheme, without allocating them."""

import dataclasses

import pytest
import torch

from vdt.benchmarks.limits import forward_flops
from vdt.config import ATTENTIONS, VDT_CONFIGS, AdaLNSpec, CrossAttentionSpec, TokenConcatSpec
from vdt.models import VDT
from vdt.models.cost import count_cost


def test_the_papers_models_have_their_published_sizes():
    # Parameters counted from the released code, and multiplications by formula: 17 D^2 + 2 N D + 2 T D a token, block.
    for name, millions in (("VDT-L/2", 859.7), ("VDT-S/2", 41.4)):
        config = VDT_CONFIGS[name]
        cost = count_cost(config)
        assert cost.parameters / 1e6 == pytest.approx(millions, abs=0.05)
        d, patches, frames = config.hidden_size, (config.input_size // 2) ** 2, config.num_frames
        tokens = patches * frames * config.depth
        assert cost.flops / 2 == pytest.approx(tokens * (17 * d * d + 2 * (patches + frames) * d), rel=0.01)
    assert cost.describe() == "41.4 M parameters, 267.1 GFLOPs a pass"


def test_counted_and_computed_operations_agree():
    for name in ("VDT-XS/2", "VDT-S/2"):
        config = VDT_CONFIGS[name]
        side = config.input_size
        computed = forward_flops(config, batch=1, num_frames=config.num_frames, height=side, width=side)
        assert count_cost(config).flops == pytest.approx(computed, rel=1e-3)


def test_every_scheme_and_attention_can_be_counted():
    base = VDT_CONFIGS["VDT-Tiny/2"]
    for spec in (AdaLNSpec(), CrossAttentionSpec(), TokenConcatSpec(), CrossAttentionSpec(source="text", width=12)):
        for attention in ATTENTIONS:
            config = dataclasses.replace(base, conditioning=(spec,), attention=attention)
            cost = count_cost(config)
            assert cost.parameters == sum(value.numel() for value in VDT(config, torch.Generator()).parameters())
            assert count_cost(config, frames=2 * base.num_frames).flops > 1.9 * cost.flops

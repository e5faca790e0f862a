"""What a network is told beside the clip: the record, the mask's conditioner, and the four hooks of any other."""

import dataclasses
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from vdt.config import VDT_CONFIGS, MaskSpec
from vdt.models import VDT, Conditioning
from vdt.models.conditioning import Conditioner, Context, MaskConditioner, build_conditioners, registry

TINY = VDT_CONFIGS["VDT-Tiny/2"]
MASKED = dataclasses.replace(TINY, conditioning=(MaskSpec(embed=True),))


def latents(*shape, seed=3):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# ---- The record ------------------------------------------------------------------------------------------------------


def test_a_part_of_the_picture_has_that_part_of_the_mask():
    mask = latents(2, 3, 4, 6) > 0
    cut = Conditioning(mask=mask).crop(lambda x: x[..., 1:3, 2:])
    assert torch.equal(cut.mask, mask[:, :, 1:3, 2:])
    assert Conditioning().crop(lambda x: x[..., 1:3, 2:]).mask is None


def test_several_passes_are_one_batch_in_their_order():
    masks = [latents(2, 3, 4, 6, seed=seed) > 0 for seed in range(3)]
    together = Conditioning.cat([Conditioning(mask=mask) for mask in masks])
    assert torch.equal(together.mask, torch.cat(masks))
    alone = Conditioning(mask=masks[0])
    assert Conditioning.cat([alone]) is alone
    assert Conditioning.cat([Conditioning(), Conditioning()]).mask is None
    with pytest.raises(AssertionError, match="some of these passes have the field mask, some not"):
        Conditioning.cat([Conditioning(), alone])


def test_no_mask_means_that_everything_is_generated():
    x, mask = latents(2, 3, 4, 5, 6), latents(2, 3, 5, 6) > 0
    everything = Conditioning().mask_or_all(x)
    assert everything.dtype == torch.bool and everything.shape == (2, 3, 5, 6) and everything.all()
    assert Conditioning(mask=mask).mask_or_all(x) is mask


def test_the_record_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Conditioning().mask = torch.ones(1)


# ---- The mask --------------------------------------------------------------------------------------------------------


def test_a_mask_is_read_per_frame_and_none_means_all_generate():
    model = VDT(MASKED)
    nn.init.normal_(model.mask_embedder.proj.weight, generator=torch.Generator().manual_seed(0))
    x, mask = latents(1, 6, 4, 8, 8), torch.ones(1, 6, 8, 8, dtype=torch.bool)
    assert torch.equal(model.embed(x), model.embed(x, Conditioning(mask=mask)))
    mask[:, 2] = False
    changed = (model.embed(x, Conditioning(mask=mask)) != model.embed(x)).any(dim=-1)  # (B, T, N)
    assert changed[:, 2].all() and changed.sum() == changed[:, 2].sum()


def test_a_mask_of_another_size_is_named():
    with pytest.raises(ValueError, match=r"expected a mask .* = \(1, 6, 8, 8\), got \(1, 6, 4, 8\)"):
        VDT(MASKED)(latents(1, 6, 4, 8, 8), torch.tensor([0]), Conditioning(mask=torch.ones(1, 6, 4, 8) > 0))


def test_without_an_embedding_the_mask_adds_no_parameter_and_changes_nothing(tiny_model):
    (conditioner,) = tiny_model.conditioners
    assert isinstance(conditioner, MaskConditioner) and not list(conditioner.parameters())
    x, t = latents(1, 6, 4, 8, 8), torch.tensor([300])
    with torch.no_grad():
        told = tiny_model(x, t, Conditioning(mask=latents(1, 6, 8, 8) > 0))
        assert torch.equal(told, tiny_model(x, t))


# ---- Other conditioners ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ToySpec(MaskSpec):
    kind = "toy"
    reference: bool = False  # append a frame that the network sees and does not return
    strength: float = 0.0  # of a vector added to the time condition


class Toy(Conditioner):
    module_name = "toy"

    def __init__(self, spec, config):
        super().__init__()
        self.spec = spec
        self.scale = nn.Parameter(torch.zeros(config.hidden_size))
        self.initialised = False

    def tokens(self, tokens, conditioning):
        extra = tokens.mean(dim=1, keepdim=True)
        return torch.cat([tokens, extra], dim=1) if self.spec.reference else tokens

    def strip(self, tokens):
        return tokens[:, :-1] if self.spec.reference else tokens

    def vector(self, conditioning):
        return (self.spec.strength + self.scale)[None, None, None]

    def context(self, conditioning):
        return Context(torch.full((1, 2, len(self.scale)), self.spec.strength), torch.ones(1, 2, dtype=torch.bool))

    def initialise(self, generator=None):
        self.initialised = True


@pytest.fixture
def toy(monkeypatch, tiny_model):
    """A model with the tiny one's weights and a conditioner of another kind behind the mask's."""
    monkeypatch.setitem(registry.BUILDERS, ToySpec, Toy)

    def make(**spec):
        model = VDT(dataclasses.replace(TINY, conditioning=(MaskSpec(), ToySpec(**spec)))).eval()
        model.load_state_dict(tiny_model.state_dict(), strict=False)
        return model

    return make


def test_conditioners_are_built_in_the_order_of_the_configuration(toy):
    model = toy()
    assert [type(conditioner) for conditioner in model.conditioners] == [MaskConditioner, Toy]
    assert [type(conditioner) for conditioner in build_conditioners(model.config)] == [MaskConditioner, Toy]
    assert model.toy.initialised and "toy.scale" in model.state_dict()


@torch.no_grad()
def test_each_hook_reaches_the_forward_pass(toy, tiny_model):
    x, t = latents(2, 6, 4, 8, 8), torch.tensor([10, 700])
    plain = tiny_model(x, t)
    assert torch.equal(toy()(x, t), plain)
    told = toy(strength=0.5)
    torch.testing.assert_close(told.time_condition(t), tiny_model.time_condition(t) + 0.5)
    assert torch.equal(told.context(Conditioning()).tokens, torch.full((1, 2, TINY.hidden_size), 0.5))
    assert not torch.allclose(told(x, t), plain)
    appended = toy(reference=True)
    assert appended.embed(x).shape == (2, 7, 16, TINY.hidden_size)
    assert appended(x, t).shape == plain.shape and not torch.allclose(appended(x, t), plain)


@torch.no_grad()
def test_a_conditioner_does_nothing_unless_it_says_so(tiny_model):
    base, tokens, told = Conditioner(), latents(1, 2, 3, 4), Conditioning()
    assert base.tokens(tokens, told) is tokens and base.strip(tokens) is tokens
    assert base.vector(told) is None and base.context(told) is None and base.check(tokens, told) is None
    base.initialise()
    assert tiny_model.context(told) is None

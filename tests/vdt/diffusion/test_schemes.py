"""The conditioning schemes of the paper, and text: one loss, one sampler, one model each."""

import dataclasses

import pytest
import torch

from vdt.config import (
    ATTENTIONS,
    VDT_CONFIGS,
    AdaLNSpec,
    CrossAttentionSpec,
    MaskSpec,
    TokenConcatSpec,
    VDTConfig,
)
from vdt.diffusion import SamplingConfig, Schedule, make_given, masked_hybrid_loss, sample_latents
from vdt.models import VDT, Conditioning
from vdt.text import Text

FRAME_SCHEMES = {
    "mask": (MaskSpec(),),
    "adaln": (AdaLNSpec(),),
    "cross_attention": (CrossAttentionSpec(),),
    "token_concat": (TokenConcatSpec(),),
}
TEXT = (MaskSpec(embed=True), CrossAttentionSpec(source="text", width=12))
SAMPLING = SamplingConfig(steps=2)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def model_of(specs, attention="factorized", seed=0):
    """A tiny model whose every weight is drawn, so that no branch is closed."""
    config = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], conditioning=specs, attention=attention)
    model, generator = VDT(config, seeded(seed)), seeded(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def clip_and_mask(given=(0, 1), batch=2, frames=6):
    clean = torch.randn(batch, frames, 4, 8, 8, generator=seeded(3))
    mask = torch.ones(batch, frames, 8, 8, dtype=torch.bool)
    mask[:, list(given)] = False
    return clean, mask


@pytest.mark.parametrize("scheme", FRAME_SCHEMES)
def test_every_scheme_learns_from_its_frames_and_keeps_them(scheme):
    specs = FRAME_SCHEMES[scheme]
    for attention in ATTENTIONS:
        model = model_of(specs, attention)
        assert VDTConfig.from_json(model.config.to_json()) == model.config
        for given in ((), (0,), (0, 1, 5)):  # any number of conditioning frames, at any places
            clean, mask = clip_and_mask(given)
            made = sample_latents(model, clean, mask, generator=seeded(4), sampling=SAMPLING)
            assert torch.isfinite(made).all() and torch.equal(made[:, list(given)], clean[:, list(given)])
        clean, mask = clip_and_mask()
        loss = masked_hybrid_loss(
            model,
            clean,
            make_given(specs, clean, mask),
            torch.tensor([100, 900]),
            torch.randn(clean.shape, generator=seeded(5)),
            Schedule.from_config(model.config.diffusion),
        )
        loss.total.sum().backward()
        own = [name for name in model._conditioner_names for _ in getattr(model, name).parameters()]
        grads = [p.grad for name in set(own) for p in getattr(model, name).parameters()]
        assert all(grad is not None and bool((grad != 0).any()) for grad in grads), (attention, own)


def test_what_is_given_changes_what_is_made_and_what_is_not_given_does_not():
    for name, specs in FRAME_SCHEMES.items():
        model = model_of(specs)
        clean, mask = clip_and_mask()
        made = sample_latents(model, clean, mask, generator=seeded(4), sampling=SAMPLING)
        hidden = torch.where(mask.unsqueeze(2), torch.full_like(clean, 7.0), clean)
        assert torch.equal(made, sample_latents(model, hidden, mask, generator=seeded(4), sampling=SAMPLING)), name
        other = clean.clone()
        other[:, 0] += 1
        changed = sample_latents(model, other, mask, generator=seeded(4), sampling=SAMPLING)
        assert not torch.allclose(made[:, 2:], changed[:, 2:]), name


def test_frames_given_in_part_are_hidden_from_schemes_of_whole_frames():
    clean, mask = clip_and_mask(given=(0,))
    mask[:, 3, :4] = False
    for specs in (FRAME_SCHEMES["adaln"], FRAME_SCHEMES["cross_attention"], FRAME_SCHEMES["token_concat"]):
        x, conditioning = make_given(specs, clean, mask).inputs(torch.zeros_like(clean), 0)
        assert bool(conditioning.mask[:, 3].all()) and not conditioning.mask[:, 0].any()
        if conditioning.frames is not None:
            assert torch.equal(conditioning.frames[:, 0], clean[:, 0]) and not conditioning.frames[:, 1:].any()
        assert not x[:, 3].any()


def test_a_new_model_does_not_read_its_conditioner_yet():
    clean, mask = clip_and_mask()
    x, t = torch.randn(clean.shape, generator=seeded(6)), torch.tensor([10, 700])
    for specs in (FRAME_SCHEMES["adaln"], FRAME_SCHEMES["cross_attention"]):
        config = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], conditioning=specs)
        model = VDT(config, seeded(1))
        with torch.no_grad():
            model.final_layer.linear.weight.normal_(generator=seeded(2))
        frames = torch.where(mask.unsqueeze(2), 0, clean)
        answers = [model(x, t, Conditioning(mask=mask, frames=scale * frames)) for scale in (0.0, 1.0)]
        assert torch.equal(*answers)


def test_no_text_is_the_model_without_it_bit_for_bit():
    worded = model_of(TEXT)
    plain = VDT(dataclasses.replace(worded.config, conditioning=TEXT[:1])).eval()
    plain.load_state_dict({k: v for k, v in worded.state_dict().items() if "cross" not in k and "text" not in k})
    clean, mask = clip_and_mask()
    made = [sample_latents(model, clean, mask, generator=seeded(4), sampling=SAMPLING) for model in (worded, plain)]
    assert torch.equal(*made)


def test_a_text_changes_the_clip_and_its_guidance_is_linear():
    model = model_of(TEXT)
    clean, mask = clip_and_mask()
    text = Text(torch.randn(1, 5, 12, generator=seeded(7)))
    padded = Text(
        torch.cat([text.embeddings, torch.full((1, 3, 12), 9.0)], 1), torch.tensor([[True] * 5 + [False] * 3])
    )

    def made(text, guidance=1.0):
        sampling = SamplingConfig(steps=1, guidance=1.0, text_guidance=guidance)
        return sample_latents(model, clean, mask, generator=seeded(4), sampling=sampling, text=text)

    assert not torch.allclose(made(text), made(None))
    size = float(made(text).abs().max())
    assert torch.allclose(made(text), made(padded), atol=1e-5 * size)  # padding is not read
    none = made(Text(text.embeddings, torch.zeros(1, 5, dtype=torch.bool)))
    assert torch.allclose(none, made(None), atol=1e-5 * size)  # no word is no text, whatever was learned
    assert torch.allclose(made(text, 0.0), none, atol=1e-5 * size)
    assert torch.allclose(made(text, 3.0) - none, 3 * (made(text) - none), atol=1e-4 * size)
    with pytest.raises(ValueError, match="use the encoder"):
        made(Text(torch.zeros(1, 5, 7)))

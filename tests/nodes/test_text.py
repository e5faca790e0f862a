"""Text in nodes: words and stock embeddings, through our samplers and as stock samplers call the model."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from vdt.config import VDT_CONFIGS, CrossAttentionSpec, MaskSpec
from vdt.inference.rollout import extension_mask, generate_latents, pad_frames
from vdt.inference.settings import SamplingConfig
from vdt.models import VDT, Conditioning
from vdt.text import Text, WordEncoder

WORDS = CrossAttentionSpec(source="text", width=WordEncoder.width, encoder="words")
CLIP = CrossAttentionSpec(source="text", width=24)
SENTENCE = "The red ball hits the blue cylinder."
GUIDED = SamplingConfig.named("ddim", steps=2, guidance=2.0, text_guidance=3.0)


def reader(spec):
    """A tiny model that reads text, every weight drawn."""
    config = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], conditioning=(MaskSpec(embed=True), spec))
    model, generator = VDT(config), torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        size = 0.1 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        parameter.data = parameter.data + size * torch.randn(parameter.shape, generator=generator)
    return model.eval()


@pytest.fixture(scope="module")
def networks():
    return {"words": reader(WORDS), "clip": reader(CLIP)}


@pytest.fixture
def load(folders, pack, networks):
    """MODEL of one of these networks, as VDT Load Model gives it."""
    from vdt.checkpoints import save_model

    def load(name):
        save_model(networks[name], networks[name].config, folders.models / "vdt" / f"{name}.safetensors")
        return pack("nodes.loaders").VDTLoadModel.execute(f"{name}.safetensors", "auto").result[0]

    return load


@pytest.fixture
def words(load):
    return load("words")


@pytest.fixture
def latent():
    samples = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(6, 1, 64, 64)
    mask[:2] = 0
    return {"samples": samples, "noise_mask": mask}


def cells():
    mask = torch.ones(6, 8, 8, dtype=torch.bool)
    mask[:2] = False
    return mask


@pytest.fixture
def sample(pack, latent):
    def sample(model, text=None, **changes):
        options = {"seed": 7, "steps": 2, "sampler": "ddim", "guidance": 2.0, "text_guidance": 3.0, **changes}
        return pack("nodes.sampler").VDTSampler.execute(model, latent, text=text, **options).result[0]["samples"]

    return sample


@pytest.fixture
def encode(pack):
    return lambda model, text: pack("nodes.text").VDTTextEncode.execute(model, text).result[0]


def embeddings(length=5, seed=3, batch=1):
    """What CLIP Text Encode of a small encoder would give."""
    return torch.randn(batch, length, CLIP.width, generator=torch.Generator().manual_seed(seed))


def near(a, b, bound=1e-4):
    """Whether two clips differ by no more than this, in units of the spread of the second."""
    return float((a - b).abs().max() / b.std()) < bound


# ---- Our samplers ----------------------------------------------------------------------------------------------------


def test_sampling_with_words_is_the_librarys(sample, encode, words, networks, latent):
    made = sample(words, encode(words, SENTENCE))
    raw = latent["samples"][None]
    text = Text.of_words(SENTENCE)
    assert torch.equal(
        made, generate_latents(networks["words"], raw, cells(), seeds=[7], sampling=GUIDED, text=text)[0]
    )
    plain = generate_latents(networks["words"], raw, cells(), seeds=[7], sampling=GUIDED)[0]
    assert not torch.allclose(made, plain, atol=1e-3)


def test_no_text_is_bit_for_bit_the_model_without_one(pack, sample, encode, words, latent, monkeypatch):
    plain = sample(words, text_guidance=1.0)
    zeroed = [[torch.zeros_like(encode(words, SENTENCE)[0][0]), {}]]  # what ConditioningZeroOut makes
    own = pack("nodes.loaders").VDTConditioning.execute().result[0]
    for nothing in (None, [], encode(words, ""), encode(words, " \n "), zeroed, own):
        assert torch.equal(sample(words, nothing), plain)
    counted = []
    network = pack("nodes.host.native").network_of(words)
    monkeypatch.setattr(network.vdt, "forward", count_clips(network.vdt, counted))
    sample(words, encode(words, ""), guidance=1.0)
    assert counted == [1, 1]
    sample(words, encode(words, SENTENCE), guidance=1.0)
    assert counted[2:] == [2, 2]


def count_clips(model, counted):
    forward = model.forward

    def counting(x, *others):
        counted.append(len(x))
        return forward(x, *others)

    return counting


def test_going_on_with_a_clip_reads_text_too(pack, encode, words, networks, latent):
    settings = {"frames": 3, "direction": "after", "seed": 1, "steps": 2, "sampler": "ddim", "guidance": 2.0}
    extend = pack("nodes.sampler").VDTExtend
    made = extend.execute(words, latent, **settings, text=encode(words, SENTENCE), text_guidance=3.0).result[0]
    expected = generate_latents(
        networks["words"],
        pad_frames(latent["samples"], 3)[None],
        extension_mask(9, 3, 8, 8),
        seeds=[1],
        sampling=GUIDED,
        pad_short_clips=True,
        text=Text.of_words(SENTENCE),
    )
    assert torch.equal(made["samples"], expected[0])
    plain = extend.execute(words, latent, **settings).result[0]["samples"]
    assert torch.equal(extend.execute(words, latent, **settings, text=encode(words, "")).result[0]["samples"], plain)
    assert not torch.equal(made["samples"], plain)


def test_stock_embeddings_are_read_and_padding_is_not(sample, load, networks, latent):
    model, tokens = load("clip"), embeddings()
    made = sample(model, [[tokens, {"pooled_output": torch.zeros(1, 24)}]])
    expected = generate_latents(
        networks["clip"], latent["samples"][None], cells(), seeds=[7], sampling=GUIDED, text=Text(tokens)
    )
    assert torch.equal(made, expected[0])
    padded = torch.cat([tokens, torch.zeros(1, 3, 24)], dim=1)
    assert near(sample(model, [[padded, {}]]), made)
    longer = torch.cat([tokens, embeddings(3, seed=9)], dim=1)
    counts = torch.tensor([[1] * 5 + [0] * 3])  # as encoders of the T5 kind say it
    assert near(sample(model, [[longer, {"attention_mask": counts}]]), made)
    assert near(sample(model, [[tokens.half(), {}]]), made, 0.02) and not near(sample(model), made, 0.02)
    nothing = [[torch.zeros(1, 5, 24), {}]]
    assert torch.equal(sample(model, [*nothing, [tokens, {}]]), made)  # combined with a conditioning without text


def test_each_clip_of_a_batch_may_have_a_text_of_its_own(sample, load):
    model, both = load("clip"), embeddings(batch=2)
    made = sample(model, [[both, {}]], batch=2)
    for number, clip in enumerate(made.split(6)):
        assert torch.equal(clip, sample(model, [[both[number : number + 1], {}]], seed=7 + number))


def test_what_cannot_be_read_gets_one_sentence(pack, sample, encode, words, load, models):
    clip = load("clip")
    for run, message in (
        (lambda: sample(words, [[embeddings(), {}]]), "VDT Sampler: got a text of width 24, the model reads width 192"),
        (lambda: sample(models[0], [[embeddings(), {}]]), "VDT Sampler: this model reads no text: leave the text out"),
        (lambda: sample(clip, [[embeddings(), {}]] * 2), r"2 combined conditionings, .*Conditioning \(Concat\)"),
        (lambda: sample(clip, [[embeddings(batch=3), {}]]), "got texts for 3 clips, expected one for all or one for"),
        (lambda: sample(clip, [[embeddings()[0], {}]]), r"a text has embeddings \(clips, length, width\), got"),
        (lambda: encode(clip, "a ball"), "VDT Text Encode: this model reads embeddings of width 24 of another encoder"),
        (lambda: encode(models[0], "a ball"), "VDT Text Encode: this model reads no text"),
        (lambda: encode(words, "红球"), "VDT Text Encode: got the text '红球' without a word of letters a to z"),
        (lambda: encode(SimpleNamespace(model=None), "a"), "VDT Text Encode: the model is NoneType, not a VDT"),
    ):
        with pytest.raises(ValueError, match=message):
            run()
    assert not bool(encode(models[0], "")[0][0].any())  # no text is read by every model
    assert torch.equal(sample(models[0], encode(models[0], "")), sample(models[0]))


# ---- Stock samplers --------------------------------------------------------------------------------------------------


def given():
    return cells()[:, None].float()


def test_a_pass_of_a_stock_sampler_reads_the_text(pack, words, networks, latent, encode):
    native = pack("nodes.host.native")
    network, x, t = native.network_of(words), latent["samples"], torch.full((6,), 500.0)
    settings = {"noise": x, "denoise_mask": given(), "prompt_type": "positive", "device": "cpu"}
    conds = words.model.extra_conds(cross_attn=encode(words, SENTENCE)[0][0], **settings)
    made = network(x, t, vdt_cells=given(), vdt_texts=conds["vdt_texts"].concat([]))
    text = Text.of_words(SENTENCE)
    with torch.no_grad():
        plain = networks["words"](x[None], t[:1], Conditioning(mask=cells()[None]))
        told = networks["words"](
            x[None], t[:1], Conditioning(mask=cells()[None], text=text.embeddings, text_mask=text.mask)
        )
    assert torch.allclose(made, told[0, :, :4], atol=1e-5) and not torch.allclose(told, plain, atol=1e-2)
    guided = network(x, t, vdt_cells=given(), vdt_texts=conds["vdt_texts"].cond, vdt_text_guidance=3.0)
    assert torch.allclose(guided, (plain + 3 * (told - plain))[0, :, :4], atol=1e-4)
    empty = words.model.extra_conds(cross_attn=torch.zeros(1, 1, 1), **settings)
    silent = network(x, t, vdt_cells=given(), vdt_texts=empty["vdt_texts"].cond, vdt_text_guidance=3.0)
    assert torch.equal(silent, network(x, t, vdt_cells=given()))


def test_passes_with_texts_of_any_length_are_one_batch(pack, words, latent, encode):
    native = pack("nodes.host.native")
    network, x, t = native.network_of(words), latent["samples"], torch.full((6,), 500.0)
    settings = {"noise": x, "prompt_type": "positive", "device": "cpu"}
    conds = [
        words.model.extra_conds(cross_attn=encode(words, text)[0][0], **settings)["vdt_texts"]
        for text in ("a red ball", "", SENTENCE)
    ]
    assert conds[0].can_concat(conds[1]) and conds[0].process_cond(batch_size=6, area=None) is conds[0]
    options = {"cond_or_uncond": [0, 1, 0]}
    together = network(
        x.repeat(3, 1, 1, 1), t.repeat(3), transformer_options=options, vdt_texts=conds[0].concat(conds[1:])
    )
    alone = [network(x, t, vdt_texts=cond.cond) for cond in conds]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)
    assert not torch.allclose(alone[0], alone[1], atol=1e-2)


def test_stock_samplers_refuse_embeddings_of_another_encoder(words, models, latent):
    settings = {"noise": latent["samples"], "prompt_type": "positive", "device": "cpu"}
    with pytest.raises(ValueError, match="got a text of width 24, the model reads width 192"):
        words.model.extra_conds(cross_attn=embeddings(), **settings)
    conds = models[0].model.extra_conds(cross_attn=embeddings(), **settings)  # KSampler cannot be left without one
    assert "vdt_texts" not in conds


def test_a_text_that_a_model_does_not_read_is_said_to_be_left_out(pack, models, words, caplog):
    remark = pack("nodes.host.stock")._remark
    prompt = {"positive": [{"cross_attn": embeddings()}], "negative": [{"cross_attn": torch.zeros(1, 1, 1)}]}
    remark(SimpleNamespace(model_patcher=models[0], cfg=1.0, conds=prompt), 6)
    assert "this model reads no text: what the prompts say is left out" in caplog.text
    caplog.clear()
    remark(SimpleNamespace(model_patcher=models[0], cfg=1.0, conds={"positive": prompt["negative"]}), 6)
    remark(SimpleNamespace(model_patcher=words, cfg=1.0, conds=prompt), 6)
    assert not caplog.records


def test_conditioning_brings_the_text_to_both_passes(pack, encode, words):
    native, node = pack("nodes.host.native"), pack("nodes.loaders").VDTConditioning
    text = [[encode(words, SENTENCE)[0][0], {"start_percent": 0.0, "end_percent": 0.5}]]
    for sees, ((tensor, settings),) in zip((True, False), node.execute(2, text, 3.0).result, strict=True):
        assert tensor is text[0][0] and settings[native.GIVEN_KEY] is sees
        assert settings["end_percent"] == 0.5 and settings["vdt_clips"] == 2 and settings["vdt_text_guidance"] == 3.0
    assert text[0][1] == {"start_percent": 0.0, "end_percent": 0.5}
    assert node.execute(1, None, 3.0).result == node.execute().result
    conds = words.model.extra_conds(
        cross_attn=text[0][0], noise=torch.zeros(6, 4, 8, 8), prompt_type="negative", device="cpu",
        **node.execute(1, text, 3.0).result[1][0][1],
    )  # fmt: skip
    assert conds["vdt_text_guidance"].cond == 3.0 and conds["vdt_texts"].cond[0] is not None


# ---- What a loaded model says of itself ------------------------------------------------------------------------------


def test_loading_says_what_the_model_is(pack, folders, load, caplog):
    load("words")
    with caplog.at_level("INFO"):
        info = pack("nodes.loaders").VDTLoadModel.execute("words.safetensors", "auto").result[1]
    assert info.startswith("mask (embed) scheme, factorized attention, text: words of width 192, 0.3 M parameters, ")
    assert info.endswith("GFLOPs a pass over 6 frames of 8x8 cells") and info in caplog.text

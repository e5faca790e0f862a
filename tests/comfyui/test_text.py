"""Text in a real ComfyUI: stock CLIP Text Encode and our own words, through our sampler and through KSampler."""

import dataclasses

import pytest
import torch
from safetensors.torch import save_file
from vdt_comfyui_graphs import close, node, own_sampler, sampled, sources, stock_sampler

from vdt import VDT, load_model, save_model
from vdt.config import CrossAttentionSpec, MaskSpec
from vdt.text import WordEncoder

pytestmark = [pytest.mark.comfy, pytest.mark.slow, pytest.mark.timeout(900)]

SENTENCE = "the red ball hits the blue cylinder"
OTHER = "a green ball rolls to the left and stops"
CLIP_WIDTH, CLIP_LAYERS = 768, 12  # CLIP-L, the encoder of Stable Diffusion 1.x


@pytest.fixture(scope="session")
def readers(base):
    """Models that read words and embeddings of CLIP, every weight drawn, and an encoder of such weights."""
    config = load_model(base / "models/vdt/tiny.safetensors").config
    for name, spec in (
        ("words", CrossAttentionSpec(source="text", width=WordEncoder.width, encoder="words")),
        ("clip", CrossAttentionSpec(source="text", width=CLIP_WIDTH)),
    ):
        reading = dataclasses.replace(config, conditioning=(MaskSpec(embed=True), spec))
        model, generator = VDT(reading), torch.Generator().manual_seed(3)
        for parameter in model.parameters():
            size = 0.1 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
            parameter.data = parameter.data + size * torch.randn(parameter.shape, generator=generator)
        save_model(model.eval(), reading, base / f"models/vdt/{name}.safetensors")
    save_file(clip_weights(), base / "models/text_encoders/clip.safetensors")


def clip_weights():
    """CLIP-L with drawn weights, by the names of its authors' files."""
    generator, width = torch.Generator().manual_seed(4), CLIP_WIDTH
    shapes = {"embeddings.token_embedding.weight": (49408, width), "embeddings.position_embedding.weight": (77, width)}
    for layer in range(CLIP_LAYERS):
        parts = {f"self_attn.{name}_proj": (width, width) for name in "qkv"} | {"self_attn.out_proj": (width, width)}
        parts |= {"mlp.fc1": (4 * width, width), "mlp.fc2": (width, 4 * width)}
        for name, shape in parts.items():
            shapes[f"encoder.layers.{layer}.{name}.weight"], shapes[f"encoder.layers.{layer}.{name}.bias"] = (
                shape,
                shape[:1],
            )
        for name in ("layer_norm1", "layer_norm2"):
            shapes |= {f"encoder.layers.{layer}.{name}.{part}": (width,) for part in ("weight", "bias")}
    shapes |= {f"final_layer_norm.{part}": (width,) for part in ("weight", "bias")}
    return {f"text_model.{name}": drawn(name, shape, generator) for name, shape in shapes.items()}


def drawn(name, shape, generator):
    values = torch.randn(shape, generator=generator) * (0.03 if len(shape) > 1 else 0.1)
    return (values + (1 if "norm" in name and name.endswith("weight") else 0)).half()


def prompts(model):
    """Nodes "told", "other" and "nothing" of texts for a model of that name."""
    texts = {"told": SENTENCE, "other": OTHER, "nothing": ""}
    if model == "clip":
        loader = {"clip": node("CLIPLoader", clip_name="clip.safetensors", type="stable_diffusion", device="cpu")}
        return {**loader, **{key: node("CLIPTextEncode", clip=["clip", 0], text=text) for key, text in texts.items()}}
    return {key: node("VDTTextEncode", model=["1", 0], text=text) for key, text in texts.items()}


def stock(positive, negative, cfg=1.0):
    """KSampler with these conditionings, as the others of its graph."""
    inputs = stock_sampler("ddim", cfg)["8"]["inputs"]
    return node("KSampler", **{**inputs, "positive": list(positive), "negative": list(negative)})


@pytest.mark.parametrize("model", ["words", "clip"])
def test_a_text_reaches_our_sampler_and_stock_ones(server, readers, model):
    """Without guidance and with that of the text alone, both make the same clip of the same prompt."""
    graph = {**sources(model), **prompts(model), **stock_sampler("ddim", 1.0)}
    for weight in (1.0, 3.0):
        told = {"text": ["told", 0], "text_guidance": weight}
        graph[f"own{weight:g}"] = own_sampler(**told)
        graph[f"both{weight:g}"] = node("VDTConditioning", **told)
        graph[f"stock{weight:g}"] = stock((f"both{weight:g}", 0), (f"both{weight:g}", 1))
    graph["plain"] = own_sampler()
    graph["second"] = own_sampler(text=["other", 0])
    graph["direct"] = stock(("told", 0), ("nothing", 0))
    names = ("own1", "stock1", "direct", "own3", "stock3", "plain", "second", "4", "8")
    own, by_stock, direct, guided, guided_stock, plain, second, encoded, wordless = sampled(server, graph, *names)
    assert close(by_stock, own) <= 1e-3 and close(direct, own) <= 1e-3 and close(guided_stock, guided) <= 1e-3
    assert close(wordless, plain) <= 1e-3  # VDT Conditioning without a text
    for made in (guided, plain, second):
        assert close(made, own) > 0.05 and torch.equal(made[:6], encoded[:6])


def test_stock_nodes_of_conditionings_work_on_words(server, readers):
    graph = {**sources("words"), **prompts("words"), **stock_sampler("ddim", 1.0)}
    graph["zero"] = node("ConditioningZeroOut", conditioning=["told", 0])
    graph["joined"] = node("ConditioningConcat", conditioning_to=["told", 0], conditioning_from=["other", 0])
    graph["halved"] = node("ConditioningSetTimestepRange", conditioning=["told", 0], start=0.0, end=0.5)
    graph["rest"] = node("ConditioningSetTimestepRange", conditioning=["other", 0], start=0.5, end=1.0)
    graph["combined"] = node("ConditioningCombine", conditioning_1=["halved", 0], conditioning_2=["rest", 0])
    graph["own zero"] = own_sampler(text=["zero", 0], text_guidance=3.0)
    graph["own empty"] = own_sampler(text=["nothing", 0], text_guidance=3.0)
    graph["own joined"] = own_sampler(text=["joined", 0], text_guidance=1.0)
    graph["plain"] = own_sampler()
    graph["stock joined"] = stock(("joined", 0), ("zero", 0))
    graph["stock both"] = stock(("combined", 0), ("zero", 0))
    graph["stock told"] = stock(("told", 0), ("zero", 0))
    graph["guided"] = stock(("told", 0), ("other", 0), cfg=2.0)  # texts of two lengths in one batch
    names = ("plain", "own zero", "own empty", "own joined", "stock joined", "stock both", "stock told", "guided")
    plain, zero, empty, joined, stock_joined, both, told, guided = sampled(server, graph, *names)
    assert torch.equal(zero, plain) and torch.equal(empty, plain)
    assert close(stock_joined, joined) <= 1e-3 and close(joined, plain) > 0.05
    assert close(both, told) > 0.05 and close(guided, told) > 0.05


def test_what_cannot_be_read_gets_a_sentence(server, readers):
    message = "got a text of width 768, the model reads width 192: use the encoder it was trained with"
    graph = {**sources("words"), **prompts("clip"), **stock_sampler("ddim", 1.0)}
    direct = stock(("told", 0), ("told", 0))
    for sampler, expected in ((own_sampler(text=["told", 0]), f"VDT Sampler: {message}"), (direct, message)):
        out = {"out": sampler, "last": node("SaveLatent", samples=["out", 0], filename_prefix="latents/no")}
        assert server.failure({**graph, **out})["exception_message"].strip() == expected
    graph = {**sources("tiny"), **prompts("clip"), **stock_sampler("ddim", 1.0)}
    graph["ignored"] = stock(("told", 0), ("other", 0))
    ignored, plain = sampled(server, graph, "ignored", "8")
    assert torch.equal(ignored, plain)
    assert "VDT: this model reads no text: what the prompts say is left out" in server.text()


def test_a_model_says_what_it_is(server, readers):
    graph = {**sources("words"), "shown": node("PreviewAny", source=["1", 1])}
    (info,) = server.done(graph)["shown"]["text"]
    assert info.startswith("mask (embed) scheme, factorized attention, text: words of width 192, ")
    assert "GFLOPs a pass over 16 frames of 8x8 cells" in info and info in server.text()

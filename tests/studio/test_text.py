"""Text in the studio: words of the pack's own node reach its samplers; the encoders of ComfyUI are not here."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from vdt.checkpoints import save_model
from vdt.config import VDT_CONFIGS, CrossAttentionSpec, MaskSpec
from vdt.models import VDT
from vdt.text import WordEncoder
from vdt_studio.errors import GraphError
from vdt_studio.graph import read_workflow
from vdt_studio.shim.comfy_api.latest import io

SENTENCE = "the red ball hits the blue cylinder"
SAMPLING = {"seed": 3, "steps": 2}


class KeepClip(io.ComfyNode):
    """Keeps the latents that arrive."""

    kept: list = []  # noqa: RUF012 - shared on purpose

    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="KeepClip", inputs=[io.Latent.Input("samples")], is_output_node=True)

    @classmethod
    def execute(cls, samples):
        cls.kept.append(samples["samples"].clone())
        return io.NodeOutput()


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


@pytest.fixture
def base(studio, tmp_path):
    """Nodes of a model that reads words, of a clip, and of what it says; the folder is the studio's."""
    spec = CrossAttentionSpec(source="text", width=WordEncoder.width, encoder="words")
    config = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], conditioning=(MaskSpec(embed=True), spec), num_frames=16)
    model, generator = VDT(config), torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data = parameter.data + 0.05 * torch.randn(parameter.shape, generator=generator)
    (tmp_path / "models" / "vdt").mkdir(exist_ok=True)
    save_model(model.eval(), config, tmp_path / "models" / "vdt" / "reader.safetensors")
    studio.registry.add(KeepClip, module="tests")
    KeepClip.kept.clear()
    data = json.loads((Path(__file__).parents[2] / "workflows/predict.json").read_text(encoding="utf-8"))
    api = read_workflow(data, studio.registry).graph.to_api()
    (encode,) = [key for key, entry in api.items() if entry["class_type"] == "VDTEncode"]
    needed = {key: api[key] for key in api if api[key]["class_type"] in ("VDTLoadVAE", "VDTSampleClip", "VDTEncode")}
    return {
        **needed,
        "model": node("VDTLoadModel", model_name="reader.safetensors", precision="auto"),
        "text": node("VDTTextEncode", model=["model", 0], text=SENTENCE),
        "latent": node("SetLatentNoiseMask", samples=[encode, 0], mask=["white", 0]),
        "white": node("SolidMask", value=1.0, width=64, height=64),
    }


def test_words_reach_the_packs_sampler_and_the_stock_one(studio, base):
    both = {"model": ["model", 0], **SAMPLING}
    for weight in (1.0, 3.0):
        told = {"text": ["text", 0], "text_guidance": weight}
        stock = {"sampler_name": "ddim", "scheduler": "normal", "cfg": 1.0, "denoise": 1.0}
        stock["latent_image"] = ["latent", 0]
        own = {"latent": ["latent", 0], "sampler": "ddim", "guidance": 1.0, "temperature": 1.0}
        graph = {
            **base,
            "conditioning": node("VDTConditioning", clips=1, **told),
            "stock": node(
                "KSampler",
                **both,
                **stock,
                positive=["conditioning", 0],
                negative=["conditioning", 1],
            ),
            "own": node("VDTSampler", **both, **own, **told),
            "plain": node("VDTSampler", **both, **own),
            **{name: node("KeepClip", samples=[name[1:], 0]) for name in ("1stock", "2own", "3plain")},
        }
        studio.run(read_workflow(graph, studio.registry))
    stock, own, plain, guided_stock, guided, again = KeepClip.kept
    assert torch.equal(stock, own) and torch.equal(guided_stock, guided) and torch.equal(plain, again)
    assert not torch.equal(own, plain) and not torch.equal(own, guided)


def test_an_encoder_of_comfyui_is_said_to_be_absent(studio, base):
    graph = {**base, "text": node("CLIPTextEncode", text=SENTENCE, clip=["model", 0])}
    graph["own"] = node("VDTSampler", model=["model", 0], latent=["latent", 0], text=["text", 0], **SAMPLING)
    graph["keep"] = node("KeepClip", samples=["own", 0])
    with pytest.raises(GraphError, match="CLIPTextEncode"):
        studio.run(read_workflow(graph, studio.registry))

"""The stock sampler in the studio: the graph for ComfyUI's samplers runs here too, by the pack's own sampler."""

import json
from pathlib import Path

import pytest
import torch

from vdt_studio.errors import NodeError
from vdt_studio.graph import read_workflow
from vdt_studio.shim.comfy_api.latest import io
from vdt_studio.stock.sampler import SAMPLERS, KSampler

ROOT = Path(__file__).parents[2]


class Keep(io.ComfyNode):
    """Keeps the latents that arrive."""

    kept: list = []  # noqa: RUF012 - shared on purpose

    @classmethod
    def define_schema(cls):
        inputs = [io.Latent.Input("samples")]
        return io.Schema(node_id="Keep", inputs=inputs, is_output_node=True)

    @classmethod
    def execute(cls, samples):
        cls.kept.append(samples["samples"].clone())
        return io.NodeOutput()


def graph_of(studio, **settings):
    """workflows/stock_ksampler.json up to its latents, and those that VDT Sampler makes of the same inputs."""
    data = json.loads((ROOT / "workflows/stock_ksampler.json").read_text(encoding="utf-8"))
    api = read_workflow(data, studio.registry).graph.to_api()
    (key,) = [key for key, node in api.items() if node["class_type"] == "KSampler"]
    inputs = api[key]["inputs"]
    inputs.update(steps=2, **settings)
    needed = {key: node for key, node in api.items() if node["class_type"] not in ("SaveVideo", "CreateVideo")}
    for name in ("PreviewImage", "VAEDecode"):
        needed = {key: node for key, node in needed.items() if node["class_type"] != name}
    own = {"model": inputs["model"], "latent": inputs["latent_image"], "seed": inputs["seed"], "steps": 2}
    own |= {"temperature": 1.0}  # ComfyUI's samplers begin with all of their noise
    own |= {"sampler": SAMPLERS[inputs["sampler_name"]], "guidance": inputs["cfg"]}
    return {
        **needed,
        "own": {"class_type": "VDTSampler", "inputs": own},
        "a": {"class_type": "Keep", "inputs": {"samples": [key, 0]}},
        "b": {"class_type": "Keep", "inputs": {"samples": ["own", 0]}},
    }


def test_it_makes_the_clip_of_the_packs_own_sampler(studio):
    studio.registry.add(Keep, module="tests")
    Keep.kept.clear()
    studio.run(read_workflow(graph_of(studio), studio.registry))
    stock, own = Keep.kept
    assert torch.equal(stock, own) and stock.shape == (16, 4, 8, 8)


def test_what_it_cannot_do_is_said(studio):
    studio.registry.add(Keep, module="tests")
    with pytest.raises(NodeError, match=r"starts from pure noise, got denoise 0\.5: set it to 1"):
        studio.run(read_workflow(graph_of(studio, denoise=0.5), studio.registry))
    with pytest.raises(ValueError, match="samples VDT models alone"):
        KSampler().sample(object(), 0, 1, 1.0, "ddim", "normal", None, None, {})


def test_search_words_of_the_pack_reach_the_editor(studio):
    """What people type: "inpaint video", "image to video", "loop"; older hosts have no such field."""
    info = studio.registry.object_info()
    words = {word for node in info.values() for word in node.get("search_aliases") or ()}
    assert {"inpaint video", "image to video", "frame interpolation", "seamless loop"} <= words
    ours = [name for name in info if name.startswith("VDT")]
    assert ours and all(info[name]["search_aliases"] for name in ours)

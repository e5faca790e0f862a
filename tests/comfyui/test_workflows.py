"""The shipped graphs in a real ComfyUI, and the same graphs in the runner: the same latents, the same frames."""

import json
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from vdt.media.video import probe
from vdt_studio.graph import read_workflow
from vdt_studio.paths import Folders
from vdt_studio.registry import NodeSchema
from vdt_studio.shim.comfy_api.latest import io
from vdt_studio.studio import Studio

pytestmark = [pytest.mark.comfy, pytest.mark.slow, pytest.mark.timeout(900)]

FOLDER = Path(__file__).parents[2] / "workflows"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
FOR_COMFYUI = {"stock_ksampler"}
DECODERS, SAMPLERS = ("VDTDecode", "VAEDecode"), ("VDTSampler", "KSampler", "VDTExtend")
SAVERS = ("SaveVideo", "VDTSaveVideo")
LENGTHS = {"extend": 28, "loop": 20, "slow_motion": 29}
FRAMES = {name: LENGTHS.get(name, 16) for name in NAMES}


class Served:
    """What the conversion asks of a registry, answered by a running server's object_info."""

    def __init__(self, object_info):
        self.object_info = object_info

    def get(self, name):
        return ServedNode(self.object_info[name]) if name in self.object_info else None


class ServedNode:
    def __init__(self, info):
        self.info = info

    def schema(self):
        return NodeSchema.from_info(self.info)


@pytest.fixture(scope="module")
def registry(server):
    return Served(server.request("/object_info"))


def api(name, registry):
    """The graph as the editor would queue it, with what was sampled and decoded saved too."""
    data = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    graph = read_workflow(data, registry).graph.to_api()
    (sampler,) = [node_id for node_id, node in graph.items() if node["class_type"] in SAMPLERS]
    for saver in [node["inputs"] for node in graph.values() if node["class_type"] == "VDTSaveVideo"]:
        inputs = {key: saver[key] for key in ("latent", "vae", "images")}
        graph["decode"] = {"class_type": "VDTDecode", "inputs": inputs}  # it decodes straight into its file
    (decoder,) = [node_id for node_id, node in graph.items() if node["class_type"] in DECODERS]
    save = {"class_type": "SaveLatent", "inputs": {"samples": [sampler, 0], "filename_prefix": f"latents/{name}"}}
    look = {"class_type": "SaveImage", "inputs": {"images": [decoder, 0], "filename_prefix": f"frames/{name}"}}
    return {**graph, "latent": save, "frames": look}


def frames(paths):
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_runs_to_a_saved_video(server, registry, name):
    graph = api(name, registry)
    outputs = server.done(graph)
    videos = [
        server.file(entry)
        for node_id, ui in outputs.items()
        for entry in ui.get("images", [])
        if graph[node_id]["class_type"] in SAVERS
    ]
    assert len(videos) == 1 and videos[0].suffix == ".mp4"
    info = probe(videos[0])
    assert (info.width, info.height, info.frames, float(info.fps)) == (64, 64, FRAMES[name], 20.0)


def test_a_run_of_several_windows_is_announced(server, registry):
    graph = api("extend", registry)
    (extend,) = [node for node in graph.values() if node["class_type"] == "VDTExtend"]
    extend["inputs"].update(frames=17, steps=1)
    server.done(graph)
    assert "3 windows of 16 frames, about" in server.text()


class SaveLatent(io.ComfyNode):
    """Stands for the stock node that the runner lacks: keeps what it is given."""

    kept = []  # noqa: RUF012 - shared on purpose

    @classmethod
    def define_schema(cls):
        inputs = [io.Latent.Input("samples"), io.String.Input("filename_prefix")]
        return io.Schema(node_id="SaveLatent", inputs=inputs, is_output_node=True)

    @classmethod
    def execute(cls, samples, filename_prefix):
        cls.kept.append(samples["samples"].clone())
        return io.NodeOutput()


@pytest.mark.parametrize("name", sorted(set(NAMES) - FOR_COMFYUI))
def test_the_runner_makes_the_same_latents_and_frames(server, registry, tmp_path, name):
    graph = api(name, registry)
    outputs = server.done(graph)
    latents = load_file(server.file(outputs["latent"]["latents"][0]))["latent_tensor"]
    theirs = frames([server.file(entry) for entry in outputs["frames"]["images"]])

    folders = Folders(input=tmp_path, output=tmp_path / "out", temp=tmp_path / "temp", models=tmp_path)
    studio = Studio.open(folders, device="cpu")
    studio.registry.add(SaveLatent, module="tests")
    SaveLatent.kept.clear()
    result = studio.run(read_workflow(graph, studio.registry))
    assert torch.equal(SaveLatent.kept[0], latents)
    assert np.array_equal(frames(studio.written(result.ui["frames"])), theirs)


def test_the_template_browser_lists_every_graph_with_its_picture(server):
    listed = server.request("/api/workflow_templates")
    assert sorted(listed["ComfyUI-VDT"]) == NAMES
    for name in NAMES:
        for suffix, start in ((".json", b"{"), (".jpg", b"\xff\xd8")):
            page = f"http://127.0.0.1:{server.port}/api/workflow_templates/ComfyUI-VDT/{name}{suffix}"
            with urllib.request.urlopen(page, timeout=30) as answer:
                assert answer.read().startswith(start)

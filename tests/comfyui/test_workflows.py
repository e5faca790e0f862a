"""The shipped graphs in a real ComfyUI, and the same graphs in the runner: the same latents, the same frames."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from vdt_comfyui_graphs import Served

from vdt.media.video import probe
from vdt_studio.graph import read_workflow
from vdt_studio.paths import Folders
from vdt_studio.shim.comfy_api.latest import io
from vdt_studio.studio import Studio

pytestmark = [pytest.mark.comfy, pytest.mark.slow, pytest.mark.timeout(900)]

FOLDER = Path(__file__).parents[2] / "workflows"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
FOR_COMFYUI = {"stock_ksampler"}  # the runner drives KSampler with samplers of its own
MODEL_FILES = {"mask_for_other_models": ("unet_name", "clip_name", "vae_name")}  # of others, which nobody has here
WHOLE = sorted(set(NAMES) - set(MODEL_FILES))
DECODERS, SAMPLERS = ("VDTDecode", "VAEDecode"), ("VDTSampler", "KSampler", "VDTExtend")
SAVERS = ("SaveVideo", "VDTSaveVideo")
PAINTED = "vdt_painted.png"  # what the graphs load
LENGTHS = {"extend": 28, "own_clip": 24, "loop": 20, "slow_motion": 29}
FRAMES = {name: LENGTHS.get(name, 16) for name in NAMES}


def paint(folder):
    """A picture of no size that a clip has, with a hole in its alpha as the mask editor leaves one."""
    picture = np.full((333, 501, 4), 255, np.uint8)
    picture[60:260, 170:330, 3] = 0
    Image.fromarray(picture).save(folder / PAINTED)


@pytest.fixture(scope="module")
def registry(server):
    paint(server.base / "input")
    return Served(server.request("/object_info"))


def converted(name, registry):
    """The graph as the editor would queue it."""
    data = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return read_workflow(data, registry).graph.to_api()


def api(name, registry):
    """The same, with what was sampled and decoded saved too."""
    graph = converted(name, registry)
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


@pytest.mark.parametrize("name", WHOLE)
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


def test_a_graph_for_another_model_lacks_nothing_but_its_files(server, registry):
    """Up to where these are needed it runs, and makes there what it makes in the runner."""
    for name, files in MODEL_FILES.items():
        with pytest.raises(urllib.error.HTTPError) as raised:
            server.request("/prompt", {"prompt": converted(name, registry)})
        errors = json.loads(raised.value.read())["node_errors"].values()
        lacking = [error["extra_info"].get("input_name") for node in errors for error in node["errors"]]
        assert sorted(lacking) == sorted(files), name


def test_the_mask_for_another_model_is_that_of_the_runner(server, registry, tmp_path):
    whole = converted("mask_for_other_models", registry)
    graph = {key: node for key, node in whole.items() if node["class_type"].startswith("VDT")}
    (control,) = [key for key, node in graph.items() if node["class_type"] == "VDTMaskToControl"]
    graph["picture"] = {"class_type": "MaskToImage", "inputs": {"mask": [control, 1]}}
    for key, source in (("frames", [control, 0]), ("mask", ["picture", 0])):
        graph[key] = {"class_type": "SaveImage", "inputs": {"images": source, "filename_prefix": key}}
    theirs, ours = server.done(graph), run_here(graph, tmp_path)
    for key in ("frames", "mask"):
        served = frames([server.file(entry) for entry in theirs[key]["images"]])
        assert np.array_equal(served, frames(ours(key))) and served.shape == (17, 480, 480, 3)


def run_here(graph, folder):
    """Run a prompt in the runner; answers for a node with the files that it has written."""
    paint(folder)
    studio = Studio.open(
        Folders(input=folder, output=folder / "out", temp=folder / "temp", models=folder), device="cpu"
    )
    studio.registry.add(SaveLatent, module="tests")
    SaveLatent.kept.clear()
    result = studio.run(read_workflow(graph, studio.registry))
    return lambda key: studio.written(result.ui[key])


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


@pytest.mark.parametrize("name", sorted(set(WHOLE) - FOR_COMFYUI))
def test_the_runner_makes_the_same_latents_and_frames(server, registry, tmp_path, name):
    graph = api(name, registry)
    outputs = server.done(graph)
    latents = load_file(server.file(outputs["latent"]["latents"][0]))["latent_tensor"]
    theirs = frames([server.file(entry) for entry in outputs["frames"]["images"]])
    ours = run_here(graph, tmp_path)
    assert torch.equal(SaveLatent.kept[0], latents)
    assert np.array_equal(frames(ours("frames")), theirs)


def test_the_template_browser_lists_every_graph_with_its_picture(server):
    listed = server.request("/api/workflow_templates")
    assert sorted(listed["ComfyUI-VDT"]) == NAMES
    for name in NAMES:
        for suffix, start in ((".json", b"{"), (".jpg", b"\xff\xd8")):
            page = f"http://127.0.0.1:{server.port}/api/workflow_templates/ComfyUI-VDT/{name}{suffix}"
            with urllib.request.urlopen(page, timeout=30) as answer:
                assert answer.read().startswith(start)

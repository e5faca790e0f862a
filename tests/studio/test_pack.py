"""The pack itself, unchanged, in the studio: it loads as ComfyUI loads it, and its nodes make a clip."""

import sys
from pathlib import Path

import numpy as np
import pytest

from vdt_studio.errors import GraphError
from vdt_studio.graph import read_workflow
from vdt_studio.media import video as media
from vdt_studio.pack import PackError, load_pack
from vdt_studio.studio import Studio

ROOT = Path(__file__).parents[2]


@pytest.fixture
def studio(folders, tiny_model, tiny_vae):
    from vdt.checkpoints import save_model, save_vae

    for kind in ("vdt", "vae"):
        (folders.models / kind).mkdir()
    save_model(tiny_model, tiny_model.config, folders.models / "vdt" / "tiny.safetensors")
    save_vae(tiny_vae, tiny_vae.config, folders.models / "vae" / "tiny.safetensors")
    return Studio.open(folders, device="cpu")


def graph(clip):
    mask = {"task": "predict", "given": 3, "every": 4, "frame": 0, "known": "0-3,-1", "seed": 0}
    size = {"length": 6, "width": 64, "height": 64, "policy": "crop", "fps": 0, "start": 0}
    sampling = {"seed": 3, "steps": 2, "sampler": "ddim", "guidance": 1.0}
    saving = {"filename_prefix": "clip", "format": "auto", "codec": "auto"}
    nodes = {
        "1": ("VDTSampleClip", {"clip": clip}),
        "2": ("VDTLoadVAE", {"vae_name": "tiny.safetensors"}),
        "3": ("VDTLoadModel", {"model_name": "tiny.safetensors", "precision": "auto"}),
        "4": ("VDTEncode", {"vae": ["2", 0], "images": ["1", 0], **size}),
        "5": ("VDTMask", {"images": ["4", 1], **mask}),
        "6": ("VDTSampler", {"model": ["3", 0], "latent": ["4", 0], "mask": ["5", 0], **sampling}),
        "7": ("VDTDecode", {"latent": ["6", 0], "vae": ["2", 0], "images": ["4", 1], "mask": ["5", 0]}),
        "8": ("CreateVideo", {"images": ["7", 0], "fps": ["4", 2]}),
        "9": ("SaveVideo", {"video": ["8", 0], **saving}),
        "10": ("VAEEncode", {"pixels": ["7", 0], "vae": ["2", 0]}),
        "11": ("VAEDecode", {"samples": ["10", 0], "vae": ["2", 0]}),
        "12": ("PreviewImage", {"images": ["11", 0]}),
    }
    return {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}


def test_the_pack_has_a_path_like_name_and_its_own_library(studio):
    import vdt

    name = str(ROOT).replace(".", "_x_")
    assert load_pack(ROOT) is sys.modules[name]
    assert sys.modules[f"{name}.vdt"] is not vdt
    assert sum(node.startswith("VDT") for node in studio.registry) >= 17


def test_its_nodes_run_and_repeat_themselves(studio):
    clip = studio.registry.types["VDTSampleClip"].schema().inputs["clip"].choices[0]
    results = [studio.run(read_workflow(graph(clip), studio.registry)) for _ in range(2)]
    paths = [path for result in results for path in studio.written(result.ui["9"])]
    first, second = (media.read(path).frames for path in paths)
    assert first.shape == (6, 64, 64, 3) and np.array_equal(first, second)
    assert len(results[0].ui["12"]["images"]) == 6


def test_its_nodes_are_found_by_the_words_of_artists(studio):
    """A6: the search words of the pack's schemas reach /object_info."""
    words = {name: kind.info()["search_aliases"] or [] for name, kind in studio.registry.types.items()}
    for word in ("inpaint video", "image to video", "loop", "interpolation"):
        assert any(word in alias for name in words if name.startswith("VDT") for alias in words[name]), word


def test_what_is_no_pack_is_said(folders, tmp_path):
    with pytest.raises(PackError, match="no node pack"):
        load_pack(tmp_path)
    (tmp_path / "__init__.py").write_text("x = 1")
    with pytest.raises(PackError, match="no comfy_entrypoint"):
        Studio.open(folders, pack=tmp_path)


def test_a_broken_timeline_marks_its_node_before_anything_runs(studio):
    path = ROOT / "workflows/predict.json"
    with pytest.raises(GraphError) as caught:
        studio.run(studio.load(path, ["VDTMask.timeline={broken"]))
    assert "VDTMask" in str(caught.value) and "timeline" in str(caught.value)

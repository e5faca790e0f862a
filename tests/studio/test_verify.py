"""A saved file and the graph inside it: the same again, another model, another seed, no graph."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from vdt.media.files import save_tensors
from vdt_studio.engine import Engine
from vdt_studio.errors import GraphError
from vdt_studio.media.video import tags, write
from vdt_studio.shim.comfy_api.latest import io
from vdt_studio.studio import Studio
from vdt_studio.verify import verify


class Noise(io.ComfyNode):
    """Frames of a seed and a "model" file, and what the pack notes of the file."""

    shift = 0.0

    @classmethod
    def define_schema(cls):
        inputs = [io.Int.Input("seed", default=0)]
        outputs = [io.Image.Output(display_name="images")]
        return io.Schema(node_id="Noise", inputs=inputs, outputs=outputs, hidden=[io.Hidden.extra_pnginfo])

    @classmethod
    def execute(cls, seed):
        frames = torch.rand(3, 32, 32, 3, generator=torch.Generator().manual_seed(seed)) * 0.5 + cls.shift
        cls.hidden.extra_pnginfo["vdt"] = {"pack": "1.0", "model": f"{cls.shift}" * 20}
        return io.NodeOutput(frames)


@pytest.fixture
def studio(folders, registry):
    registry.add(Noise, module="tests")
    Noise.shift = 0.0
    return Studio(folders=folders, registry=registry, engine=Engine(registry))


@pytest.fixture
def saved(studio, api, tmp_path):
    """A video and a picture of seed 5, taken out of the output folder."""
    from vdt_studio.graph import Workflow

    graph = api(
        {
            "1": ("Noise", {"seed": 5}),
            "2": ("CreateVideo", {"images": ["1", 0], "fps": 8.0}),
            "3": ("SaveVideo", {"video": ["2", 0], "filename_prefix": "v", "format": "auto", "codec": "auto"}),
            "4": ("SaveImage", {"images": ["1", 0], "filename_prefix": "p"}),
        }
    )
    result = studio.run(Workflow(graph=graph))
    files = [path for ui in result.ui.values() for path in studio.written(ui)]
    kept = [shutil.move(path, tmp_path / path.name) for path in files]
    return {path.suffix: path for path in kept}


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_the_same_graph_makes_the_same_file(studio, saved, suffix):
    verdict = verify(studio, saved[suffix])
    assert verdict.matches and verdict.notes == ()
    assert str(verdict).endswith("all of 3 frames match" if suffix == ".mp4" else "all of 1 frame match")


def test_another_model_is_said(studio, saved):
    Noise.shift = 0.1
    verdict = verify(studio, saved[".mp4"])
    assert not verdict.matches and verdict.different == 3
    assert "3 of 3 frames differ, by up to" in str(verdict) and "made by another model file (sha256 0.00.0" in str(
        verdict
    )


def test_a_changed_frame_is_found(studio, saved, tmp_path):
    kept = tags(saved[".mp4"])
    frames = torch.rand(3, 32, 32, 3, generator=torch.Generator().manual_seed(5)) * 0.5
    frames[1] = 1 - frames[1]
    write(tmp_path / "forged.mp4", frames, 8, metadata={name: kept[name] for name in ("prompt", "vdt")})
    verdict = verify(studio, tmp_path / "forged.mp4")
    assert not verdict.matches and verdict.largest > 50


def test_files_without_a_graph_or_of_another_length(studio, saved, tmp_path):
    frames = torch.zeros(2, 32, 32, 3)
    write(tmp_path / "bare.mp4", frames, 8)
    with pytest.raises(GraphError, match="carries no graph"):
        verify(studio, tmp_path / "bare.mp4")
    write(tmp_path / "short.mp4", frames, 8, metadata={"prompt": tags(saved[".mp4"])["prompt"]})
    with pytest.raises(GraphError, match="another length or size, the file has 2 frames"):
        verify(studio, tmp_path / "short.mp4")
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "bare.png")
    with pytest.raises(GraphError, match="carries no graph"):
        verify(studio, tmp_path / "bare.png")
    save_tensors({"a": torch.zeros(1)}, tmp_path / "no.mp4")
    with pytest.raises(ValueError, match="cannot be read as a video"):
        verify(studio, tmp_path / "no.mp4")
    write(tmp_path / "broken.mp4", frames, 8, metadata={"prompt": json.dumps({"1": {}})[:-3]})
    with pytest.raises(GraphError, match="are damaged"):
        verify(studio, tmp_path / "broken.mp4")

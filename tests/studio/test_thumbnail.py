"""A graph's picture shows what its video shows."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from vdt_studio.cli import main
from vdt_studio.engine import Engine
from vdt_studio.errors import GraphError
from vdt_studio.shim.comfy_api.latest import io
from vdt_studio.studio import Studio
from vdt_studio.thumbnail import draw_thumbnail


class VDTSampler(io.ComfyNode):
    """Stands for the pack's node of that name: what counts is its input `mask`."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="VDTSampler",
            inputs=[io.Image.Input("images"), io.Mask.Input("mask", optional=True)],
            outputs=[io.Image.Output(display_name="images")],
        )

    @classmethod
    def execute(cls, images, mask=None):
        made = images.clone()
        made[mask > 0.5] = torch.tensor([0.0, 0.0, 1.0])
        return io.NodeOutput(made)


@pytest.fixture
def studio(folders, registry):
    registry.add(VDTSampler, module="tests")
    return Studio(folders=folders, registry=registry, engine=Engine(registry))


def written(canvas, folder, *, masked=True):
    wires = [(1, 0, 3, "images", "IMAGE"), (3, 0, 4, "images", "IMAGE"), (4, 0, 5, "video", "VIDEO")]
    nodes = [
        (1, "Grey", {"widgets_values": [0.25, 4]}),
        (2, "SolidMask", {"widgets_values": [1.0, 32, 16]}),
        (3, "VDTSampler", {}),
        (4, "CreateVideo", {"widgets_values": [8.0]}),
        (5, "SaveVideo", {"widgets_values": ["made", "auto", "auto"]}),
    ]
    data = canvas(nodes, [*wires, *([(1, 1, 3, "mask", "MASK")] if masked else [])])
    path = folder / "graph.json"
    path.write_text(json.dumps(data))
    return path


def test_the_picture_lies_beside_the_graph_and_shows_its_frames(studio, canvas, tmp_path):
    path = draw_thumbnail(studio, written(canvas, tmp_path))
    assert path == tmp_path / "graph.jpg"
    picture = np.asarray(Image.open(path))
    blue = (picture[..., 2] > 200) & (picture[..., :2].max(-1) < 60)
    assert picture.shape == (512, 512, 3) and blue.mean() > 0.2  # four frames of half their width in height
    assert not [file for file in tmp_path.rglob(".*.jpg")]


def test_a_graph_without_a_mask_is_refused(studio, canvas, tmp_path):
    with pytest.raises(GraphError, match="a thumbnail needs a graph with Create Video and a mask"):
        draw_thumbnail(studio, written(canvas, tmp_path, masked=False))
    assert not (tmp_path / "graph.jpg").exists()


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    assert main(["thumbnail", str(tmp_path / "absent.json")]) == 2
    assert "no such file" in capsys.readouterr().err

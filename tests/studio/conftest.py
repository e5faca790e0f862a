"""A studio in a temporary folder, with the stock nodes and a few small ones whose work is easy to foresee."""

from __future__ import annotations

import pytest
import torch

from vdt_studio import shim
from vdt_studio.engine import Engine, ResultCache
from vdt_studio.graph.records import from_api
from vdt_studio.paths import Folders
from vdt_studio.shim.comfy_api.latest import io
from vdt_studio.studio import stock_registry


@pytest.fixture
def folders(tmp_path):
    made = Folders(
        input=tmp_path / "input", output=tmp_path / "output", temp=tmp_path / "temp", models=tmp_path / "models"
    )
    for folder in (made.input, made.output, made.temp, made.models):
        folder.mkdir()
    shim.install(made, device="cpu")
    return made


class Number(io.ComfyNode):
    """Gives its value; counts how often it ran."""

    runs: list = []  # noqa: RUF012 - shared on purpose

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Number",
            inputs=[
                io.Int.Input("value", default=1, min=0, max=100),
                io.Int.Input("seed", default=0, min=0, max=2**64 - 1, control_after_generate=True),
                io.Combo.Input("mode", options=["plain", "double"], default="plain"),
            ],
            outputs=[io.Int.Output(display_name="number")],
        )

    @classmethod
    def execute(cls, value, seed, mode):
        cls.runs.append(value)
        return io.NodeOutput(value * (2 if mode == "double" else 1))


class Add(io.ComfyNode):
    """a + b, b may be left out."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Add",
            inputs=[io.Int.Input("a"), io.Int.Input("b", optional=True, force_input=True), io.String.Input("label")],
            outputs=[io.Int.Output(display_name="sum")],
        )

    @classmethod
    def execute(cls, a, label, b=0):
        if label == "fail":
            raise ValueError("a and b do\nnot fit")
        return io.NodeOutput(a + b)


class Pick(io.ComfyNode):
    """One of two tensors: a node with sockets only, to be bypassed."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Pick",
            inputs=[
                io.Mask.Input("mask", optional=True),
                io.Image.Input("image"),
                io.Image.Input("other", optional=True),
            ],
            outputs=[io.Image.Output(display_name="image")],
        )

    @classmethod
    def execute(cls, image, mask=None, other=None):
        return io.NodeOutput(image)


class Spread(io.ComfyNode):
    """A list of 0 .. count - 1."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Spread",
            inputs=[io.Int.Input("count")],
            outputs=[io.Int.Output(display_name="items", is_output_list=True)],
        )

    @classmethod
    async def execute(cls, count):
        return io.NodeOutput(list(range(count)))


class Gather(io.ComfyNode):
    """Takes whole lists and shows them."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Gather",
            inputs=[io.Int.Input("items")],
            outputs=[],
            hidden=[io.Hidden.unique_id],
            is_input_list=True,
            is_output_node=True,
        )

    @classmethod
    def execute(cls, items):
        return io.NodeOutput(ui={"items": items, "id": [cls.hidden.unique_id]})


class Show(io.ComfyNode):
    """Shows one number."""

    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Show", inputs=[io.Int.Input("value")], is_output_node=True)

    @classmethod
    def execute(cls, value):
        return io.NodeOutput(ui={"value": [value]})


class Grey(io.ComfyNode):
    """Images of one value."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Grey",
            inputs=[io.Float.Input("value", default=0.5, min=0.0, max=1.0), io.Int.Input("frames", default=3, min=1)],
            outputs=[io.Image.Output(display_name="image"), io.Mask.Output(display_name="mask")],
        )

    @classmethod
    def execute(cls, value, frames):
        return io.NodeOutput(torch.full((frames, 16, 32, 3), value), torch.ones(frames, 16, 32))


@pytest.fixture
def registry(folders):
    made = stock_registry()
    for node in (Number, Add, Pick, Spread, Gather, Show, Grey):
        made.add(node, module="tests")
    Number.runs.clear()
    return made


@pytest.fixture
def number_runs():
    return Number.runs


@pytest.fixture
def engine(registry):
    return Engine(registry)


@pytest.fixture
def cached_engine(registry):
    return Engine(registry, cache=ResultCache())


@pytest.fixture
def api():
    """Short form of a graph: {"1": ("Class", {inputs})}."""

    def build(nodes):
        return from_api({name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()})

    return build


@pytest.fixture
def canvas():
    """A saved workflow from nodes (id, type, extras) and links (from, slot, to, input name, type)."""

    def build(nodes, links=()):
        entries = {}
        for node_id, kind, extra in nodes:
            entries[node_id] = {"id": node_id, "type": kind, "mode": 0, "inputs": [], "outputs": [], **extra}
        wires = []
        for number, (origin, slot, target, name, kind) in enumerate(links, 1):
            wires.append([number, origin, slot, target, len(entries[target]["inputs"]), kind])
            named = [item for item in entries[target]["inputs"] if item["name"] == name]
            if named:
                named[0]["link"] = number
            else:
                entries[target]["inputs"].append({"name": name, "type": kind, "link": number})
        return {"nodes": list(entries.values()), "links": wires, "version": 0.4}

    return build

"""Graphs that people have saved since version 0.1.0 mean what they meant, and still run: a folder per version.

Add graphs of new versions; never change what is there. `<name>.api.json` is what `<name>.json` meant when it was saved.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from vdt.media.video import read_frames
from vdt_studio.graph import read_workflow
from vdt_studio.verify import read_saved

ROOT = Path(__file__).parents[1]
SAVED = sorted((ROOT / "tests/graphs").glob("*/*.json"))
NOT_HERE = {"stock_ksampler"}  # needs a node that the runner lacks; the browser tests read it in ComfyUI
GRAPHS = [path for path in SAVED if not path.name.endswith(".api.json") and path.stem not in NOT_HERE]
FILES = sorted(path for path in (ROOT / "tests/graphs").glob("*/*") if path.suffix in (".mp4", ".png"))
BLUEPRINTS = sorted((ROOT / "subgraphs").glob("*.json"))


def name(path):
    return f"{path.parent.name}-{path.stem}"


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def means(graph):
    return {node_id: (node["class_type"], node["inputs"]) for node_id, node in graph.to_api().items()}


def includes(now, then):
    """Inputs that are younger than the graph may have been added, with their defaults; nothing else may differ."""
    return now.keys() == then.keys() and all(
        now[key][0] == then[key][0] and now[key][1].items() >= then[key][1].items() for key in then
    )


def test_a_saved_graph_means_what_it_meant(studio):
    for path in GRAPHS:
        then = read_workflow(read(path.with_suffix(".api.json")), studio.registry).graph
        assert includes(means(studio.load(path).graph), means(then)), name(path)


@pytest.mark.parametrize("path", GRAPHS, ids=name)
def test_a_saved_graph_still_runs(studio, path):
    result = studio.run(studio.load(path, ["VDTSampler.steps=1"]))
    (video,) = [file for ui in result.ui.values() for file in studio.written(ui) if file.suffix == ".mp4"]
    assert np.stack(list(read_frames(video))).shape == (16, 64, 64, 3)


def test_a_saved_file_still_brings_its_graph(studio):
    for path in FILES:
        kept = read_saved(path).tags
        drawn = read_workflow(json.loads(kept["workflow"]), studio.registry).graph
        queued = read_workflow(json.loads(kept["prompt"]), studio.registry).graph
        assert includes(means(drawn), means(queued)), name(path)


# ---- Blueprints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_a_blueprint_is_one_node_whose_wires_all_fit(path):
    data = read(path)
    (instance,), (inside,) = data["nodes"], data["definitions"]["subgraphs"]
    assert instance["type"] == inside["id"] and inside["name"] == path.stem
    for side in ("inputs", "outputs"):
        assert [(slot["name"], slot["type"]) for slot in instance[side]] == [
            (slot["name"], slot["type"]) for slot in inside[side]
        ]
    nodes = {node["id"]: node for node in inside["nodes"]}
    for link in inside["links"]:
        begins, ends = link["origin_id"], link["target_id"]
        source = inside["inputs"] if begins == -10 else nodes[begins]["outputs"]
        target = inside["outputs"] if ends == -20 else nodes[ends]["inputs"]
        assert source[link["origin_slot"]]["type"] == link["type"] == target[link["target_slot"]]["type"]
        for slot, side in ((source[link["origin_slot"]], begins == -10), (target[link["target_slot"]], ends == -20)):
            held = slot.get("linkIds") if side else slot.get("links") or [slot.get("link")]
            assert link["id"] in held


def test_the_blueprint_of_a_chain_means_the_chain(studio):
    """The one in the corpus stands in the graph `predict`, for the nodes 5 to 8."""
    folder = ROOT / "tests/graphs/0.1.0"
    chain, packed = (read(folder / f"{stem}.api.json") for stem in ("predict", "blueprint"))
    for number in range(1, 5):
        plain, inner = chain[str(number + 4)], packed[f"20:2{number}"]
        assert plain["class_type"] == inner["class_type"]
        values = [{k: v for k, v in node["inputs"].items() if not isinstance(v, list)} for node in (plain, inner)]
        assert set(values[0]) - {"fps"} == set(values[1]) - {"fps"}  # a wire in one of them
    assert packed["20:22"]["inputs"]["given"] == 5 and packed["20:23"]["inputs"]["seed"] == 77  # the instance's own

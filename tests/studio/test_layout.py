"""Templates are laid out by a script: what it may change, and what comes out."""

import copy
import json
from itertools import combinations
from pathlib import Path

import pytest

from vdt_studio.cli import main
from vdt_studio.errors import GraphError
from vdt_studio.graph.layout import GROUP_COLOURS, SAMPLERS, lay_out
from vdt_studio.graph.wires import TITLE, Box, Wire, bend, curve

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "workflows").glob("*.json"))
GRAPHS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
DRAWN = ("pos", "size", "title")
VIEW = ("reroutes", "linkExtensions")
WIDTH, HEIGHT = 1780, 1100  # what stays readable where the editor fits it to 1440x900


def content(graph):
    """All that a layout must leave alone."""
    graph = copy.deepcopy(graph)
    graph.pop("groups")
    for name in VIEW:
        graph["extra"].pop(name, None)
    for node in graph["nodes"]:
        for name in DRAWN:
            node.pop(name, None)
        if node["type"] in SAMPLERS:
            node["widgets_values"] = [value for value in node["widgets_values"] if value not in ("fixed", "randomize")]
    return graph


def test_a_layout_changes_places_titles_and_the_control_of_seeds_alone():
    for name, graph in GRAPHS.items():
        scattered = copy.deepcopy(graph)
        for node in scattered["nodes"]:
            node["pos"], node["size"] = [7 * node["id"], -40], [100, 10]
            node["widgets_values"] = ["fixed" if value == "randomize" else value for value in node["widgets_values"]]
        scattered["extra"].pop("reroutes")
        made = lay_out(scattered)
        assert content(made) == content(graph), name
        assert made == graph, f"{name} is not as `make templates` draws it"


def test_a_second_time_nothing_changes(tmp_path):
    """That all files are as drawn is tested above; here, what the command writes."""
    for path in (path for path in FILES if path.stem in ("extend", "loop")):
        target = tmp_path / path.name
        target.write_bytes(path.read_bytes())
        assert main(["layout", str(target)]) == 0
        assert target.read_bytes() == path.read_bytes(), path.stem


def test_graphs_fit_a_window_in_four_groups_from_left_to_right():
    for name, graph in GRAPHS.items():
        boxes = [(*node["pos"], *node["size"]) for node in graph["nodes"]]
        assert max(x + w for x, _, w, _ in boxes) - min(x for x, *_ in boxes) <= WIDTH, name
        assert max(y + h for _, y, _, h in boxes) - min(y for _, y, *_ in boxes) + TITLE <= HEIGHT, name
        titles = [group["title"] for group in graph["groups"]]
        assert titles == [title for title in GROUP_COLOURS if title in titles] and len(titles) >= 3, name
        lefts = [group["bounding"][0] for group in graph["groups"]]
        assert lefts == sorted(lefts), name
        for node in graph["nodes"]:
            holds = [group["title"] for group in graph["groups"] if inside(node, group["bounding"])]
            assert len(holds) == 1, (name, node["type"])


def inside(node, bounding):
    (x, y), (w, h) = node["pos"], node["size"]
    left, top, width, height = bounding
    return left <= x and x + w <= left + width and top <= y - TITLE and y + h <= top + height


def test_nodes_are_named_for_people():
    for name, graph in GRAPHS.items():
        for node in graph["nodes"]:
            assert node["title"] and not node["title"].startswith("VDT"), (name, node["type"])


def test_samplers_draw_a_new_seed_and_masks_keep_theirs():
    for name, graph in GRAPHS.items():
        controls = {
            node["type"]: value
            for node in graph["nodes"]
            for value in node["widgets_values"]
            if value in ("fixed", "randomize")
        }
        assert all(value == ("randomize" if kind in SAMPLERS else "fixed") for kind, value in controls.items()), name


def test_a_wire_bends_around_nodes_and_no_further():
    boxes = {1: Box(0, 0, 100, 100), 2: Box(150, 0, 100, 300), 3: Box(300, 0, 100, 100)}
    (points,) = bend([Wire(1, (100, 14), (300, 14), (1, 3))], boxes).values()
    x, y = curve(Wire(1, (100, 14), (300, 14), (1, 3)), points)
    assert not ((x > 150) & (x < 250) & (y > -TITLE) & (y < 300)).any() and len(points) <= 2
    assert bend([Wire(2, (100, 14), (150, 14), (1, 2))], boxes) == {}  # neighbours need no bend


def test_bends_lie_apart():
    for name, graph in GRAPHS.items():
        points = [reroute["pos"] for reroute in graph["extra"]["reroutes"]]
        for (ax, ay), (bx, by) in combinations(points, 2):
            assert (ax - bx) ** 2 + (ay - by) ** 2 >= 20**2, name


def test_a_node_without_a_place_and_a_file_that_is_no_graph_are_refused(tmp_path, capsys):
    graph = copy.deepcopy(GRAPHS["predict"])
    graph["nodes"][0]["type"] = "Unheard"
    with pytest.raises(GraphError, match="no place is known for Unheard: add lines to PLACES"):
        lay_out(graph)
    path = tmp_path / "graph.json"
    path.write_text("{")
    assert main(["layout", str(path)]) == 2 and "is not a JSON file" in capsys.readouterr().err
    assert main(["layout", str(tmp_path / "absent.json")]) == 2 and path.read_text() == "{"

"""Damaged, hostile and huge graphs: each is refused in a sentence or runs, and none takes more than its size says."""

import copy
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from vdt_studio.engine import validate
from vdt_studio.errors import GraphError, NodeRef, one_line
from vdt_studio.graph import Link, load_workflow, read_workflow
from vdt_studio.graph.records import ApiNode, Graph, from_api
from vdt_studio.limits import MAX_LEVELS, MAX_NODES
from vdt_studio.server.wire import MAX_DEPENDENT, node_errors

ROOT = Path(__file__).parents[2]
FAILED_BEFORE = {  # as found by fuzzing; each is a traceback at the start of this file's history
    "widgets_int": {"nodes": [{"id": 1, "type": "Grey", "widgets_values": 5}], "links": []},
    "widgets_text": {"nodes": [{"id": 1, "type": "Grey", "widgets_values": "text"}], "links": []},
    "meta_text": {"1": {"class_type": "SaveImage", "inputs": {}, "_meta": "x"}},
    "mode_inf": {"nodes": [{"id": 1, "type": "Grey", "mode": 1e999}], "links": []},
    "slot_inf": {"nodes": [{"id": 1, "type": "Grey"}], "links": [[1, 1, 1e999, 1, 0, "IMAGE"]]},
    "node_text": {"nodes": ["Grey"], "links": []},
    "links_number": {"nodes": [], "links": 7},
    "definitions_list": {"nodes": [], "links": [], "definitions": [1]},
    "subgraph_without_nodes": {"nodes": [{"id": 1, "type": "s"}], "definitions": {"subgraphs": [{"id": "s"}]}},
    "side_as_type": {
        "nodes": [
            {"id": 1, "type": "side of a subgraph", "widgets_values": [3]},
            {"id": 2, "type": "Show", "inputs": [{"name": "value", "type": "INT", "link": 1}]},
        ],
        "links": [[1, 1, 3, 2, 0, "INT"]],
    },
    "load_image_number": {"1": {"class_type": "LoadImage", "inputs": {"image": 5}}},
    "link_of_truth": {"1": {"class_type": "Show", "inputs": {"value": ["1", True]}}},
    "extra_data_list": {"prompt": {"1": {"class_type": "Show", "inputs": {}}}, "extra_data": [1]},
}
VALUES = (None, 0, -1, 5, 1e999, 10**400, "x", "", "é" * 300, [], [1], {}, {"a": 1}, True, ["1", 0], "2" * 5000)
SHAPES = ("workflow", "api")


def outcome(data, registry):
    """None for a graph that can be read, checked and written; the sentence of what is wrong with it."""
    try:
        graph = read_workflow(data, registry).graph
        found = validate(graph, registry)
        json.dumps(found.graph.to_api())
        json.dumps(node_errors(graph, found.problems, [node.id for node in graph]))
    except GraphError as error:
        return str(error)
    return None


def test_graphs_that_failed_are_refused_or_read(registry):
    for name, data in FAILED_BEFORE.items():
        said = outcome(data, registry)
        assert said is None or (len(said) < 400 and "\n" not in said), name
    assert "widgets_values 5, expected a list" in outcome(FAILED_BEFORE["widgets_int"], registry)
    assert "mode inf, expected a small whole number" in outcome(FAILED_BEFORE["mode_inf"], registry)


def places(value, path=()):
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        yield from places(item, (*path, key))


def changed(data, path, value):
    data = copy.deepcopy(data)
    if not path:
        return value
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return data


@pytest.fixture(scope="module")
def samples():
    """One small graph of each form that uses most of what graphs can hold."""
    inner = {
        "id": "sub",
        "name": "Inside",
        "nodes": [{"id": 1, "type": "Number", "widgets_values": [5, 0, "fixed", "plain"], "inputs": []}],
        "links": [{"id": 1, "origin_id": 1, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "INT"}],
        "inputs": [{"name": "a", "type": "INT"}],
        "outputs": [{"name": "b", "type": "INT"}],
    }
    workflow = {
        "nodes": [
            {"id": 1, "type": "Grey", "mode": 0, "widgets_values": [0.5, 3], "properties": {"cnr_id": "x"}},
            {"id": 2, "type": "Reroute", "inputs": [{"name": "", "type": "*", "link": 1}]},
            {
                "id": 3,
                "type": "SaveVideo",
                "title": "Save",
                "inputs": [{"name": "video", "type": "VIDEO", "link": 2}],
                "widgets_values": ["v", "auto", "auto", "auto"],
                "widgets_values_named": {
                    "filename_prefix": "v",
                    "format": "auto",
                    "format.codec": "auto",
                    "codec": "auto",
                },
            },
            {"id": 4, "type": "sub", "outputs": [{"name": "b", "type": "INT"}], "widgets_values": []},
            {"id": 5, "type": "Show", "inputs": [{"name": "value", "type": "INT", "link": 3}], "widgets_values": [1]},
            {"id": 6, "type": "PreviewImage", "inputs": [{"name": "images", "type": "IMAGE", "link": 4}]},
        ],
        "links": [
            [1, 1, 0, 2, 0, "IMAGE"],
            [2, 2, 0, 3, 0, "VIDEO"],
            [3, 4, 0, 5, 0, "INT"],
            [4, 2, 0, 6, 0, "IMAGE"],
        ],
        "definitions": {"subgraphs": [inner]},
    }
    api = {
        "1": {"class_type": "Grey", "inputs": {"value": 0.5, "frames": 3}, "_meta": {"title": "Grey"}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        "3": {"class_type": "Show", "inputs": {"value": 3, "other": {"__value__": [1]}}},
    }
    return {"workflow": workflow, "api": api}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_field_may_be_anything(registry, samples, shape):
    """Each place of a valid graph, with each odd value: no exception but GraphError leaves."""
    data, tried = samples[shape], 0
    for path in places(data):
        for value in VALUES:
            said = outcome(changed(data, path, value), registry)
            assert said is None or len(said) < 600, (path, value, said)
            tried += 1
    assert tried > 300


@pytest.mark.parametrize("shape", SHAPES)
def test_fields_may_be_missing_or_swapped(registry, samples, shape):
    generator = random.Random(0)
    paths = [path for path in places(samples[shape]) if path]
    for _ in range(600):
        data = copy.deepcopy(samples[shape])
        for _ in range(generator.randint(1, 4)):
            path = generator.choice(paths)
            other = data
            try:
                for key in path[:-1]:
                    other = other[key]
                if generator.random() < 0.5:
                    del other[path[-1]]
                else:
                    other[path[-1]] = copy.deepcopy(generator.choice([data, *data.values()]))
            except (KeyError, IndexError, TypeError):
                continue
        outcome(data, registry)


def test_deep_and_many(registry, tmp_path):
    deep = []
    for _ in range(MAX_LEVELS + 2):
        deep = [deep]
    assert "nested more than" in outcome({"1": {"class_type": "Show", "inputs": {"value": deep}}}, registry)
    path = tmp_path / "deep.json"
    path.write_text('{"nodes": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(GraphError, match="too deep"):
        load_workflow(path, registry)
    many = {str(number): {"class_type": "Show", "inputs": {}} for number in range(MAX_NODES + 1)}
    assert f"at most {MAX_NODES}" in outcome(many, registry)


def test_subgraphs_that_multiply_are_refused(registry):
    """Sixteen levels of ten each: a file of two kilobytes, and more nodes than there are atoms in a cell."""
    subgraphs = [
        {"id": f"s{level}", "nodes": [{"id": n, "type": f"s{level + 1}"} for n in range(10)], "links": []}
        for level in range(16)
    ]
    data = {"nodes": [{"id": 1, "type": "s0"}], "links": [], "definitions": {"subgraphs": subgraphs}}
    assert f"at most {MAX_NODES}" in outcome(data, registry)
    chain = [{"id": f"s{level}", "nodes": [{"id": 1, "type": f"s{level + 1}"}]} for level in range(2000)]
    data["definitions"]["subgraphs"] = chain
    assert "levels deep within each other" in outcome(data, registry)


# ---- Time -----------------------------------------------------------------------------------------------------------


def ladder(count, kind="Add"):
    """A chain in which each node reads the one before it twice: as many ways through as there are numbers."""
    nodes = {"0": ApiNode(id="0", class_type="Number", inputs={"value": 1, "seed": 0, "mode": "plain"})}
    for number in range(1, count):
        source = Link(str(number - 1), 0)
        nodes[str(number)] = ApiNode(id=str(number), class_type=kind, inputs={"a": source, "b": source, "label": ""})
    return nodes


def visits(monkeypatch, function):
    """How often the links of a node are looked up while a function runs."""
    counter = Counter()
    plain = ApiNode.links.fget

    def counted(node):
        counter["links"] += 1
        return plain(node)

    monkeypatch.setattr(ApiNode, "links", property(counted))
    function()
    monkeypatch.undo()
    return counter["links"]


def test_the_work_of_a_validation_grows_with_the_graph(registry, monkeypatch):
    """Counted, not timed: many outputs over one long chain, all invalid."""
    per_node = []
    for count in (100, 400):
        nodes = ladder(count)
        for number in range(count):
            nodes[f"o{number}"] = ApiNode(
                id=f"o{number}", class_type="Show", inputs={"value": Link(str(number), 0), "x": 1}
            )
        nodes["0"] = ApiNode(id="0", class_type="Number", inputs={"value": "none"})
        graph = Graph(nodes)

        def both(graph=graph):
            found = validate(graph, registry)
            assert found.outputs == () and found.problems
            node_errors(graph, found.problems, [node.id for node in graph if node.class_type == "Show"])

        per_node.append(visits(monkeypatch, both) / len(nodes))
    assert per_node[1] < 1.5 * per_node[0] and per_node[1] < 3 * MAX_DEPENDENT


def test_schemas_are_made_once_for_a_class(registry, monkeypatch):
    made = Counter()
    kind = type(registry.types["Show"])
    plain = kind.info
    monkeypatch.setattr(kind, "info", lambda self: made.update([self.name]) or plain(self))
    graph = Graph({str(n): ApiNode(id=str(n), class_type="Show", inputs={"value": 1}) for n in range(50)})
    assert len(validate(graph, registry).outputs) == 50 and made["Show"] == 1
    made.clear()
    read_workflow({"nodes": [{"id": n, "type": "Show"} for n in range(50)], "links": []}, registry)
    assert made["Show"] == 1


def test_circles_are_said_and_listed(registry, api):
    graph = api({"1": ("Add", {"a": ["2", 0], "label": ""}), "2": ("Add", {"a": ["1", 0], "label": ""})})
    graph = graph.replace(ApiNode(id="3", class_type="Show", inputs={"value": Link("1", 0)}))
    found = validate(graph, registry)
    (problem,) = found.problems
    assert problem.kind == "dependency_cycle" and "run in a circle" in problem.sentence
    errors = node_errors(graph, found.problems, ["3"])
    assert [entry["dependent_outputs"] for entry in errors.values()] == [["3"]]
    long = ladder(3000)
    long["0"] = ApiNode(id="0", class_type="Add", inputs={"a": Link("2999", 0), "label": ""})
    long["o"] = ApiNode(id="o", class_type="Show", inputs={"value": Link("2999", 0)})
    (problem,) = validate(Graph(long), registry).problems
    assert len(problem.sentence) < 400 and "..." in problem.sentence


# ---- Numbers --------------------------------------------------------------------------------------------------------


def test_numbers_are_bounded_before_they_are_used(registry, api):
    for value in (10**400, -(10**400), 1e999, "9" * 5000, 2**64, "1e3", float("nan"), [], {"a": 1}):
        found = validate(api({"1": ("Show", {"value": value})}), registry)
        assert found.outputs == (), value
        assert len(found.problems[0].sentence) < 200, value
    for value in (0, 2**64 - 1, "12", 3.0):
        assert validate(api({"1": ("Show", {"value": value})}), registry).outputs == ("1",), value


def test_a_link_of_no_input_breaks_nothing(registry, api):
    """An input that the class lacks is left out, wherever its link leads."""
    for link in (["9", 0], ["1", 7], ["2", 0]):
        graph = api({"1": ("Number", {"value": 1, "seed": 0, "mode": "plain"}), "2": ("Show", {"value": ["1", 0]})})
        node = graph["2"]
        more = {**node.inputs, "stray": Link(link[0], link[1])}
        found = validate(graph.replace(ApiNode(id="2", class_type="Show", inputs=more)), registry)
        assert found.outputs == ("2",) or "circle" in found.problems[0].sentence


def test_api_titles_and_packs_are_read(registry):
    data = {"1": {"class_type": "Nowhere", "inputs": {}, "_meta": {"title": 7, "cnr_id": "some-pack"}}}
    assert from_api(data)["1"].title is None
    assert "from the pack 'some-pack'" in validate(from_api(data), registry).problems[0].sentence


def test_names_of_any_text_stay_one_line_in_sentences():
    text = "## Two\nlines\n" + 300 * "x"
    for ref in (
        NodeRef(id=text, class_type="A"),
        NodeRef(id="1", class_type=text),
        NodeRef(id="1", class_type="A", title=text),
    ):
        assert "\n" not in str(ref) and len(str(ref)) < 120
    assert one_line("VDT Sampler") == "VDT Sampler"

"""What the editor saves becomes what the server would have been sent."""

import json

import pytest

from vdt_studio.errors import GraphError
from vdt_studio.graph import Link, load_workflow, read_workflow
from vdt_studio.graph.overrides import apply_override, parse_override


def inputs_of(data, registry, node_id):
    return dict(read_workflow(data, registry).graph[str(node_id)].inputs)


def test_values_go_by_position_and_skip_the_control_entry(canvas, registry):
    data = canvas([(7, "Number", {"widgets_values": [5, 12, "randomize", "double"]})])
    assert inputs_of(data, registry, 7) == {"value": 5, "seed": 12, "mode": "double"}
    data = canvas([(7, "Number", {"widgets_values": [5, 12, "double"]})])  # saved without the control entry
    assert inputs_of(data, registry, 7) == {"value": 5, "seed": 12, "mode": "double"}


def test_old_files_get_defaults_and_named_values_work(canvas, registry):
    assert inputs_of(canvas([(1, "Number", {"widgets_values": [5]})]), registry, 1)["mode"] == "plain"
    data = canvas([(1, "Number", {"widgets_values": {"mode": "double", "value": 3}})])
    assert inputs_of(data, registry, 1) == {"value": 3, "seed": 0, "mode": "double"}


def test_upload_buttons_are_left_out(canvas, registry):
    data = canvas([(1, "LoadImageMask", {"widgets_values": ["a.png", "red", "image"]})])
    assert inputs_of(data, registry, 1) == {"image": "a.png", "channel": "red"}


def test_a_converted_widget_keeps_its_position_and_takes_the_link(canvas, registry):
    nodes = [
        (1, "Number", {"widgets_values": [5, 0, "fixed", "plain"]}),
        (
            2,
            "Number",
            {"widgets_values": [9, 3, "fixed", "double"], "inputs": [{"name": "seed", "type": "INT", "widget": {}}]},
        ),
    ]
    data = canvas(nodes, [(1, 0, 2, "seed", "INT")])
    assert inputs_of(data, registry, 2) == {"value": 9, "seed": Link("1", 0), "mode": "double"}


def test_inputs_that_only_take_links_have_no_position(canvas, registry):
    assert inputs_of(canvas([(1, "Add", {"widgets_values": [4, "text"]})]), registry, 1) == {"a": 4, "label": "text"}


def test_links_as_objects_read_as_lists_do(canvas, registry):
    data = canvas([(1, "Number", {}), (2, "Show", {})], [(1, 0, 2, "value", "INT")])
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    newer = {**data, "links": [dict(zip(keys, link, strict=True)) for link in data["links"]]}
    assert inputs_of(newer, registry, 2) == inputs_of(data, registry, 2) == {"value": Link("1", 0)}


def test_reroutes_are_followed(canvas, registry):
    nodes = [(1, "Grey", {}), (2, "Reroute", {}), (3, "Reroute", {}), (4, "PreviewImage", {})]
    links = [(1, 0, 2, "", "*"), (2, 0, 3, "", "*"), (3, 0, 4, "images", "IMAGE")]
    graph = read_workflow(canvas(nodes, links), registry).graph
    assert [node.id for node in graph] == ["1", "4"]
    assert graph["4"].inputs == {"images": Link("1", 0)}


def test_primitives_become_values(canvas, registry):
    nodes = [
        (1, "PrimitiveNode", {"widgets_values": [42, "fixed"]}),
        (2, "Show", {"widgets_values": [7]}),
        (3, "Reroute", {}),
        (4, "Show", {"widgets_values": [7]}),
    ]
    links = [(1, 0, 2, "value", "INT"), (1, 0, 3, "", "*"), (3, 0, 4, "value", "INT")]
    graph = read_workflow(canvas(nodes, links), registry).graph
    assert graph["2"].inputs == graph["4"].inputs == {"value": 42}
    assert "1" not in graph


def test_notes_are_left_out(canvas, registry):
    data = canvas([(1, "Note", {"widgets_values": ["x"]}), (2, "MarkdownNote", {}), (3, "Show", {})])
    assert [node.id for node in read_workflow(data, registry).graph] == ["3"]


def pick(mode):
    slots = [("mask", "MASK"), ("image", "IMAGE"), ("other", "IMAGE")]
    return {
        "mode": mode,
        "title": "Choose",
        "inputs": [{"name": name, "type": kind, "link": None} for name, kind in slots],
        "outputs": [{"name": "image", "type": "IMAGE"}],
    }


@pytest.mark.parametrize("through", ["image", "other"])
def test_a_bypassed_node_passes_on_the_input_of_its_output_type(canvas, registry, through):
    nodes = [(1, "Grey", {}), (2, "Pick", pick(4)), (3, "PreviewImage", {})]
    links = [(1, 1, 2, "mask", "MASK"), (1, 0, 2, through, "IMAGE"), (2, 0, 3, "images", "IMAGE")]
    graph = read_workflow(canvas(nodes, links), registry).graph
    assert "2" not in graph
    assert graph["3"].inputs == {"images": Link("1", 0)}


def test_muted_and_empty_bypassed_nodes_leave_a_reason(canvas, registry):
    for mode, word in ((2, "muted"), (4, "bypassed")):
        nodes = [(2, "Pick", pick(mode)), (3, "PreviewImage", {})]
        node = read_workflow(canvas(nodes, [(2, 0, 3, "images", "IMAGE")]), registry).graph["3"]
        assert node.inputs == {}
        assert 'node 2 "Choose" (Pick)' in node.lost["images"] and word in node.lost["images"]


def test_reroutes_in_a_circle_end(canvas, registry):
    nodes = [(1, "Reroute", {}), (2, "Reroute", {}), (3, "PreviewImage", {})]
    links = [(1, 0, 2, "", "*"), (2, 0, 1, "", "*"), (2, 0, 3, "images", "IMAGE")]
    assert "circle" in read_workflow(canvas(nodes, links), registry).graph["3"].lost["images"]


def subgraph(canvas, name, nodes, links, inputs, outputs):
    """A definition; wires as (origin, slot, target, input, type), with -10 and -20 for its sides."""
    made = canvas(nodes, [])
    by_id = {node["id"]: node for node in made["nodes"]}
    wires = []
    for number, (origin, slot, target, place, kind) in enumerate(links, 1):
        if target != -20:
            by_id[target].setdefault("inputs", []).append({"name": place, "type": kind, "link": number})
        end = place if target == -20 else 0
        wires.append({"id": number, "origin_id": origin, "origin_slot": slot, "target_id": target, "target_slot": end})
    sides = [[{"name": name, "type": kind, "linkIds": []} for name, kind in side] for side in (inputs, outputs)]
    return {"id": name, "name": name, "nodes": made["nodes"], "links": wires, "inputs": sides[0], "outputs": sides[1]}


def test_a_subgraph_becomes_its_nodes_under_the_editors_ids(canvas, registry):
    inside = subgraph(
        canvas,
        "chain",
        [(1, "Grey", {}), (2, "Pick", pick(0)), (3, "Number", {"widgets_values": [7, 0, "fixed", "plain"]})],
        [
            (-10, 0, 2, "images", "IMAGE"),
            (1, 0, 2, "mask", "MASK"),
            (-10, 1, 3, "value", "INT"),
            (2, 0, -20, 0, "IMAGE"),
        ],
        [("images", "IMAGE"), ("number", "INT")],
        [("images", "IMAGE")],
    )
    number = {"name": "number", "type": "INT", "link": None, "widget": {"name": "number"}}
    data = canvas([(4, "Grey", {}), (5, "chain", {}), (6, "PreviewImage", {})], [(5, 0, 6, "images", "IMAGE")])
    instance = data["nodes"][1]
    instance |= {"inputs": [{"name": "images", "type": "IMAGE", "link": 99}, number], "widgets_values": [12]}
    data["links"].append([99, 4, 0, 5, 0, "IMAGE"])
    data["definitions"] = {"subgraphs": [inside]}
    graph = read_workflow(data, registry).graph
    assert set(graph.nodes) == {"4", "5:1", "5:2", "5:3", "6"}
    assert graph["6"].inputs == {"images": Link("5:2", 0)}
    assert graph["5:2"].inputs["images"] == Link("4", 0) and graph["5:2"].inputs["mask"] == Link("5:1", 0)
    assert graph["5:3"].inputs["value"] == 12  # the instance's own
    del instance["widgets_values"]
    assert read_workflow(data, registry).graph["5:3"].inputs["value"] == 7  # what stands inside


def test_subgraphs_within_subgraphs(canvas, registry):
    inner = subgraph(canvas, "inner", [(1, "Grey", {})], [(1, 0, -20, 0, "IMAGE")], [], [("images", "IMAGE")])
    outer = subgraph(canvas, "outer", [(7, "inner", {})], [(7, 0, -20, 0, "IMAGE")], [], [("images", "IMAGE")])
    data = canvas([(2, "outer", {}), (3, "PreviewImage", {})], [(2, 0, 3, "images", "IMAGE")])
    data["definitions"] = {"subgraphs": [outer, inner]}
    assert read_workflow(data, registry).graph["3"].inputs == {"images": Link("2:7:1", 0)}
    data["nodes"][0]["mode"] = 2
    assert list(read_workflow(data, registry).graph.nodes) == ["3"]
    data["nodes"][0]["mode"] = 0
    inner["nodes"][0]["type"] = "outer"
    with pytest.raises(GraphError, match="'outer' contains itself"):
        read_workflow(data, registry)


def test_group_nodes_of_old_are_refused_by_name(canvas, registry):
    with pytest.raises(GraphError, match=r"node 6 is the group node 'workflow>Old'.*unpack"):
        read_workflow(canvas([(6, "workflow>Old", {})]), registry)


def test_api_graphs_pass_through(registry):
    data = {
        "3": {"class_type": "Show", "inputs": {"value": ["1", 0]}, "_meta": {"title": "Result"}},
        "1": {"class_type": "Number", "inputs": {"value": 4, "list": {"__value__": [1, 2]}}},
    }
    workflow = read_workflow(data, registry)
    assert workflow.ui is None
    assert workflow.graph.to_api() == data
    assert read_workflow({"prompt": data, "client_id": "x"}, registry).graph.to_api() == data


def test_what_is_no_workflow_is_said(registry):
    for data in ([], {}, 3, {"1": {"inputs": {}}}, {"1": 5}, {"nodes": [{"id": 1}]}):
        with pytest.raises(GraphError, match="workflow"):
            read_workflow(data, registry)


def test_unreadable_files_are_said(tmp_path, registry):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(GraphError, match="not a JSON file"):
        load_workflow(tmp_path / "broken.json", registry)
    with pytest.raises(GraphError, match="no such file"):
        load_workflow(tmp_path / "absent.json", registry)


def test_overrides_find_nodes_by_id_title_and_class(registry):
    data = {
        "1": {"class_type": "Number", "inputs": {"value": 1}, "_meta": {"title": "v1.5 start"}},
        "2": {"class_type": "Add", "inputs": {"a": ["1", 0], "label": ""}},
    }
    workflow = read_workflow(data, registry)

    def inputs(text):
        node_id = "2" if text.startswith("2") else "1"
        return apply_override(workflow, parse_override(text), registry).graph[node_id].inputs

    for text in ("1.value=7", "v1.5 start.value=7", "Number.value=7"):
        assert inputs(text)["value"] == 7
    assert inputs("2.a=5")["a"] == 5  # in place of a link
    assert inputs("2.label=5=x")["label"] == "5=x"
    assert inputs("1.mode=double")["mode"] == "double"


@pytest.mark.parametrize("values", [[5, 1, "fixed", "plain"], {"value": 5, "seed": 1, "mode": "plain"}])
def test_overrides_are_in_the_drawn_graph_too(canvas, registry, values):
    workflow = read_workflow(canvas([(1, "Number", {"widgets_values": values})]), registry)
    before = json.dumps(workflow.ui)
    for text in ("1.mode=double", "1.value=7"):
        workflow = apply_override(workflow, parse_override(text), registry)
    assert workflow.graph["1"].inputs == {"value": 7, "seed": 1, "mode": "double"}
    assert read_workflow(workflow.ui, registry).graph == workflow.graph
    assert before == json.dumps(canvas([(1, "Number", {"widgets_values": values})]))


def test_an_override_without_a_place_on_the_canvas_leaves_the_executed_graph(canvas, registry):
    entry = {"widgets_values": [5]}  # of a time before there was a mode
    workflow = read_workflow(canvas([(1, "Number", entry)]), registry)
    changed = apply_override(workflow, parse_override("1.mode=double"), registry)
    assert changed.ui is None and changed.graph["1"].inputs["mode"] == "double"


def test_bad_overrides_are_said(registry):
    data = {name: {"class_type": kind, "inputs": {}} for name, kind in (("1", "Number"), ("3", "Show"), ("4", "Show"))}
    for text in ("9.value=1", "1.nothing=1", "value=1", "1.value", "Show.value=1"):
        with pytest.raises(GraphError, match="--set"):
            apply_override(read_workflow(data, registry), parse_override(text), registry)


def test_the_graph_survives_json(canvas, registry):
    data = canvas([(1, "Number", {"widgets_values": [5, 1, "fixed", "plain"]})])
    assert read_workflow(json.loads(json.dumps(data)), registry).graph == read_workflow(data, registry).graph

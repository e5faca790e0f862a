"""Graphs of two versions of ComfyUI become the prompts that their own editors make of them."""

import copy
import json
from pathlib import Path

import pytest

from vdt_studio.engine import validate
from vdt_studio.graph import Link, read_workflow
from vdt_studio.graph.overrides import apply_override, parse_override
from vdt_studio.pack import register_pack
from vdt_studio.registry import NodeType, Registry, Verdict

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
# Inputs that only the editor has: buttons, players, what it draws. No server reads them.
ONLY_SHOWN = {"audioUI", "refresh", "preview", "compare_view", "index", "option1", "upload", "image"}


GOLDEN = Path(__file__).parent / "golden"
VERSIONS = ("0.3.64", "0.33")


class Recorded(NodeType):
    """A node class of which only the description is known."""

    takes_lists, is_idempotent = False, True

    def __init__(self, name, info):
        super().__init__(name, object, "recorded")
        self._info = info

    def info(self):
        return self._info

    def bind(self, hidden, values):
        raise NotImplementedError

    def validate(self, constants, types):
        return Verdict()

    def _check(self, name):
        return None


def read(kind, version):
    return json.loads((GOLDEN / f"{kind}_{version}.json").read_text(encoding="utf-8"))


def recorded(version, *more):
    """A registry of the stock nodes of a version, and these node types."""
    made = Registry()
    for name, info in read("schemas", version).items():
        made.types[name] = Recorded(name, info)
    for node in more:
        made.types[node.name] = node
    return made


def editor_graphs(version):
    """(name, graph as the editor saves it, prompt as it queues it)."""
    for entry in read("editor", version):
        graph = {"nodes": entry["nodes"], "links": entry["links"], "version": 0.4}
        yield f"{entry['name']} {entry['tag']}", graph, entry["prompt"]


# ---- The editor's own conversion -------------------------------------------------------------------------------------


def positional(graph):
    """As older editors save: no names, and only linked widgets have a slot."""
    graph = copy.deepcopy(graph)
    for node in graph["nodes"]:
        node.pop("widgets_values_named", None)
        node["inputs"] = [slot for slot in node.get("inputs", ()) if slot.get("link") or "widget" not in slot]
    return graph


def named(graph):
    """With names alone."""
    graph = copy.deepcopy(graph)
    for node in graph["nodes"]:
        if "widgets_values_named" in node:
            node.pop("widgets_values", None)
    return graph


def differences(graph, prompt, registry):
    ours = {key: entry["inputs"] for key, entry in read_workflow(graph, registry).graph.to_api().items()}
    for key in {*ours, *prompt}:
        if key not in ours or key not in prompt:
            yield key
            continue
        theirs = prompt[key]["inputs"]
        known = set(registry.get(prompt[key]["class_type"]).schema().inputs)
        for name in {*ours[key], *theirs}:
            only_shown = name in ONLY_SHOWN and name not in known
            if ours[key].get(name) != theirs.get(name) and not only_shown:
                yield f"{key}.{name}: {ours[key].get(name)!r}, the editor has {theirs.get(name)!r}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", [copy.deepcopy, positional, named])
def test_the_prompt_is_that_of_the_editor(version, form):
    registry = recorded(version)
    wrong = {
        name: found
        for name, graph, prompt in editor_graphs(version)
        if (version != "0.3.64" or form is not named) and (found := list(differences(form(graph), prompt, registry)))
    }
    assert not wrong


def test_the_corpus_has_every_kind_of_input():
    text = json.dumps(read("schemas", "0.33"))
    kinds = ("COMFY_DYNAMICCOMBO_V3", "COMFY_AUTOGROW_V3", "COMFY_MATCHTYPE_V3", "widgetType", "forceInput")
    assert all(kind in text for kind in (*kinds, '"hidden": true', "control_after_generate", "BOUNDING_BOX", "COLOR"))
    assert len(list(editor_graphs("0.33"))) > 300 and len(list(editor_graphs("0.3.64"))) > 100


# ---- The pack's graphs -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pack_nodes(tmp_path_factory):
    from vdt_studio import shim
    from vdt_studio.paths import Folders

    folder = tmp_path_factory.mktemp("folders")
    shim.install(Folders(input=folder, output=folder, temp=folder, models=folder), device="cpu")
    registry = Registry()
    register_pack(registry, ROOT)
    return list(registry.types.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_packs_graphs_are_valid_prompts(pack_nodes, version):
    """Nothing is wrong with them but files that are not here."""
    registry = recorded(version, *pack_nodes)
    for path in WORKFLOWS:
        graph = read_workflow(json.loads(path.read_text(encoding="utf-8")), registry).graph
        found = validate(graph, registry).problems
        assert [problem for problem in found if not is_about_files(problem)] == [], path.stem
        for node in graph:
            missing = [
                spec.id
                for spec in registry.get(node.class_type).schema().active(node.inputs).specs.values()
                if spec.required and spec.id not in node.inputs
            ]
            assert not missing, (path.stem, node.ref, missing)


def is_about_files(problem):
    """Whether a name of a file was looked for, in vain."""
    words = ("there is no", "one of a list that is empty", "example.png", ".safetensors", "expected one of ")
    named = problem.input_name in ("image", "file", "unet_name", "clip_name", "vae_name", None)
    return named and any(word in problem.sentence for word in words)


def test_save_video_of_every_version_is_whole(pack_nodes):
    data = json.loads((ROOT / "workflows/predict.json").read_text(encoding="utf-8"))
    (saved,) = [node for node in data["nodes"] if node["type"] == "SaveVideo"]
    for version, wanted in (
        ("0.3.64", {"format": "auto", "codec": "auto"}),
        ("0.33", {"format": "auto", "format.codec": "auto", "codec": "auto"}),
    ):
        graph = read_workflow(data, recorded(version, *pack_nodes)).graph
        inputs = dict(graph[str(saved["id"])].inputs)
        assert {name: value for name, value in inputs.items() if "format" in name or "codec" in name} == wanted


# ---- Single rules ----------------------------------------------------------------------------------------------------


def one(kind, version="0.33", **node):
    registry = recorded(version)
    data = {"nodes": [{"id": 1, "type": kind, **node}], "links": []}
    return dict(read_workflow(data, registry).graph["1"].inputs)


def test_dynamic_combos_bring_their_widgets_where_they_stand():
    chosen = one("ResizeImageMaskNode", widgets_values=["scale by multiplier", 2.5, "lanczos"])
    expected = {"resize_type": "scale by multiplier", "resize_type.multiplier": 2.5, "scale_method": "lanczos"}
    assert chosen == expected
    deep = one("SaveVideo", widgets_values=["v", "mp4", "h264", "re-encode", 18.0, "sRGB", "auto"])
    assert deep["format.codec.encoding.crf"] == 18.0 and deep["codec"] == "auto"
    assert one("SaveVideo", widgets_values=["v", "auto", "auto"])["format.codec"] == "auto"
    unknown = one("ResizeImageMaskNode", widgets_values=["by magic", "lanczos"])
    assert unknown == {"resize_type": "by magic", "scale_method": "lanczos"}


def test_names_of_a_file_tell_its_positions():
    """A file of another version of a node: a widget of its own stands between those that are known here."""
    values = {"filename_prefix": "v", "quality": 3, "format": "mp4", "format.codec": "h264"}
    chosen = one("SaveVideo", widgets_values=list(values.values()), widgets_values_named=values)
    assert (chosen["filename_prefix"], chosen["format"], chosen["format.codec"]) == ("v", "mp4", "h264")
    alone = one("SaveVideo", widgets_values_named=values)
    assert (alone["format"], alone["format.codec.encoding"]) == ("mp4", "auto")


def test_a_list_that_was_edited_counts_before_stale_names():
    values = {"filename_prefix": "old", "format": "mp4", "format.codec": "auto", "codec": "auto"}
    chosen = one("SaveVideo", widgets_values=["new", "mp4", "auto", "auto"], widgets_values_named=values)
    assert chosen["filename_prefix"] == "new"


def test_grown_groups_take_their_links_by_name(canvas):
    registry = recorded("0.33")
    data = canvas(
        [(1, "EmptyImage", {}), (2, "BatchImagesNode", {}), (3, "PreviewImage", {})],
        [(1, 0, 2, "images.image0", "IMAGE"), (1, 0, 2, "images.image1", "IMAGE"), (2, 0, 3, "images", "IMAGE")],
    )
    graph = read_workflow(data, registry).graph
    assert graph["2"].inputs == {"images.image0": Link("1", 0), "images.image1": Link("1", 0)}
    assert validate(graph, registry).problems == ()
    schema = registry.get("BatchImagesNode").schema()
    nested = schema.active(graph["2"].inputs).nested({"images.image0": 1, "images.image1": 2})
    assert nested == {"images": {"image0": 1, "image1": 2}}
    empty = read_workflow(canvas([(2, "BatchImagesNode", {}), (3, "PreviewImage", {})], data["links"][:0]), registry)
    assert "images.image0" in schema.active(empty.graph["2"].inputs).specs  # one of them it must have


def test_what_a_function_gets_is_nested():
    schema = recorded("0.33").get("SaveVideo").schema()
    values = {"format": "mp4", "format.codec": "h264", "filename_prefix": "v", "codec": "auto"}
    made = schema.active(values).nested(values)
    assert made["format"] == {"format": "mp4", "codec": {"codec": "h264"}} and made["filename_prefix"] == "v"
    assert made["codec"] == {"codec": "auto"}


def test_a_bypassed_node_of_several_types_passes_on_what_fits(canvas, registry):
    slots = [{"name": "input", "type": "IMAGE,MASK", "link": None}]
    outputs = [{"name": "resized", "type": "IMAGE"}]
    nodes = [
        (1, "Grey", {}),
        (2, "ResizeImageMaskNode", {"mode": 4, "inputs": slots, "outputs": outputs}),
        (3, "PreviewImage", {}),
    ]
    data = canvas(nodes, [(1, 0, 2, "input", "IMAGE"), (2, 0, 3, "images", "IMAGE")])
    assert read_workflow(data, registry).graph["3"].inputs == {"images": Link("1", 0)}


def test_overrides_reach_inputs_that_others_bring():
    registry = recorded("0.33")
    node = {"id": 1, "type": "SaveVideo", "widgets_values": ["v", "auto", "auto", "auto"]}
    named = {"filename_prefix": "v", "format": "auto", "format.codec": "auto", "codec": "auto"}
    data = {"nodes": [{**node, "widgets_values_named": named}], "links": []}
    workflow = read_workflow(data, registry)
    changed = apply_override(workflow, parse_override("SaveVideo.filename_prefix=w"), registry)
    drawn = changed.ui["nodes"][0]
    assert (drawn["widgets_values"][0], drawn["widgets_values_named"]["filename_prefix"]) == ("w", "w")
    other = apply_override(workflow, parse_override("SaveVideo.format=webm"), registry)
    assert other.graph["1"].inputs["format.codec"] == "auto" and other.ui is None  # the canvas has other widgets then

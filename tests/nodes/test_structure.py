"""Rules for node files that a machine can check, and the object_info that saved graphs depend on."""

import ast
import copy
import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "nodes").glob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
STORED = json.loads((ROOT / "tests/nodes/object_info.json").read_text(encoding="utf-8"))
MATHS = {"convert.py", "native.py", "host.py"}  # the adapters; all other files only wire
MAX_EXECUTE_LINES = 15


def tools():
    spec = importlib.util.spec_from_file_location("object_info_tools", ROOT / "tests/nodes/object_info_tools.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def executes():
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == "execute":
                yield pytest.param(node, id=f"{path.stem}-{node.lineno}")


@pytest.mark.parametrize("function", list(executes()))
def test_execute_only_wires(function):
    body = function.body
    assert body[-1].end_lineno - body[0].lineno + 1 <= MAX_EXECUTE_LINES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_the_adapters_do_maths_or_touch_comfyui(path):
    tree = TREES[path]
    roots = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            roots.add(node.module.split(".")[0])
    if path.name not in {"host.py", "native.py"}:
        assert not roots & {"comfy", "folder_paths", "server", "nodes"}
    if path.name not in MATHS:
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not {call for call in calls if call.startswith("torch.")}


def test_the_root_imports_nothing_before_it_is_asked():
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    assert not [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]


def test_every_node_has_a_help_page_that_names_its_inputs():
    assert {path.stem for path in (ROOT / "web/docs").glob("*.md")} == set(STORED)
    for name, info in STORED.items():
        page = (ROOT / "web/docs" / f"{name}.md").read_text(encoding="utf-8")
        assert f"({name}.jpg)" in page and (ROOT / "web/docs" / f"{name}.jpg").is_file()
        assert page.startswith(f"# {info['display_name']}\n") and "## Recipe" in page
        for key, *_ in info["inputs"]:
            assert key in page or re.sub(r"_[234]$", "_1", key) in page, f"{name}: {key}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_socket_says_what_it_is(path):
    for call in ast.walk(TREES[path]):
        if not isinstance(call, ast.Call) or not re.fullmatch(r"io\.\w+\.(Input|Output)", ast.unparse(call.func)):
            continue
        said = {keyword.arg for keyword in call.keywords}
        assert "tooltip" in said and (".Input" in ast.unparse(call.func) or "display_name" in said), ast.unparse(call)


def test_seeds_take_all_of_64_bits():
    seeds = [entry for info in STORED.values() for entry in info["inputs"] if entry[0] == "seed"]
    assert len(seeds) == 4
    assert all(entry[3]["max"] == 2**64 - 1 and entry[3]["control_after_generate"] for entry in seeds)


def test_only_appending_is_no_change():
    check = tools().changes
    live = copy.deepcopy(STORED)
    live["VDTNew"] = live["VDTMask"]
    live["VDTScene"]["outputs"].append(["truth", "STRING"])
    live["VDTMask"]["inputs"].append(["feather", "optional", "INT", {"default": 0}])
    live["VDTSampler"]["inputs"][4][3]["options"].append("euler")
    live["VDTSampleClip"]["inputs"][0][3]["options"].insert(0, "avalanche")
    assert check(STORED, STORED) == check(STORED, live) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda live: live.pop("VDTMask"), "VDTMask is gone"),
        (lambda live: live["VDTSampler"]["inputs"].insert(2, ["eta", "required", "FLOAT", {}]), "became ['eta'"),
        (lambda live: live["VDTSampler"]["inputs"].pop(), "['reuse'] are gone"),
        (lambda live: live["VDTSampler"]["inputs"][3][3].update(default=25), "input steps"),
        (lambda live: live["VDTMask"]["inputs"][1][3]["options"].reverse(), "input task"),
        (lambda live: live["VDTSampleClip"]["inputs"][0][3]["options"].pop(), "input clip"),
        (lambda live: live["VDTEncode"]["outputs"].reverse(), "VDTEncode: outputs"),
        (lambda live: live["VDTMask"].update(display_name="Mask"), "VDTMask: display_name"),
    ],
)
def test_any_other_change_is_said(damage, said):
    live = copy.deepcopy(STORED)
    damage(live)
    (found,) = tools().changes(STORED, live)[:1]
    assert said in found


def test_the_runner_has_the_interface_of_the_real_server(folders):
    """tests/comfyui takes the stored one from a real ComfyUI."""
    from vdt_studio.studio import Studio

    registry = Studio.open(folders, device="cpu").registry
    assert tools().snapshot(registry.object_info()) == STORED

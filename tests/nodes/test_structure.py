"""Rules for node files that a machine can check, and the object_info that saved graphs depend on."""

import ast
import copy
import importlib.util
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "nodes").rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
STORED = json.loads((ROOT / "tests/nodes/object_info.json").read_text(encoding="utf-8"))
HOST = ROOT / "nodes/host"  # what may touch ComfyUI besides its node interface, and compute; all other files only wire
MAX_EXECUTE_LINES = 15


def tools():
    spec = importlib.util.spec_from_file_location("object_info_tools", ROOT / "tests/nodes/object_info_tools.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_execute_only_wires():
    offenders = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == "execute":
                lines = node.body[-1].end_lineno - node.body[0].lineno + 1
                parts = [part for statement in node.body for part in ast.walk(statement)]
                maths = [ast.unparse(part) for part in parts if isinstance(part, ast.BinOp)]
                if lines > MAX_EXECUTE_LINES or maths:
                    offenders.append((path.name, node.lineno, lines, maths))
    assert not offenders


def test_only_the_host_package_computes_or_touches_comfyui():
    for path, tree in TREES.items():
        roots = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                roots |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                roots.add(node.module.split(".")[0])
        if path.parent == HOST:
            continue
        assert not roots & {"comfy", "folder_paths", "server", "nodes"}, path.name
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not {call for call in calls if call.startswith("torch.")}, path.name


def test_the_host_package_knows_no_node():
    for path in HOST.glob("*.py"):
        own = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.ImportFrom) and node.level == 2]
        assert [node.module for node in own if node.module != "schema"] == [], path.name


def test_nothing_but_the_compositor_finishes_frames():
    """Decoding, background, colours and pasting stand in one place of the library, see `Compositor`."""
    names = {"hold_background", "match_colors", "reference_places", "ReferenceFrame", "completion"}
    for path, tree in TREES.items():
        imported = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for name in (*(alias.name for alias in node.names), *(node.module or "").split("."))
        }
        assert not imported & names, path.name


def test_settings_come_from_the_records():
    """A default of a widget that is one of the library's is read there."""
    from vdt import CompositingConfig, SamplingConfig

    sampling, compositing = SamplingConfig(), CompositingConfig()
    defaults = {
        ("VDTSampler", "steps"): sampling.steps,
        ("VDTSampler", "sampler"): sampling.name,
        ("VDTExtend", "guidance"): sampling.guidance,
        ("VDTExtend", "reuse"): sampling.step_cache,
        ("VDTSampler", "text_guidance"): sampling.text_guidance,
        ("VDTSampler", "temperature"): sampling.temperature,
        ("VDTConditioning", "text_guidance"): sampling.text_guidance,
        ("VDTDecode", "still"): compositing.static_background,
        ("VDTSaveVideo", "edges"): compositing.color_match,
    }
    for (name, key), value in defaults.items():
        (entry,) = [entry for entry in STORED[name]["inputs"] if entry[0] == key]
        assert entry[3]["default"] == value, (name, key)


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


def test_every_socket_says_what_it_is():
    for tree in TREES.values():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not re.fullmatch(r"io\.\w+\.(Input|Output)", ast.unparse(call.func)):
                continue
            said = {keyword.arg for keyword in call.keywords}
            is_input = ".Input" in ast.unparse(call.func)
            assert "tooltip" in said and (is_input or "display_name" in said), ast.unparse(call)


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


DAMAGES = (
    (lambda live: live.pop("VDTMask"), "VDTMask is gone"),
    (lambda live: live["VDTSampler"]["inputs"].insert(2, ["eta", "required", "FLOAT", {}]), "became ['eta'"),
    (lambda live: live["VDTSampler"]["inputs"].pop(), "['temperature'] are gone"),
    (lambda live: live["VDTSampler"]["inputs"][3][3].update(default=25), "input steps"),
    (lambda live: live["VDTMask"]["inputs"][1][3]["options"].reverse(), "input task"),
    (lambda live: live["VDTSampleClip"]["inputs"][0][3]["options"].pop(), "input clip"),
    (lambda live: live["VDTEncode"]["outputs"].reverse(), "VDTEncode: outputs"),
    (lambda live: live["VDTMask"].update(display_name="Mask"), "VDTMask: display_name"),
)


def test_any_other_change_is_said():
    for damage, said in DAMAGES:
        live = copy.deepcopy(STORED)
        damage(live)
        (found,) = tools().changes(STORED, live)[:1]
        assert said in found


def test_the_runner_has_the_interface_of_the_real_server(folders):
    """tests/comfyui takes the stored one from a real ComfyUI."""
    from vdt_studio.studio import Studio

    registry = Studio.open(folders, device="cpu").registry
    assert tools().snapshot(registry.object_info()) == STORED

"""What the ComfyUI registry would serve, packed and unpacked: it imports, says what it must, and holds nothing odd."""

import ast
import json
import os
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
from PIL import Image

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAX_MIB = 55  # of which the bundled weights take 38
MAX_FILE_MIB = 40
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "__import__",
    "os.system",
    "os.popen",
    "pickle.load",
    "pickle.loads",
    "marshal.loads",
}
FORBIDDEN_MODULES = {"subprocess", "pickle", "marshal", "ctypes", "pip", "requests", "urllib.request"}


def packed_files():
    """What `comfy node publish` packs: the files that git knows or would, but those of .comfyignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("this is no git checkout")
    lines = (ROOT / ".comfyignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]

    def is_left_out(name):
        return any(name.startswith(p) if p.endswith("/") else fnmatch(name, p) for p in patterns)

    names = sorted(set(listed.stdout.splitlines()))
    return [name for name in names if not is_left_out(name) and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    archive = folder / "node.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name in packed_files():
            file.write(ROOT / name, name)
    pack = folder / "custom_nodes" / "vdt-video"
    with zipfile.ZipFile(archive) as file:
        file.extractall(pack)
    return pack, archive


def test_the_package_has_its_parts_and_a_fair_size(unpacked):
    pack, archive = unpacked
    for name in ("__init__.py", "pyproject.toml", "requirements.txt", "LICENSE", "README.md", "web/js", "workflows"):
        assert (pack / name).exists(), name
    assert not any((pack / name).exists() for name in ("tests", ".git", "LOG.md", "Makefile", "vdt/ablations"))
    sizes = {path: path.stat().st_size / 2**20 for path in pack.rglob("*") if path.is_file()}
    assert archive.stat().st_size / 2**20 < MAX_MIB
    assert {str(path): size for path, size in sizes.items() if size > MAX_FILE_MIB} == {}
    assert not [path for path in sizes if path.suffix in (".pyc", ".pt", ".pth", ".ckpt", ".so", ".exe")]


def test_the_unpacked_package_imports_and_runs(unpacked, tmp_path):
    """In a process of its own, without the checkout: all nodes, and the bundled model through one graph."""
    pack, _ = unpacked
    code = (
        "import json, sys; from pathlib import Path\n"
        "from vdt_studio.paths import Folders; from vdt_studio.studio import Studio\n"
        "from vdt_studio.graph import read_workflow\n"
        "base = Path(sys.argv[1]); folders = {n: base / n for n in ('input', 'output', 'temp', 'models')}\n"
        "[f.mkdir() for f in folders.values()]\n"
        "studio = Studio.open(Folders(**folders), device='cpu')\n"
        "import vdt_studio; where = str(Path(vdt_studio.__file__).parents[1])\n"
        "data = json.loads((Path(where) / 'workflows/predict.json').read_text())\n"
        "result = studio.run(read_workflow(data, studio.registry))\n"
        "names = [n for n in studio.registry if n.startswith('VDT')]\n"
        "print(json.dumps([where, names, [str(p) for p in base.rglob('*.mp4')]]))\n"
    )
    command = [sys.executable, "-B", "-c", code, str(tmp_path)]
    run = subprocess.run(
        command, cwd=pack, capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONPATH": str(pack)}
    )
    assert run.returncode == 0, run.stderr[-2000:]
    where, names, videos = json.loads(run.stdout.splitlines()[-1])
    assert Path(where).resolve() == pack.resolve() and len(videos) == 1
    stored = json.loads((ROOT / "tests/nodes/object_info.json").read_text(encoding="utf-8"))
    assert set(names) == set(stored)


def test_the_package_runs_no_code_that_it_does_not_hold(unpacked):
    """The registry's scan: no eval or exec, no other processes, no pickles, no downloads, no installing."""
    found = []
    for path in unpacked[0].rglob("*.py"):
        for part in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(part, ast.Call) and ast.unparse(part.func) in FORBIDDEN_CALLS:
                found.append((path.name, part.lineno, ast.unparse(part.func)))
            if isinstance(part, ast.Call) and ast.unparse(part.func) == "torch.load":
                safe = any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in part.keywords)
                found += [] if safe else [(path.name, part.lineno, "torch.load")]
            names = [alias.name for alias in part.names] if isinstance(part, ast.Import) else []
            names += [part.module] if isinstance(part, ast.ImportFrom) and part.level == 0 else []
            found += [(path.name, part.lineno, name) for name in names if name in FORBIDDEN_MODULES]
    assert found == []


def test_a_scanner_finds_nothing_of_medium_or_high_severity(unpacked):
    """Bandit, which the registry's reviewers use; its low ones are our asserts."""
    pytest.importorskip("bandit")
    command = [sys.executable, "-m", "bandit", "-q", "-ll", "-f", "json", "-r", str(unpacked[0])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    found = json.loads(run.stdout)
    assert found["errors"] == [] and found["metrics"]["_totals"]["loc"] > 5000
    assert [(issue["test_id"], issue["filename"], issue["line_number"]) for issue in found["results"]] == []


def test_the_registry_is_told_what_it_asks_for():
    project, comfy = PROJECT["project"], PROJECT["tool"]["comfy"]
    assert project["name"] == "vdt-video" and "comfyui" not in project["name"].lower() and project["description"]
    assert len(project["version"].split(".")) == 3 and (ROOT / project["license"]["file"]).is_file()
    assert comfy["PublisherId"] and comfy["DisplayName"] and comfy["requires-comfyui"] == ">=0.3.64"
    assert "web" not in comfy  # WEB_DIRECTORY says it; both would load scripts twice
    assert not any(line.split(">")[0] == "torch" and "==" in line for line in project["dependencies"])
    icon, banner = (Image.open(ROOT / f"docs/registry/{name}.png") for name in ("icon", "banner"))
    assert icon.size[0] == icon.size[1] <= 400 and banner.size[0] * 9 == banner.size[1] * 21
    for key in ("Icon", "Banner"):  # addresses, once there is a public repository
        assert comfy[key] == "" or comfy[key].startswith("https://")


def test_the_community_runner_finds_graphs_and_lanes():
    config = tomllib.loads((ROOT / "comfy-test.toml").read_text(encoding="utf-8"))["test"]
    known = {"install", "registration", "instantiation", "static_capture", "validation", "execution"}
    assert set(config["levels"]) == known and config["workflows"]["cpu"] == "all"
    assert config["lanes"]["lanes"] == config["platforms"]["platforms"]
    assert all(path.name.isascii() and " " not in path.name for path in (ROOT / "workflows").glob("*.json"))


STORED = json.loads((ROOT / "tests/nodes/object_info.json").read_text(encoding="utf-8"))
SAVERS = {"SaveVideo", "VDTSaveVideo", "SaveImage"}


def test_every_help_page_is_there_in_chinese():
    """The editor asks for docs/<node>/<locale>.md first; pictures are those of the other page."""
    for name, info in STORED.items():
        page, english = (ROOT / f"web/docs/{path}.md" for path in (f"{name}/zh", name))
        text, original = page.read_text(encoding="utf-8"), english.read_text(encoding="utf-8")
        assert text.startswith("# VDT ") and f"({name}.jpg)" in text, name
        assert [key for key, *_ in info["inputs"] if f"`{key}`" not in text] == [], name
        assert text.count("\n## ") == original.count("\n## "), name
        assert text.count("\n| `") >= len(info["inputs"]) + len(info["outputs"]), name


def test_every_template_has_an_app_view():
    """Its inputs are widgets without a wire, each with a sentence; its outputs are what the graph saves."""
    for path in sorted((ROOT / "workflows").glob("*.json")):
        graph = json.loads(path.read_text(encoding="utf-8"))
        nodes, view = {node["id"]: node for node in graph["nodes"]}, graph["extra"]["linearData"]
        assert graph["extra"]["linearMode"] is False, path.stem  # it opens as a graph
        for number, name, settings in view["inputs"]:
            (slot,) = [slot for slot in nodes[number]["inputs"] if slot["name"] == name]
            assert slot["widget"] == {"name": name} and slot["link"] is None, (path.stem, name)
            assert settings["description"], (path.stem, name)
        assert len(view["inputs"]) >= 4, path.stem
        saved = [number for number, node in nodes.items() if node["type"] in SAVERS]
        assert view["outputs"] == saved and saved, path.stem

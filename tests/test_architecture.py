"""The rules of the house that a machine can check: who imports whom, sizes of files and functions, no hidden state."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
LIBRARY = sorted((ROOT / "vdt").rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in LIBRARY}
# The whole product is held to the budgets; only vdt is a library of its own.
PRODUCT = [path for name in ("vdt", "nodes", "vdt_studio") for path in sorted((ROOT / name).rglob("*.py"))]

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
HOSTS = {"comfy", "comfy_api", "comfy_extras", "folder_paths", "nodes", "server", "vdt_studio"}
EAGER = {"torch", "einops", "numpy", "safetensors", "av", "tqdm"}  # what a module of vdt may import as it is loaded
LAZY = EAGER | {"PIL", "diffusers", "matplotlib", "mpl_toolkits", "mujoco", "tensorboard", "tomli", "typing_extensions"}

# A layer may import from itself and from the layers before it; a directory stands for all its modules.
LAYERS = [
    {"config", "files", "linear", "memory"},
    {
        "layers",
        "attention",
        "masks",
        "pixel_masks",
        "video",
        "audio",
        "frames",
        "sheet",
        "planner",
        "preview",
        "data",
        "windows",
        "still",
        "edges",
        "outpaint",
    },
    {"autoencoder", "diffusion", "model", "reuse", "tiles", "vae_keys", "vdt_keys"},
    {"checkpoints", "keyframes", "overlay", "thumbnail", "timeline", "completion"},
    {"rollout"},
    {"pipeline", "stream", "training", "estimate"},
    {"evaluation", "benchmarks"},
    {"cli", "__main__"},
]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def each_module():
    return pytest.mark.parametrize("path", LIBRARY, ids=name_of)


def module_level(tree: ast.Module) -> list[ast.stmt]:
    """Statements run at import; what stands under TYPE_CHECKING is not."""
    return [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))]


def absolute_imports(nodes) -> set[str]:
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def own_imports(path: Path, nodes) -> set[str]:
    """Top-level names inside vdt that a module imports relatively, such as {"config", "diffusion"}."""
    package = path.relative_to(ROOT / "vdt").parent.parts
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            base = (*package[: len(package) - (node.level - 1)], *(node.module.split(".") if node.module else ()))
            found |= {base[0]} if base else {alias.name for alias in node.names}
    return found


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "vdt").with_suffix("").parts[0]


@each_module()
def test_library_knows_no_host_and_imports_itself_relatively(path):
    names = absolute_imports(ast.walk(TREES[path]))
    assert not names & (HOSTS | {"vdt"}), "vdt is a library: it never imports its hosts, and itself only relatively"


@each_module()
def test_library_imports_only_what_it_depends_on(path):
    names = absolute_imports(ast.walk(TREES[path])) - sys.stdlib_module_names
    assert names <= LAZY, f"unexpected imports {names - LAZY}"
    eager = absolute_imports(module_level(TREES[path])) - sys.stdlib_module_names
    assert eager <= EAGER, f"import {eager - EAGER} inside the functions that need them"


@each_module()
def test_layers_import_downwards(path):
    if path == ROOT / "vdt/__init__.py":
        return  # the table of contents names everything
    rooms = [room for layer in LAYERS for room in layer]
    assert room_of(path) in rooms, f"say in LAYERS where {room_of(path)} stands"
    own = next(i for i, layer in enumerate(LAYERS) if room_of(path) in layer)
    allowed = {"__version__"}.union(*LAYERS[: own + 1])
    assert own_imports(path, ast.walk(TREES[path])) <= allowed


@pytest.mark.parametrize("name", ["samplers", "loss", "denoiser", "schedule"])
def test_diffusion_takes_callables_and_knows_no_network(name):
    path = ROOT / "vdt/diffusion" / f"{name}.py"
    assert not own_imports(path, ast.walk(TREES[path])) & {"model", "autoencoder", "layers", "attention"}


def test_pipeline_and_training_are_apart():
    for path, tree in TREES.items():
        other = {"pipeline": "training", "training": "pipeline"}.get(room_of(path))
        assert other not in own_imports(path, ast.walk(tree)), name_of(path)


@each_module()
def test_library_does_not_print_or_configure_logging(path):
    calls = [ast.unparse(node.func) for node in ast.walk(TREES[path]) if isinstance(node, ast.Call)]
    forbidden = {"logging.basicConfig", "warnings.filterwarnings", "warnings.simplefilter"}
    forbidden |= set() if room_of(path) in ("cli", "__main__") else {"print"}
    assert not forbidden & set(calls)


@each_module()
def test_no_global_randomness(path):
    assert "random" not in absolute_imports(ast.walk(TREES[path])), "pass a torch.Generator or a numpy Generator"
    for node in ast.walk(TREES[path]):
        text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        assert text not in ("torch.manual_seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all"), name_of(path)
        if text.startswith("np.random.") and text.count(".") == 2:
            assert text.split(".")[2] in ("default_rng", "Generator", "SeedSequence", "PCG64", "Philox"), text


@each_module()
def test_nothing_unpickles_without_weights_only(path):
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert options.get("weights_only") == "True"
            continue
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        assert called.split(".")[0] not in ("pickle", "dill", "cloudpickle", "shelve"), called


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_files_and_functions_stay_small(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_FILE_LINES
    tree = ast.parse(text)
    sizes = {
        f"{node.name}:{node.lineno}": node.end_lineno - node.lineno + 1  # two classes may share a method's name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert {name: size for name, size in sizes.items() if size > MAX_FUNCTION_LINES} == {}
    assert path.name not in ("utils.py", "misc.py", "helpers.py")


@each_module()
def test_modules_say_what_they_are_for(path):
    assert ast.get_docstring(TREES[path]), "a module opens with one or two sentences"


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_requirements_are_the_dependencies():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if line and not line.startswith("#")] == project()["dependencies"]


def test_dependencies_have_lower_bounds_only():
    for requirement in project()["dependencies"]:
        assert re.fullmatch(r"[a-z-]+>=[0-9.]+", requirement), requirement
    assert "comfyui" not in project()["name"].lower()  # a rule of the ComfyUI registry


def test_constraints_pin_everything_that_is_asked_for():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")
    pins = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", line)[0] for line in lines if line and not line.startswith("#"))
    assert pins["torch"] == "2.13.0"
    extras = [name for group in project()["optional-dependencies"].values() for name in group]
    wanted = {re.match(r"[a-z0-9-]+", name)[0] for name in project()["dependencies"] + extras}
    assert wanted - {"tomli"} <= set(pins)  # tomli is for Python 3.10 only, which the pins do not cover


def test_version_is_said_once():
    source = (ROOT / "vdt/__init__.py").read_text(encoding="utf-8")
    assert re.search(r'__version__ = "(.+)"', source)[1] == project()["version"]


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name + " is not installed here")

sys.meta_path.insert(0, Blocked())
import vdt
from vdt.cli import main
sys.exit(main({arguments!r}))
"""


def run_without(blocked: set[str], *arguments: str) -> subprocess.CompletedProcess:
    script = BLOCKED.format(blocked=sorted(blocked), arguments=list(arguments))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=120)


def test_info_runs_with_neither_comfyui_nor_mujoco(tmp_path, tiny_model):
    from vdt.checkpoints import save_model

    save_model(tiny_model, tiny_model.config, tmp_path / "tiny.safetensors")
    absent = HOSTS | {"mujoco", "matplotlib", "tensorboard", "PIL", "aiohttp", "skimage"}
    done = run_without(absent, "info", str(tmp_path / "tiny.safetensors"))
    assert done.returncode == 0 and "sha256" in done.stdout, done.stderr


def test_commands_load_the_library_only_when_they_run():
    for path in sorted((ROOT / "vdt/cli").glob("*.py")):
        nodes = module_level(TREES[path])
        assert absolute_imports(nodes) <= sys.stdlib_module_names, name_of(path)
        assert own_imports(path, nodes) <= {"cli"}, name_of(path)

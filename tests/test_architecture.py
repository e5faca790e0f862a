"""The rules of the house that a machine can check: who imports whom, sizes of files and functions, no hidden state."""

import ast
import re
import subprocess
import sys
from pathlib import Path

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

# A package imports from itself and from those before it.
ORDER = [
    "bounds",
    "interruption",
    "ranks",
    "config",
    "media",
    "masks",
    "text",
    "models",
    "diffusion",
    "checkpoints",
    "inference",
    "visualize",
    "evaluation",
    "physics",
    "training",
    "ablations",
    "benchmarks",
    "cli",
    "__main__",
]
MAX_PACKAGE_FILES = 15
OLD_WORDS = (  # names of version 0.1 that the field has other words for
    "hold_still|match_edges|Anchor|anchor_places|ReusingModel|Wishes|lengthen|grid_of|fill_up"
    "|footage|VDTTask|VAETask|DistillTask|corrected_loss|taught_x0|find_sampler"
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


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


def own_imports(path: Path, nodes) -> set[tuple[str, ...]]:
    """Dotted names inside vdt that a module imports relatively, such as {("models", "layers")}."""
    package = path.relative_to(ROOT / "vdt").parent.parts
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            base = (*package[: len(package) - (node.level - 1)], *(node.module.split(".") if node.module else ()))
            found |= {base} if base else {(alias.name,) for alias in node.names}
    return found


def package_of(path: Path) -> str:
    return path.relative_to(ROOT / "vdt").with_suffix("").parts[0]


def offenders(check, paths=tuple(LIBRARY)) -> dict[str, object]:
    """What `check` finds wrong, by file."""
    return {name_of(path): wrong for path in paths if (wrong := check(path))}


def test_library_knows_no_host_and_imports_itself_relatively():
    assert offenders(lambda path: absolute_imports(ast.walk(TREES[path])) & (HOSTS | {"vdt"})) == {}


def test_library_imports_only_what_it_depends_on():
    assert offenders(lambda path: absolute_imports(ast.walk(TREES[path])) - sys.stdlib_module_names - LAZY) == {}
    eager = offenders(lambda path: absolute_imports(module_level(TREES[path])) - sys.stdlib_module_names - EAGER)
    assert eager == {}, "import these inside the functions that need them"


def test_packages_import_downwards():
    def upwards(path):
        if path == ROOT / "vdt/__init__.py":
            return None  # the table of contents names everything
        allowed = {*ORDER[: ORDER.index(package_of(path)) + 1], "__version__"}
        return {name[0] for name in own_imports(path, ast.walk(TREES[path]))} - allowed

    assert {package_of(path) for path in LIBRARY} - {"__init__"} <= set(ORDER)
    assert offenders(upwards) == {}


def test_no_import_circle():
    """Modules that import each other as they are loaded, through any number of others."""
    modules = {path.relative_to(ROOT / "vdt").with_suffix("").parts: path for path in LIBRARY}
    modules = {parts[:-1] if parts[-1] == "__init__" else parts: path for parts, path in modules.items()}

    def imported(path):
        found = own_imports(path, module_level(TREES[path]))
        return {modules[name] for name in found if name in modules and modules[name] != path}

    edges = {path: imported(path) for path in LIBRARY if path.name != "__init__.py"}
    done: set[Path] = set()

    def visit(path, trail):
        assert path not in trail, " -> ".join(map(name_of, [*trail[trail.index(path) :], path]))
        if path in done or path not in edges:
            return
        for other in edges[path]:
            visit(other, [*trail, path])
        done.add(path)

    for path in edges:
        visit(path, [])


def test_packages_stay_small_and_say_what_they_are_for():
    packages = sorted({path.parent for path in PRODUCT})
    sizes = {name_of(package): len(list(package.glob("*.py"))) for package in packages}
    assert {name: size for name, size in sizes.items() if size > MAX_PACKAGE_FILES + 1} == {}  # and __init__.py
    files = [package / "__init__.py" for package in packages]
    assert [name_of(path) for path in files if not ast.get_docstring(ast.parse(path.read_text("utf-8")))] == []


def test_diffusion_takes_callables_and_knows_no_network():
    allowed = {("models", "conditioning")}  # the record that travels with a call
    paths = [path for path in LIBRARY if package_of(path) == "diffusion"]
    models = lambda path: {name for name in own_imports(path, ast.walk(TREES[path])) if name[0] == "models"} - allowed  # noqa: E731
    assert offenders(models, paths) == {}


def test_no_scheme_is_told_apart_outside_its_own_module():
    """Conditioning schemes are strategies: no code asks which one a model has."""

    def asks(path):
        if "conditioning" in path.parts or path.name == "config.py":
            return None
        text = path.read_text(encoding="utf-8")
        return re.findall(r"if .*(?:scheme|isinstance\([^)]*Spec\))", text)

    assert offenders(asks) == {}


def test_library_does_not_print_or_configure_logging():
    def calls(path):
        forbidden = {"logging.basicConfig", "warnings.filterwarnings", "warnings.simplefilter"}
        forbidden |= set() if package_of(path) in ("cli", "__main__") else {"print"}
        return forbidden & {ast.unparse(node.func) for node in ast.walk(TREES[path]) if isinstance(node, ast.Call)}

    assert offenders(calls) == {}


def test_no_global_randomness():
    """A torch.Generator or a numpy Generator is passed in."""

    def uses(path):
        found = absolute_imports(ast.walk(TREES[path])) & {"random"}
        texts = {ast.unparse(node) for node in ast.walk(TREES[path]) if isinstance(node, ast.Attribute)}
        found |= texts & {"torch.manual_seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all"}
        numpy = {text for text in texts if text.startswith("np.random.") and text.count(".") == 2}
        return found | {t for t in numpy if t.split(".")[2] not in ("default_rng", "Generator", "SeedSequence")}

    assert offenders(uses) == {}


def test_nothing_unpickles_without_weights_only():
    def unpickles(path):
        calls = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.Call)]
        loads = [node for node in calls if ast.unparse(node.func) == "torch.load"]
        unsafe = [
            ast.unparse(node)
            for node in loads
            if {k.arg: ast.unparse(k.value) for k in node.keywords}.get("weights_only") != "True"
        ]
        modules = {ast.unparse(node.func).split(".")[0] for node in calls}
        return unsafe + sorted(modules & {"pickle", "dill", "cloudpickle", "shelve"})

    assert offenders(unpickles) == {}


def test_files_and_functions_stay_small():
    def too_large(path):
        text = path.read_text(encoding="utf-8")
        functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
        long = [f"{n.name}:{n.lineno}" for n in functions if n.end_lineno - n.lineno + 1 > MAX_FUNCTION_LINES]
        named = [path.name] if path.name in ("utils.py", "misc.py", "helpers.py") else []
        return long + named + ([f"{len(text.splitlines())} lines"] if len(text.splitlines()) > MAX_FILE_LINES else [])

    assert offenders(too_large, PRODUCT) == {}


def test_modules_say_what_they_are_for():
    assert offenders(lambda path: not ast.get_docstring(TREES[path])) == {}


def test_old_words_are_gone_as_names():
    names = re.compile(rf"\b(?:{OLD_WORDS})\b")
    assert offenders(lambda path: sorted(set(names.findall(path.read_text(encoding="utf-8")))), PRODUCT) == {}


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
    def eager(path):
        nodes = module_level(TREES[path])
        own = {name[0] for name in own_imports(path, nodes)} - {"cli"}
        return (absolute_imports(nodes) - sys.stdlib_module_names) | own

    assert offenders(eager, sorted((ROOT / "vdt/cli").glob("*.py"))) == {}

"""The differences between hosts, one test each: what an old host has, what a new one has, and what the studio lacks."""

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch


@pytest.fixture
def compat(pack):
    return pack("nodes.host.compat")


@pytest.fixture
def module(monkeypatch):
    """Put a module of a host in place: name, attributes."""

    def put(name, **attributes):
        made = ModuleType(name)
        vars(made).update(attributes)
        monkeypatch.setitem(sys.modules, name, made)
        parent, _, child = name.rpartition(".")
        if parent:
            monkeypatch.setattr(sys.modules[parent], child, made, raising=False)

    return put


def test_schemas_get_the_fields_that_the_host_knows(compat):
    @dataclass
    class Old:
        node_id: str

    @dataclass
    class New(Old):
        search_aliases: list

    fields = {"node_id": "VDTMask", "search_aliases": ["task"]}
    assert compat.known_fields(Old, fields) == {"node_id": "VDTMask"} and compat.known_fields(New, fields) == fields


def test_inputs_are_advanced_whether_or_not_their_class_says_so(compat):
    real, bare, shim = (
        SimpleNamespace(extra_dict={"a": 1}),
        SimpleNamespace(extra_dict=None),
        SimpleNamespace(options={}),
    )
    assert compat.advanced(real).extra_dict == {"a": 1, "advanced": True}
    assert compat.advanced(bare).extra_dict == {"advanced": True}
    assert compat.advanced(shim).options == {"advanced": True}


def test_intermediates_are_float32_unless_the_host_says_otherwise(compat, monkeypatch):
    monkeypatch.setattr(compat, "mm", SimpleNamespace())
    assert compat.intermediate_dtype() == torch.float32
    monkeypatch.setattr(compat, "mm", SimpleNamespace(intermediate_dtype=lambda: torch.float16))
    assert compat.intermediate_dtype() == torch.float16


def test_the_patcher_is_the_one_that_the_host_has_bound_by_now(compat, monkeypatch):
    class Plain:
        def __init__(self, model, load_device, offload_device):
            self.model = model

    class Streaming(Plain):
        pass

    old, new = SimpleNamespace(ModelPatcher=Plain), SimpleNamespace(ModelPatcher=Plain, CoreModelPatcher=Streaming)
    for host, whole, kind in ((old, False, Plain), (new, False, Streaming), (new, True, Plain)):
        monkeypatch.setattr(compat, "comfy", SimpleNamespace(model_patcher=host))
        assert type(compat.make_patcher("model", whole=whole)) is kind


def test_a_model_can_be_made_again(pack, models, folders):
    model, vae = models
    for patcher in (model, vae.patcher):
        factory, arguments = patcher.cached_patcher_init
        again = factory(*arguments, disable_dynamic=True)
        pairs = list(zip(patcher.model.parameters(), again.model.parameters(), strict=True))
        assert pairs and all(torch.equal(a, b) and a.data_ptr() != b.data_ptr() for a, b in pairs)


def test_weights_precisions_are_archived_where_the_host_asks(compat, monkeypatch):
    told = []
    monkeypatch.setattr(compat, "mm", SimpleNamespace(archive_model_dtypes=told.append))
    compat.archive_dtypes("network")
    monkeypatch.setattr(compat, "mm", SimpleNamespace())
    compat.archive_dtypes("network")
    assert told == ["network"]


def test_samplings_are_wrapped_where_there_are_any(compat):
    told = []
    compat.wrap_sampling(SimpleNamespace(add_wrapper_with_key=lambda *args: told.append(args)), "vdt", print)
    compat.wrap_sampling(SimpleNamespace(), "vdt", print)
    assert told == [("outer_sample", "vdt", print)]


def test_a_network_runs_inside_the_wrappers_of_other_nodes(compat, module):
    """EasyCache reads the options as the last positional argument."""

    def forward(x, t, options, **conditions):
        return x + conditions["cells"]

    options = {"wrappers": [lambda run, *args, **kw: 10 * run(*args, **kw) if isinstance(args[-1], dict) else None]}
    assert compat.run_wrapped(forward, None, options, 1, 2, cells=3) == 4  # the studio

    class Executor:
        def __init__(self, function, wrappers):
            self.function, self.wrappers = function, wrappers

        @classmethod
        def new_class_executor(cls, function, owner, wrappers):
            return cls(function, wrappers)

        def execute(self, *args, **kw):
            return self.wrappers[0](self.function, *args, **kw) if self.wrappers else self.function(*args, **kw)

    module("comfy.patcher_extension", WrapperExecutor=Executor, get_all_wrappers=lambda kind, had: had["wrappers"])
    assert compat.run_wrapped(forward, None, options, 1, 2, cells=3) == 40


def test_noise_masks_arrive_raw_or_resized(compat):
    painted = (torch.rand(6, 64, 64, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    cells = torch.rand(6, 8, 8, generator=torch.Generator().manual_seed(1)) > 0.5
    for raw in (painted, painted[:, None]):  # up to 0.3.76
        assert torch.equal(compat.noise_mask_frames(raw), painted)
        assert compat.noise_mask_of_cells(cells, raw).shape == (6, 1, 8, 8)
    resized = cells[:, None].float().expand(6, 4, 8, 8)  # since 0.6
    assert torch.equal(compat.noise_mask_frames(resized), cells.float())
    assert torch.equal(compat.noise_mask_of_cells(cells, resized), resized)
    assert torch.equal(compat.noise_mask_frames(resized.movedim(0, 1)[None]), cells.float())  # five dimensions


def test_old_context_windows_cannot_take_frames(compat):
    class Old:
        def set_step(self, timestep, options):
            torch.isclose(options["transformer_options"]["sample_sigmas"], timestep)

    class New:
        def set_step(self, timestep, options):
            torch.isclose(options["transformer_options"]["sample_sigmas"], timestep[0])

    assert [compat.windows_take_frames(handler) for handler in (Old(), New(), object())] == [False, True, True]


def test_noise_schedules_are_told_apart(compat, module):
    assert compat.sampling_kind(torch.nn.Identity()) is None  # the studio has no samplers
    names = ("ModelSamplingDiscrete", "Flow", "EPS", "CONST")
    kinds = {name: type(name, (torch.nn.Module,) if name[0] in "MF" else (), {}) for name in names}
    kinds["V_PREDICTION"] = type("V_PREDICTION", (kinds["EPS"],), {})
    kinds["X0"] = type("X0", (kinds["EPS"],), {})
    kinds["ModelSamplingDiscreteEDM"] = type("EDM", (kinds["ModelSamplingDiscrete"],), {})
    module("comfy.model_sampling", **kinds)

    def kind(*bases):
        return compat.sampling_kind(type("Advanced", tuple(kinds[name] for name in bases), {})())

    assert kind("ModelSamplingDiscrete", "V_PREDICTION") == ("discrete", "v")
    assert kind("ModelSamplingDiscrete", "EPS") == ("discrete", "epsilon")
    assert kind("ModelSamplingDiscrete", "X0") == ("discrete", "other")
    assert kind("ModelSamplingDiscreteEDM", "V_PREDICTION") == ("other", "v")
    assert kind("Flow", "CONST") == ("other", "other")


def test_texts_are_shown_where_a_node_can_be_written_on(compat, module):
    assert compat.executing_node() is None and not compat.show_text("3", "hello")  # the studio
    told = []
    server = SimpleNamespace(send_progress_text=lambda text, node: told.append((text, node)))
    module("server", PromptServer=SimpleNamespace(instance=server))
    module("comfy_execution", utils=None)
    module("comfy_execution.utils", get_executing_context=lambda: SimpleNamespace(node_id="3"))
    assert compat.show_text(compat.executing_node(), "hello") and told == [("hello", "3")]
    assert not compat.show_text(None, "hello")


def test_replacements_are_registered_since_there_are_any(compat):
    assert compat.replacement_api(SimpleNamespace(io=SimpleNamespace())) is None
    api = SimpleNamespace(node_replacement="registry")
    latest = SimpleNamespace(io=SimpleNamespace(NodeReplace="record"), ComfyAPI=lambda: api)
    assert compat.replacement_api(latest) == ("record", "registry")


@pytest.fixture
def hosts():
    """tests/comfyui/hosts.py, which no test of a running host would tell about."""
    path = Path(__file__).parents[1] / "comfyui/hosts.py"
    spec = importlib.util.spec_from_file_location("vdt_hosts", path)
    sys.modules["vdt_hosts"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_environments_of_hosts_get_the_requirements_but_torch(hosts):
    lines = "torch\ntorchvision>=0.2\ntorchaudio # sound\ntorchsde\nTorch==2\nnumpy>=1.25\n#extra\npydantic~=2.0"
    assert hosts.without_torch(lines).split("\n") == ["torchsde", "numpy>=1.25", "#extra", "pydantic~=2.0", ""]
    assert hosts.environment_of(Path("/hosts/comfyui-0.33")) == Path("/hosts/env-comfyui-0.33")


def test_an_environment_that_was_made_for_another_state_is_known(hosts, tmp_path, monkeypatch):
    monkeypatch.setattr(hosts, "TORCH", {"torch": "2"})
    monkeypatch.setattr(hosts, "UNSAID", ())
    lines = "pytest>=1\npytest==0.1\nno-such-package\nother; python_version < '3'\n# a word\n--extra-index-url x"
    (tmp_path / "requirements.txt").write_text(lines)
    found = hosts.lacking(tmp_path, sys.executable)
    assert found[:2] == ["pytest==0.1", "no-such-package"] and set(found[2:]) <= {"torchaudio"}


def test_a_checkout_that_cannot_start_is_refused_in_a_sentence(hosts, tmp_path):
    def fault():
        return hosts.Host(checkout=tmp_path, python="").fault()

    assert fault().startswith("there is no main.py in ")
    for name in ("main.py", "one.py"):
        (tmp_path / name).write_text("")
    assert fault() == ""  # no git, nothing to compare with
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
    assert fault() == ""
    (tmp_path / "one.py").unlink()  # as a sparse checkout leaves files out
    assert "lacks 1 source files of its commit, such as one.py" in fault() and "sparse-checkout disable" in fault()

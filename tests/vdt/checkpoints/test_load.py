"""Loading: files describe themselves, load strictly, and every bad one is refused in one sentence."""

import contextlib
import hashlib
import json

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import vdt
from vdt.checkpoints import CheckpointError, bundled, describe, load_model, load_vae, save_model, sha256
from vdt.config import VAE_CONFIGS, VDT_CONFIGS

TINY = VDT_CONFIGS["VDT-Tiny/2"]


# ---- Our files and those of others -----------------------------------------------------------------------------------


def test_a_saved_model_comes_back_exactly(tiny_model, model_file):
    loaded = load_model(model_file)
    assert loaded.config == TINY and not loaded.training
    state = tiny_model.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in loaded.state_dict().items())
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_a_saved_vae_comes_back_exactly(tiny_vae, vae_file):
    loaded = load_vae(vae_file)
    assert loaded.config == VAE_CONFIGS["tiny"] and not loaded.training
    state = tiny_vae.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in loaded.state_dict().items())


def test_half_precision_files_load_into_the_asked_dtype(tiny_model, tmp_path):
    path = tmp_path / "half.safetensors"
    save_model({key: value.half() for key, value in tiny_model.state_dict().items()}, TINY, path)
    assert describe(path).dtype == "float16"
    for asked in (torch.float32, torch.bfloat16, torch.float64):
        loaded = load_model(path, dtype=asked)
        assert {value.dtype for value in loaded.state_dict().values()} == {asked}
        assert loaded(torch.zeros(1, 6, 4, 8, 8, dtype=asked), torch.tensor([3])).dtype == asked


def test_a_loaded_model_outlives_its_file(tiny_model, model_file):
    loaded = load_model(model_file)
    model_file.write_bytes(b"")
    assert torch.equal(loaded.state_dict()["time_embed"], tiny_model.time_embed)


def test_describe_counts_without_building(tiny_model, model_file):
    info = describe(model_file)
    assert (info.kind, info.config, info.dtype) == ("vdt", TINY, "float32")
    assert info.parameters == sum(parameter.numel() for parameter in tiny_model.parameters())
    assert info.num_tensors == len(tiny_model.state_dict())
    assert info.size_bytes == model_file.stat().st_size
    assert info.metadata["note"] == "drawn"
    assert info.sha256 == sha256(model_file) == hashlib.sha256(model_file.read_bytes()).hexdigest()


def test_describe_knows_vaes_of_others_and_admits_not_knowing(golden, tiny_vae, vae_file, tmp_path):
    foreign = describe(golden / "vae_tiny.safetensors")
    assert foreign.kind == "vae" and foreign.config is not None and "kind" not in foreign.metadata
    own = describe(vae_file)
    assert own.kind == "vae" and own.parameters == sum(parameter.numel() for parameter in tiny_vae.parameters())
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(3, 2), "b": torch.zeros(1, dtype=torch.float16)}, other)
    info = describe(other)
    assert (info.kind, info.config, info.parameters, info.dtype) == ("unknown", None, 7, "float16, float32")


def test_a_vae_of_others_loads(golden):
    with safe_open(golden / "vae_tiny_golden.safetensors", "pt") as file:
        groups = int(file.metadata()["norm_num_groups"])
    assert load_vae(golden / "vae_tiny.safetensors", num_groups=groups).config.num_groups == groups


def test_bundled_names_a_file_of_each_kind():
    assert bundled("vdt").parent == bundled("vae").parent and bundled("vdt") != bundled("vae")
    assert bundled("vdt").suffix == bundled("vae").suffix == ".safetensors"


def test_the_bundled_student_is_its_teachers_model_with_weights_of_its_own():
    teacher, student = load_model(bundled("vdt")), load_model(bundled("vdt-fast"))
    assert student.config == teacher.config
    assert not torch.equal(*(next(iter(model.blocks[0].parameters())) for model in (teacher, student)))


# ---- Files that cannot be loaded -------------------------------------------------------------------------------------


def test_bad_files_are_refused_in_a_sentence(model_file, tmp_path, refusal):
    whole = model_file.read_bytes()
    contents = {"text": b"hello, a text file", "empty": b"", "header": whole[:100], "half": whole[: len(whole) // 2]}
    for name, content in contents.items():
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    for action in (load_model, load_vae, describe):
        for name in contents:
            assert "cut short" in refusal(action, tmp_path / f"{name}.safetensors")
        assert "is a folder" in refusal(action, tmp_path)
        assert "no such file" in refusal(action, tmp_path / "nowhere.safetensors")


def test_pickles_are_never_loaded(tmp_path, refusal, trap):
    for suffix in (".pt", ".pth", ".ckpt", ".bin"):
        path = tmp_path / f"model{suffix}"
        torch.save({"x": trap(tmp_path / "sprung")}, path)
        for action in (load_model, load_vae, describe):
            assert "vdt convert" in refusal(action, path)
    assert not (tmp_path / "sprung").exists()


def test_models_and_vaes_are_told_apart(model_file, vae_file, golden, tmp_path, refusal):
    assert "holds a VAE, expected a VDT model" in refusal(load_model, vae_file)
    assert "holds a VDT model, expected a VAE" in refusal(load_vae, model_file)
    assert "holds a VAE, expected a VDT model" in refusal(load_model, golden / "vae_tiny.safetensors")
    save_file({"strange.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    for action in (load_model, load_vae):
        assert "neither" in refusal(action, tmp_path / "other.safetensors")
        assert "strange.weight" in refusal(action, tmp_path / "other.safetensors")


def test_a_vae_of_another_structure_is_refused_by_name(golden, tmp_path, refusal):
    state = load_file(golden / "vae_tiny.safetensors")
    del state["decoder.conv_out.bias"]
    save_file(state, tmp_path / "vae.safetensors")
    assert "decoder.conv_out.bias" in refusal(load_vae, tmp_path / "vae.safetensors")


def test_a_header_that_does_not_fit_is_refused(tiny_model, tmp_path, refusal):
    header = {"format": "vdt", "format_version": "1", "kind": "vdt", "config": TINY.to_json()}
    for change, words in (
        ({"format_version": "2"}, "format version 2, expected 1: update vdt"),
        ({"config": "{"}, "configuration"),
        ({"config": "[]"}, "configuration"),
        ({"config": json.dumps({"hidden_size": 64})}, "configuration"),
        ({"config": json.dumps({**TINY.to_dict(), "rope": True})}, "rope"),
        ({"config": json.dumps({**TINY.to_dict(), "conditioning": [{"kind": "text"}]})}, "'text' is unknown"),
        ({"config": json.dumps({**TINY.to_dict(), "conditioning": [3]})}, "configuration"),
        ({"config": json.dumps({**TINY.to_dict(), "depth": 3})}, "missing: blocks.2."),
        ({"config": None}, "configuration"),
    ):
        changed = {key: value for key, value in {**header, **change}.items() if value is not None}
        save_file(tiny_model.state_dict(), tmp_path / "model.safetensors", metadata=changed)
        assert words in refusal(load_model, tmp_path / "model.safetensors")


def test_the_public_names_are_those_of_the_table_of_contents():
    assert vdt.load_model is load_model and vdt.load_vae is load_vae
    assert all(hasattr(vdt, name) for name in vdt.__all__)


# ---- Hostile headers, and what is read of large files ----------------------------------------------------------------


HOSTILE = (0, -1, 3, True, None, "8", 1.5, float("nan"), float("inf"), 10**9, 10**400, [], [0], ["a"], {}, [1] * 999)


def test_no_value_of_a_header_is_believed(tiny_model, tiny_vae, tmp_path, refusal):
    """Every field with every kind of value: the file loads, or one short sentence names it; nothing is built of it."""
    path = tmp_path / "model.safetensors"
    for module, kind, action in ((tiny_model, "vdt", load_model), (tiny_vae, "vae", load_vae)):
        state = {key: value.contiguous() for key, value in module.state_dict().items()}
        config = json.loads(module.config.to_json())
        changes = [{name: value} for name in config for value in HOSTILE]
        noise = config.get("diffusion", {})
        changes += [{"diffusion": {**noise, name: value}} for name in noise for value in HOSTILE]
        for change in changes:
            header = {"format": "vdt", "format_version": "1", "kind": kind, "config": json.dumps({**config, **change})}
            save_file(state, path, metadata=header)
            for read in (action, describe):
                try:
                    read(path)
                except CheckpointError as error:
                    text = str(error)
                    assert str(path) in text and "\n" not in text and len(text) < 1500, (change, text)


def test_a_configuration_that_is_no_table_is_refused_in_a_sentence(tiny_model, tmp_path, refusal):
    path = tmp_path / "model.safetensors"
    for text, words in (
        ("[" * 100_000 + "]" * 100_000, "nested too deep"),
        ('{"depth": ' + "9" * 6000 + "}", "configuration"),
        ("5", "must be a table of fields, got 5"),
        ("null", "got None"),
        ("{}", "missing its fields hidden_size, depth, num_heads"),
        (json.dumps({**TINY.to_dict(), "diffusion": 5}), "DiffusionConfig must be a table of fields, got 5"),
        (json.dumps({**TINY.to_dict(), "conditioning": 5}), "conditioning must be a list"),
        (json.dumps({**TINY.to_dict(), "depth": 1000}), "says depth 1000, its weights have 2"),
        (json.dumps({**TINY.to_dict(), "input_size": 4096}), "pos_embed has shape (1, 16, 64)"),
        (json.dumps({**TINY.to_dict(), "num_frames": 65536}), "time_embed has shape (1, 6, 64)"),
    ):
        header = {"format": "vdt", "format_version": "1", "kind": "vdt", "config": text}
        save_file(tiny_model.state_dict(), path, metadata=header)
        assert words in refusal(load_model, path), text[:50]


def test_a_vae_in_a_whole_checkpoint_takes_the_memory_of_the_vae(tiny_vae, tmp_path, monkeypatch):
    """Only its own tensors are read, and names are matched before any is."""
    state = {f"first_stage_model.{key}": value.contiguous() for key, value in tiny_vae.state_dict().items()}
    others = {f"model.diffusion_model.{number}.weight": torch.zeros(1000, 10) for number in range(5)}
    save_file({**state, **others}, tmp_path / "whole.safetensors")
    read = []

    class Watched:
        def __init__(self, file):
            self.file = file

        def get_tensor(self, key):
            read.append(key)
            return self.file.get_tensor(key)

        def __getattr__(self, name):
            return getattr(self.file, name)

    @contextlib.contextmanager
    def watched(*arguments, **options):
        with safe_open(*arguments, **options) as file:
            yield Watched(file)

    monkeypatch.setattr("vdt.checkpoints.header.safe_open", watched)
    loaded = load_vae(tmp_path / "whole.safetensors").state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in tiny_vae.state_dict().items())
    assert sorted(read) == sorted(state)


def test_a_vae_without_quant_convolutions_has_identities(tiny_vae, tmp_path):
    """Flux and SD3 have none."""
    state = {key: value.contiguous() for key, value in tiny_vae.state_dict().items() if "quant_conv" not in key}
    save_file(state, tmp_path / "vae.safetensors")
    loaded = load_vae(tmp_path / "vae.safetensors")
    moments = torch.randn(1, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(loaded.quant_conv(moments), moments)
        assert torch.equal(loaded.post_quant_conv(moments[:, :4]), moments[:, :4])

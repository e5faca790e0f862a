"""Checkpoint files: they describe themselves, load strictly, and every bad one is refused in one sentence."""

import argparse
import dataclasses
import hashlib
import json
import os
import pickle
import re

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import vdt
from vdt.checkpoints import (
    CheckpointError,
    add_metadata,
    bundled,
    convert_official,
    describe,
    load_model,
    load_vae,
    save_model,
    save_vae,
    sha256,
)
from vdt.config import VAE_CONFIGS, VDT_CONFIGS
from vdt.files import WriteError

TINY = VDT_CONFIGS["VDT-Tiny/2"]
HEADS = TINY.num_heads


@pytest.fixture
def model_file(tiny_model, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(tiny_model, TINY, path, {"note": "drawn"})
    return path


@pytest.fixture
def vae_file(tiny_vae, tmp_path):
    path = tmp_path / "vae.safetensors"
    save_vae(tiny_vae, VAE_CONFIGS["tiny"], path)
    return path


@pytest.fixture
def official(golden):
    return torch.load(golden / "official_tiny.pt", weights_only=True)


class Trap:
    """A pickle that writes a file when it is opened carelessly."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def refusal(action, *args, **kwargs):
    """The sentence with which a call is refused; nothing but CheckpointError or WriteError may come out."""
    with pytest.raises((CheckpointError, WriteError)) as caught:
        action(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message.strip()
    return message


# ---- Our files -------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("asked", [torch.float32, torch.bfloat16, torch.float64])
def test_half_precision_files_load_into_the_asked_dtype(tiny_model, tmp_path, asked):
    path = tmp_path / "half.safetensors"
    save_model({key: value.half() for key, value in tiny_model.state_dict().items()}, TINY, path)
    assert describe(path).dtype == "float16"
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


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tiny_model, model_file, monkeypatch):
    before = model_file.read_bytes()

    def disk_full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("vdt.files.save_file", disk_full)
    message = refusal(save_model, tiny_model, TINY, model_file)
    assert "cannot write" in message and "no space left" in message
    assert model_file.read_bytes() == before
    assert list(model_file.parent.iterdir()) == [model_file]


def test_metadata_can_be_added_and_the_weights_stay(model_file):
    before, tensors = describe(model_file), load_file(model_file)
    add_metadata(model_file, {"metrics": "{}"})
    after = describe(model_file)
    assert after.metadata == {**before.metadata, "metrics": "{}"} and after.config == before.config
    assert all(torch.equal(value, tensors[key]) for key, value in load_file(model_file).items())


def test_a_saved_file_is_as_readable_as_any_other(model_file):
    (model_file.parent / "plain").touch()
    assert model_file.stat().st_mode == (model_file.parent / "plain").stat().st_mode


def test_saving_where_there_is_no_folder_is_refused(tiny_model, tmp_path):
    assert "cannot write" in refusal(save_model, tiny_model, TINY, tmp_path / "none" / "model.safetensors")


# ---- Official files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ["bare state dict", "ema", "model", "state_dict"])
def test_weights_are_found_wherever_training_scripts_put_them(golden, official, tmp_path, entry):
    wrapped = {f"module.{key}": value for key, value in official.items()}
    if entry != "bare state dict":
        wrapped = {"pos_embed": torch.zeros(1), "args": argparse.Namespace(lr=1e-4), "step": 3, entry: wrapped}
    torch.save(wrapped, tmp_path / "source.pt")
    report = convert_official(tmp_path / "source.pt", tmp_path / "out.safetensors", num_heads=HEADS)
    assert report.found_in == entry and report.dst == tmp_path / "out.safetensors"
    assert report.source_sha256 == sha256(tmp_path / "source.pt")
    assert report.parameters == describe(report.dst).parameters
    written = load_file(report.dst)
    assert written.keys() == official.keys()
    assert all(torch.equal(written[key], official[key]) for key in written)
    metadata = describe(report.dst).metadata
    assert metadata["source_sha256"] == report.source_sha256 and metadata["format_version"] == "1"


def test_averaged_weights_are_preferred(official, tmp_path):
    worse = {key: value + 1 for key, value in official.items()}
    torch.save({"model": worse, "ema": official}, tmp_path / "source.pt")
    report = convert_official(tmp_path / "source.pt", tmp_path / "out.safetensors", num_heads=HEADS)
    assert report.found_in == "ema"
    assert torch.equal(load_model(report.dst).y_embedder(), official["y_embedder.embedding_table.weight"][0])


@pytest.mark.parametrize("name", ["VDT-S/2", "VDT-L/2"])
def test_the_configuration_is_read_from_the_shapes(name):
    """Official sizes need no --num-heads, and the native size of a file is not part of its name."""
    from vdt.vdt_keys import architecture_name, infer_config

    known = dataclasses.replace(VDT_CONFIGS[name], num_frames=12, input_size=16)
    with torch.device("meta"):
        state = vdt.VDT(known).state_dict()
    assert infer_config(state) == known
    assert architecture_name(known) == name
    assert architecture_name(dataclasses.replace(known, depth=5)) == "custom"


def test_files_converted_by_others_convert_too(official, tmp_path):
    save_file(official, tmp_path / "theirs.safetensors")
    assert "vdt convert" in refusal(load_model, tmp_path / "theirs.safetensors")
    convert_official(tmp_path / "theirs.safetensors", tmp_path / "ours.safetensors", num_heads=HEADS)
    assert load_model(tmp_path / "ours.safetensors").config.hidden_size == TINY.hidden_size


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda state: state.pop("blocks.1.temporal_fc.bias"), "missing: blocks.1.temporal_fc.bias"),
        (lambda state: state.update(extra=torch.zeros(1)), "unexpected: extra"),
        (
            lambda state: state.update({"blocks.0.attn.proj.bias": torch.zeros(3)}),
            "another shape: blocks.0.attn.proj.bias (3,) instead of (64,)",
        ),
        (lambda state: state.pop("time_embed"), "missing key time_embed"),
        (lambda state: state.clear(), "no weights"),
    ],
)
def test_weights_of_another_architecture_are_refused_by_name(official, tmp_path, damage, words):
    damage(official)
    torch.save(official, tmp_path / "source.pt")
    assert words in refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors", num_heads=HEADS)
    assert not (tmp_path / "out.safetensors").exists()


def test_at_most_ten_keys_are_listed(official, tmp_path):
    kept = {key: value for key, value in official.items() if not re.search(r"temporal_(norm|attn)|adaLN", key)}
    torch.save(kept, tmp_path / "source.pt")
    message = refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors", num_heads=HEADS)
    assert len(re.findall(r"blocks\.\d\.\S+", message)) == 10 and message.endswith(", ...")


def test_an_unknown_number_of_heads_is_asked_for(golden, tmp_path):
    out = tmp_path / "out.safetensors"
    assert "--num-heads" in refusal(convert_official, golden / "official_tiny.pt", out)
    assert "positive, got 0" in refusal(convert_official, golden / "official_tiny.pt", out, num_heads=0)
    assert "multiple of num_heads 7" in refusal(convert_official, golden / "official_tiny.pt", out, num_heads=7)
    assert ".safetensors" in refusal(convert_official, golden / "official_tiny.pt", tmp_path / "out.pt")


@pytest.mark.parametrize("writer", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path, writer):
    source, sprung = tmp_path / "source.pt", tmp_path / "sprung"
    writer({"x": Trap(sprung)}, source)
    assert "holds code" in refusal(convert_official, source, tmp_path / "out.safetensors")
    assert sorted(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("content", [b"", b"hello, a text file", b"<!DOCTYPE html>", b"\x80\x02}q\x00X"])
def test_what_is_not_a_pytorch_file_is_refused(tmp_path, content):
    (tmp_path / "source.pt").write_bytes(content)
    message = refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors")
    assert "not a PyTorch checkpoint" in message


def test_a_truncated_official_file_is_refused(golden, tmp_path):
    whole = (golden / "official_tiny.pt").read_bytes()
    (tmp_path / "source.pt").write_bytes(whole[: len(whole) // 2])
    assert "cut short" in refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors")


@pytest.mark.parametrize(("content", "word"), [([torch.zeros(1)], "list"), (torch.zeros(1), "Tensor")])
def test_a_pytorch_file_of_something_else_is_refused(tmp_path, content, word):
    torch.save(content, tmp_path / "source.pt")
    assert f"got a {word}" in refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors")


# ---- Files that cannot be loaded -------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [load_model, load_vae, describe])
def test_bad_files_are_refused_in_a_sentence(action, model_file, tmp_path):
    whole = model_file.read_bytes()
    for name, content in {
        "text": b"hello, a text file",
        "empty": b"",
        "header": whole[:100],
        "half": whole[: len(whole) // 2],
    }.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        assert "cut short" in refusal(action, path)
    assert "is a folder" in refusal(action, tmp_path)
    assert "no such file" in refusal(action, tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".bin"])
def test_pickles_are_never_loaded(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    torch.save({"x": Trap(tmp_path / "sprung")}, path)
    for action in (load_model, load_vae, describe):
        assert "vdt convert" in refusal(action, path)
    assert not (tmp_path / "sprung").exists()


def test_models_and_vaes_are_told_apart(model_file, vae_file, golden, tmp_path):
    assert "holds a VAE, expected a VDT model" in refusal(load_model, vae_file)
    assert "holds a VDT model, expected a VAE" in refusal(load_vae, model_file)
    assert "holds a VAE, expected a VDT model" in refusal(load_model, golden / "vae_tiny.safetensors")
    save_file({"strange.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    for action in (load_model, load_vae):
        assert "neither" in refusal(action, tmp_path / "other.safetensors")
        assert "strange.weight" in refusal(action, tmp_path / "other.safetensors")


def test_a_vae_of_another_structure_is_refused_by_name(golden, tmp_path):
    state = load_file(golden / "vae_tiny.safetensors")
    del state["decoder.conv_out.bias"]
    save_file(state, tmp_path / "vae.safetensors")
    assert "decoder.conv_out.bias" in refusal(load_vae, tmp_path / "vae.safetensors")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": "2"}, "format version 2, expected 1: update vdt"),
        ({"config": "{"}, "configuration"),
        ({"config": "[]"}, "configuration"),
        ({"config": json.dumps({"hidden_size": 64})}, "configuration"),
        ({"config": json.dumps({**dataclasses.asdict(TINY), "rope": True})}, "rope"),
        ({"config": json.dumps({**dataclasses.asdict(TINY), "depth": 3})}, "missing: blocks.2."),
        ({"config": None}, "configuration"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(tiny_model, tmp_path, change, words):
    header = {"format": "vdt", "format_version": "1", "kind": "vdt", "config": TINY.to_json()}
    header = {key: value for key, value in {**header, **change}.items() if value is not None}
    save_file(tiny_model.state_dict(), tmp_path / "model.safetensors", metadata=header)
    assert words in refusal(load_model, tmp_path / "model.safetensors")


def test_the_public_names_are_those_of_the_table_of_contents(golden):
    assert vdt.load_model is load_model and vdt.load_vae is load_vae
    assert all(hasattr(vdt, name) for name in vdt.__all__)

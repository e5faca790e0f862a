"""Official files: found wherever scripts put their weights, read without running anything, refused by name."""

import argparse
import pickle
import re

import torch
from safetensors.torch import load_file, save_file

from vdt.checkpoints import convert_official, describe, load_model, sha256
from vdt.config import VDT_CONFIGS

TINY = VDT_CONFIGS["VDT-Tiny/2"]
HEADS = TINY.num_heads


def test_weights_are_found_wherever_training_scripts_put_them(official, tmp_path):
    for entry in ("bare state dict", "ema", "model", "state_dict"):
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


def test_files_converted_by_others_convert_too(official, tmp_path, refusal):
    save_file(official, tmp_path / "theirs.safetensors")
    assert "vdt convert" in refusal(load_model, tmp_path / "theirs.safetensors")
    convert_official(tmp_path / "theirs.safetensors", tmp_path / "ours.safetensors", num_heads=HEADS)
    assert load_model(tmp_path / "ours.safetensors").config.hidden_size == TINY.hidden_size


def test_weights_of_another_architecture_are_refused_by_name(official, tmp_path, refusal):
    for damage, words in (
        (lambda state: state.pop("blocks.1.temporal_fc.bias"), "missing: blocks.1.temporal_fc.bias"),
        (lambda state: state.update(extra=torch.zeros(1)), "unexpected: extra"),
        (
            lambda state: state.update({"blocks.0.attn.proj.bias": torch.zeros(3)}),
            "another shape: blocks.0.attn.proj.bias (3,) instead of (64,)",
        ),
        (lambda state: state.pop("final_layer.linear.weight"), "missing key final_layer.linear.weight"),
        (lambda state: state.clear(), "no weights"),
    ):
        state = dict(official)
        damage(state)
        torch.save(state, tmp_path / "source.pt")
        message = refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors", num_heads=HEADS)
        assert words in message
        assert not (tmp_path / "out.safetensors").exists()


def test_at_most_ten_keys_are_listed(official, tmp_path, refusal):
    kept = {key: value for key, value in official.items() if not re.search(r"temporal_(norm|attn)|adaLN", key)}
    torch.save(kept, tmp_path / "source.pt")
    message = refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors", num_heads=HEADS)
    assert len(re.findall(r"blocks\.\d\.\S+", message)) == 10 and message.endswith(", ...")


def test_an_unknown_number_of_heads_is_asked_for(golden, tmp_path, refusal):
    out = tmp_path / "out.safetensors"
    assert "--num-heads" in refusal(convert_official, golden / "official_tiny.pt", out)
    assert "positive, got 0" in refusal(convert_official, golden / "official_tiny.pt", out, num_heads=0)
    assert "multiple of num_heads 7" in refusal(convert_official, golden / "official_tiny.pt", out, num_heads=7)
    assert ".safetensors" in refusal(convert_official, golden / "official_tiny.pt", tmp_path / "out.pt")


def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path, refusal, trap):
    source, sprung = tmp_path / "source.pt", tmp_path / "sprung"
    for write in (torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))):
        write({"x": trap(sprung)}, source)
        assert "holds code" in refusal(convert_official, source, tmp_path / "out.safetensors")
        assert sorted(tmp_path.iterdir()) == [source]


def test_what_is_not_a_pytorch_file_is_refused(tmp_path, refusal):
    for content in (b"", b"hello, a text file", b"<!DOCTYPE html>", b"\x80\x02}q\x00X"):
        (tmp_path / "source.pt").write_bytes(content)
        message = refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors")
        assert "not a PyTorch checkpoint" in message, content


def test_a_truncated_official_file_is_refused(golden, tmp_path, refusal):
    whole = (golden / "official_tiny.pt").read_bytes()
    (tmp_path / "source.pt").write_bytes(whole[: len(whole) // 2])
    assert "cut short" in refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors")


def test_a_pytorch_file_of_something_else_is_refused(tmp_path, refusal):
    for content, word in (([torch.zeros(1)], "list"), (torch.zeros(1), "Tensor")):
        torch.save(content, tmp_path / "source.pt")
        assert f"got a {word}" in refusal(convert_official, tmp_path / "source.pt", tmp_path / "out.safetensors")

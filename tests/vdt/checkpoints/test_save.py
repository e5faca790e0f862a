"""Saving: whole or not at all, as readable as any other file, and metadata that can be added."""

import torch
from safetensors.torch import load_file

from vdt.checkpoints import add_metadata, describe, save_model
from vdt.config import VDT_CONFIGS

TINY = VDT_CONFIGS["VDT-Tiny/2"]


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tiny_model, model_file, monkeypatch, refusal):
    before = model_file.read_bytes()

    def disk_full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("vdt.media.files.save_file", disk_full)
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


def test_saving_where_there_is_no_folder_is_refused(tiny_model, tmp_path, refusal):
    assert "cannot write" in refusal(save_model, tiny_model, TINY, tmp_path / "none" / "model.safetensors")

"""Outputs appear whole or not at all."""

import pytest
import torch
from safetensors.torch import load_file

from vdt.media.files import WriteError, atomic_path, save_tensors


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_tensors_round_trip_from_any_memory_layout(tmp_path):
    tensor = torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last)
    save_tensors({"a": tensor}, tmp_path / "a.safetensors", {"note": "x"})
    assert torch.equal(load_file(tmp_path / "a.safetensors")["a"], tensor)


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(WriteError, match="folder does not exist"):
        save_tensors({}, tmp_path / "none" / "a.safetensors")

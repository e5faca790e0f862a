"""Outputs appear whole or not at all, equal contents make equal files, and what killed runs left is swept."""

import errno
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from vdt.media.files import WriteError, atomic_path, save_tensors, write_text


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


# ---- Equal contents, equal files -------------------------------------------------------------------------------------


def test_equal_weights_make_equal_files(tmp_path):
    """safetensors leaves the order of metadata to chance."""
    tensors = {f"layer{i}.weight": torch.full((3, i + 1), float(i)) for i in range(8)}
    metadata = {f"key{i}": f'"ü\\{i}\n\u2028\x7f\x01' for i in range(8)}
    for number in range(8):
        entries = sorted(tensors.items(), reverse=number % 2 == 0)
        save_tensors(dict(entries), tmp_path / f"{number}.safetensors", dict(sorted(metadata.items(), reverse=True)))
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    with safe_open(tmp_path / "0.safetensors", "pt") as file:
        assert file.metadata() == metadata
        assert all(torch.equal(file.get_tensor(key), value) for key, value in tensors.items())


def test_tensors_that_share_memory_are_written_as_often_as_they_are_named(tmp_path):
    whole = torch.arange(12.0)
    tensors = {
        "a": whole,
        "tied": whole,
        "part": whole[2:7],
        "rest": whole[5:],
        "view": whole.view(3, 4).t(),
        "none": whole[:0],
    }
    save_tensors(tensors, tmp_path / "a.safetensors")
    loaded = load_file(tmp_path / "a.safetensors")
    assert loaded.keys() == tensors.keys() and all(torch.equal(loaded[key], tensors[key]) for key in tensors)


# ---- Temporary files -------------------------------------------------------------------------------------------------


def test_what_killed_runs_left_is_swept_and_nothing_else(tmp_path):
    hour_ago = time.time() - 3600
    left = {name: tmp_path / name for name in (".clip-0123abcd.mp4", ".clip_00007_-89abcdef.mp4")}
    kept = {
        name: tmp_path / name
        for name in (".clip-0123abcd.png", ".other-0123abcd.mp4", ".clip-0123abc.mp4", ".clip.mp4", "clip-0123abcd.mp4")
    }
    for path in (*left.values(), *kept.values()):
        path.write_bytes(b"x")
        os.utime(path, (hour_ago, hour_ago))
    young = tmp_path / ".clip-00000000.mp4"
    young.write_bytes(b"x")
    for name in ("clip.mp4", "clip_00008_.mp4"):
        write_text("new", tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {*kept, young.name, "clip.mp4", "clip_00008_.mp4"}


def test_a_temporary_of_a_living_writer_is_never_swept(tmp_path):
    pytest.importorskip("fcntl")
    path, hour_ago = tmp_path / "clip.mp4", time.time() - 3600
    with atomic_path(path) as slow:
        os.utime(slow, (hour_ago, hour_ago))
        write_text("quick", path)
        assert slow.exists()
        slow.write_text("slow")
    assert path.read_text() == "slow" and list(tmp_path.iterdir()) == [path]


# ---- Errors name the file --------------------------------------------------------------------------------------------


def test_errors_of_the_disk_name_the_file_that_the_user_knows(tmp_path, monkeypatch):
    path = tmp_path / "out.txt"
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        with pytest.raises(WriteError, match=rf"cannot write '{path}': {os.strerror(number)}"), atomic_path(path):
            raise OSError(number, os.strerror(number))
    with pytest.raises(FileNotFoundError), atomic_path(path):
        (tmp_path / "input.mp4").read_bytes()  # an error of something else stays what it is
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(WriteError, match=rf"cannot write '{path}'.*open in another program"):
        write_text("x", path)
    assert list(tmp_path.iterdir()) == []


def test_what_safetensors_leaves_in_a_killed_run_is_swept_too(tmp_path):
    """Newer versions write through a file of a name of their own: found by `make torture` with kill -9."""
    if not hasattr(os, "fork"):
        pytest.skip("no process can be forked here")
    path, tensors = tmp_path / "state.safetensors", {"x": torch.ones(2000, 1000)}
    save_tensors(tensors, path)
    before = path.read_bytes()
    for _ in range(3):
        pid = os.fork()
        if not pid:
            while True:  # until it is killed, in the middle of one of them
                save_tensors(tensors, path)
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert path.read_bytes() == before
    for left in tmp_path.rglob(".*"):
        os.utime(left, (time.time() - 3600,) * 2)
    living, foreign = tmp_path / ".state-0123abcd.safetensors", tmp_path / ".notes.d"
    living.write_bytes(b"x")  # young: its writer may be alive
    Path(f"{living}.d").mkdir()
    foreign.mkdir()
    save_tensors(tensors, path)
    assert {each.name for each in tmp_path.iterdir()} == {path.name, living.name, f"{living.name}.d", foreign.name}

"""The command line itself: help, exit codes, encodings, and which errors are shown how."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from vdt.cli import BAD_INPUT, COMMANDS, main
from vdt.inference.pipeline import Pipeline
from vdt.media.files import atomic_path
from vdt.ranks import LostProcessError


def run_module(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "vdt", *arguments], capture_output=True, timeout=300, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0 and "--debug" in capsys.readouterr().out


def test_unusable_command_lines_are_one_sentence(refused):
    for arguments in ([], ["dance"], ["generate"], ["info"], ["train"], ["generate", "predict", "--loud"]):
        refused(main(arguments), "--help")


def test_errors_of_ours_are_not_hidden(generate, refused, monkeypatch):
    def broken(error):
        def run(*arguments, **options):
            raise error

        monkeypatch.setattr(Pipeline, "__call__", run)

    broken(TypeError("a defect"))
    with pytest.raises(TypeError):
        generate("predict")
    broken(RuntimeError("a defect"))
    refused(generate("predict"), "RuntimeError", "a defect", "may be a defect of vdt", "--debug")


def test_too_little_memory_and_too_large_numbers_are_one_sentence(generate, refused, written, monkeypatch):
    allocator = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"
    for error, words in (
        (RuntimeError(allocator), "not enough memory"),
        (RuntimeError("Storage size calculation overflowed with sizes=[9223372036854775807]"), "not enough memory"),
        (MemoryError(), "not enough memory"),
        (OverflowError("Python int too large to convert to C long"), "a number is too large"),
    ):

        def run(*arguments, error=error, **options):
            raise error

        monkeypatch.setattr(Pipeline, "__call__", run)
        refused(generate("predict"), words)
    assert written() == []


@pytest.fixture
def default_signals():
    """Handlers as without `nohup`, under which the tests themselves may run."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="not on Windows")
@pytest.mark.usefixtures("default_signals")
def test_a_signal_ends_a_command_as_ctrl_c_does(place, generate, capsys, monkeypatch, written):
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, words in ((signal.SIGTERM, "vdt: terminated\n"), (signal.SIGHUP, "vdt: the terminal was closed\n")):

        def stopped(path, *arguments, number=number, **options):
            with atomic_path(path):
                os.kill(os.getpid(), number)
                time.sleep(10)

        monkeypatch.setattr("vdt.media.video.write_video", stopped)
        assert generate("predict") == 128 + number
        assert words in capsys.readouterr().err and written() == []
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.usefixtures("default_signals")
def test_a_run_that_has_lost_a_process_says_so_though_it_is_terminated(tmp_path, refused, monkeypatch):
    """torchrun terminates the other processes as soon as one is gone, perhaps before they have spoken."""

    def lost(*arguments, **options):
        raise LostProcessError("another process of this run is gone")

    (tmp_path / "run.toml").write_text("")
    monkeypatch.setattr("vdt.training.train_from_recipe", lost)
    monkeypatch.setattr("vdt.ranks.speaks_first", lambda _: os.kill(os.getpid(), signal.SIGTERM) or True)
    refused(main(["train", str(tmp_path / "run.toml"), "--device", "cpu"]), "another process of this run is gone")


def test_a_signal_that_is_ignored_stays_ignored(generate, monkeypatch):
    """`nohup vdt ...` outlives its terminal."""
    if not hasattr(signal, "SIGHUP"):
        pytest.skip("not on Windows")
    monkeypatch.setattr(Pipeline, "__call__", lambda *_, **__: os.kill(os.getpid(), signal.SIGHUP) or 1 / 0)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(ZeroDivisionError):
            generate("predict")
    finally:
        signal.signal(signal.SIGHUP, before)


def test_sizes_are_refused_before_anything_is_made(place, generate, refused, written):
    huge = "9" * 30
    for task, flags in (
        ("unconditional", ("--frames", "2000000000")),
        ("unconditional", ("--frames", str(2**63))),
        ("unconditional", ("--frames", "999999", "--size", "4096x4096")),
        ("predict", ("--size", "16000x16000", "--frames", "10000")),
        ("predict", ("--size", f"{huge}x64")),
        ("predict", ("--seed", huge)),
        ("predict", ("--steps", huge)),
        ("slow-motion", ("--every", huge)),
        ("slow-motion", ("--every", "999999")),
        ("extend", ("--frames", "1000000", "--size", "2048x2048")),
        ("extend", ("--before", huge)),
    ):
        code = generate(task, *flags)
        assert code == BAD_INPUT, (task, flags)
        refused(code)
    assert written() == []


def test_debug_shows_the_traceback(generate, capsys):
    assert generate("predict", "--debug", given=6) == BAD_INPUT
    assert "Traceback" in capsys.readouterr().err


def test_missing_extra_says_what_to_install(place, generate, refused, written, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    refused(generate("predict", sheet=place / "out" / "s.png"), "PIL", "vdt-video[studio]")
    assert written() == []


def test_module_runs_as_a_command():
    done = run_module("info", "absent")
    assert done.returncode == BAD_INPUT and b"absent" in done.stderr and done.stderr.count(b"\n") == 1


def test_a_reader_that_stops_reading_is_no_error(place):
    command = f'"{sys.executable}" -m vdt info "{place / "model.safetensors"}" | true; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "0" and done.stderr == ""


@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_output_may_go_to_a_file_of_any_encoding(place, written, encoding):
    """The line about a clip names frames 0 to 1 with a dash that these encodings lack."""
    files = {name: str(place / name) for name in ("model.safetensors", "vae.safetensors", "clip.mp4")}
    options = ["--model", files["model.safetensors"], "--vae", files["vae.safetensors"], "--input", files["clip.mp4"]]
    done = run_module(
        *["generate", "predict", *options, "--given", "2", "--steps", "1", "--device", "cpu"],
        *["--output", str(place / "out" / "out.mp4")],
        PYTHONIOENCODING=encoding,
        PYTHONPROFILEIMPORTTIME="1",
    )
    assert done.returncode == 0, done.stderr
    assert rb"frames 0\u20131 given" in done.stdout and written() == ["out.mp4"]
    loaded = {line.rpartition(b"|")[2].strip() for line in done.stderr.splitlines()}
    assert b"vdt.models.transformer" in loaded
    if torch.__version__ >= "2.13":  # PyTorch's compiler, which takes a second to load and which no clip needs
        assert b"torch._dynamo" not in loaded

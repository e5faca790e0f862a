"""The command line itself: help, exit codes, encodings, and which errors are shown how."""

import os
import subprocess
import sys

import pytest

from vdt.cli import BAD_INPUT, COMMANDS, main
from vdt.inference.pipeline import Pipeline


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


def test_errors_of_ours_are_not_hidden(generate, monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("a defect")

    monkeypatch.setattr(Pipeline, "__call__", broken)
    with pytest.raises(RuntimeError):
        generate("predict")


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
    )
    assert done.returncode == 0, done.stderr
    assert rb"frames 0\u20131 given" in done.stdout and written() == ["out.mp4"]

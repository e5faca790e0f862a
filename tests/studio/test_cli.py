"""The command: what it prints, what it returns, and what a pack in a folder brings along."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vdt_studio.cli import main

ROOT = Path(__file__).parents[2]
HANG = 900  # seconds after which a process that must end counts as stuck; however slow the machine, none takes so long

PACK = {
    "__init__.py": """
async def comfy_entrypoint():
    from .nodes import Extension
    return Extension()
""",
    "nodes.py": """
import time
import torch
import comfy.utils
from comfy_api.latest import ComfyExtension, io, ui


class PackClip(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        inputs = [io.Int.Input("frames", default=4, min=1, max=64), io.Boolean.Input("endless", default=False)]
        return io.Schema(node_id="PackClip", category="VDT", inputs=inputs, outputs=[io.Image.Output()])

    @classmethod
    def execute(cls, frames, endless):
        bar = comfy.utils.ProgressBar(frames)
        while endless:  # until it is interrupted
            time.sleep(0.01)
            bar.update_absolute(1)
        if frames == 13:
            raise ValueError("13 frames bring bad luck: use 12")
        return io.NodeOutput(torch.rand(frames, 16, 16, 3, generator=torch.Generator().manual_seed(0)),
                             ui=ui.PreviewText(f"{frames} frames"))


class Extension(ComfyExtension):
    async def get_node_list(self):
        return [PackClip]
""",
}


@pytest.fixture
def studio(tmp_path, canvas):
    """Arguments for a run in a folder of its own."""
    pack = tmp_path / "my.pack"
    pack.mkdir()
    for name, text in PACK.items():
        (pack / name).write_text(text)
    data = canvas(
        [
            (3, "PackClip", {"title": "Clip", "widgets_values": [4, False]}),
            (5, "CreateVideo", {"widgets_values": [8.0]}),
            (8, "SaveVideo", {"widgets_values": ["video/made", "auto", "auto"]}),
        ],
        [(3, 0, 5, "images", "IMAGE"), (5, 0, 8, "video", "VIDEO")],
    )
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(data))
    where = ["--output-dir", str(tmp_path / "out"), "--input-dir", str(tmp_path), "--models-dir", str(tmp_path)]
    return ["run", str(path), *where, "--pack", str(pack), "--device", "cpu"]


def test_it_prints_each_written_file(studio, tmp_path, capsys):
    assert main(studio) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(tmp_path / "out/video/made_00001_.mp4")]
    assert Path(printed.out.strip()).is_file()
    assert printed.err == "Clip: 4 frames\n"


def test_the_summary_is_json(studio, tmp_path, capsys):
    assert main([*studio, "--json", "--set", "Clip.frames=2"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["status"] == "success" and summary["executed"] == ["3", "5", "8"]
    assert summary["files"] == [str(tmp_path / "out/video/made_00001_.mp4")]
    assert summary["outputs"]["3"] == {"text": ["2 frames"]}


def test_errors_are_one_sentence_and_two(studio, tmp_path, capsys):
    cases = (
        (["--set", "3.frames=13"], 'node 3 "Clip" (PackClip): 13 frames bring bad luck: use 12'),
        (["--set", "3.frames=99"], 'node 3 "Clip" (PackClip): the input frames is 99, expected at most 64'),
        (["--set", "CreateVideo.fps=500"], "node 5 (CreateVideo): the input fps is 500.0, expected at most 120.0"),
        (["--set", "8.filename_prefix=../x"], "node 8 (SaveVideo): '../x' leads out of"),
        (["--device", "nonsense"], "device 'nonsense' is not available here"),
        (["--pack", "/nowhere"], "there is no node pack in /nowhere"),
        (["--frames", "3"], "unrecognized arguments: --frames 3"),
    )
    for extra, sentence in cases:
        assert main([*studio, *extra]) == 2
        printed = capsys.readouterr()
        assert printed.out == "" and len(printed.err.splitlines()) == 1
        assert printed.err.startswith(f"vdt-studio: {sentence}")
        assert not list((tmp_path / "out").rglob("*.mp4")) and not list(tmp_path.glob("x*"))


def test_errors_as_json_and_with_traceback(studio, capsys):
    assert main([*studio, "--json", "--debug", "--set", "3.frames=13"]) == 2
    printed = capsys.readouterr()
    (found,) = json.loads(printed.out)["errors"]
    assert (found["node_id"], found["class_type"], found["title"]) == ("3", "PackClip", "Clip")
    assert "Traceback" in printed.err


def test_help_loads_neither_torch_nor_nodes():
    script = "import sys\nfrom vdt_studio.cli import main\ntry:\n    main(['run', '--help'])\nexcept SystemExit: pass\n"
    script += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=HANG).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_file(studio, tmp_path, number):
    arguments = [*studio, "--set", "3.endless=true"]
    marker = tmp_path / "started"
    code = f"""
import pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with Ctrl-C ignored
from vdt_studio import progress
from vdt_studio.cli import main
progress.ProgressView.__call__ = lambda self, event: pathlib.Path({str(marker)!r}).touch()
sys.exit(main({arguments!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not marker.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=HANG)
    assert (process.returncode, said) == (130, "vdt-studio: interrupted\n")
    assert not list((tmp_path / "out").rglob("*"))

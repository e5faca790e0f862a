"""`make train-gpu`, tried out on the CPU, makes a weight and its report; what `make bench-gpu` runs is understood."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vdt import load_model
from vdt.config import VDT_CONFIGS

ROOT = Path(__file__).parent.parent
RECIPE = "tests/gpu_dry_run.toml"

if shutil.which("make") is None:
    pytest.skip("needs make", allow_module_level=True)


def make(*arguments: str, cache: Path | None = None) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment |= {"VDT_CACHE": str(cache)} if cache else {}
    command = ["make", *arguments, f"GPU_PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch has Muon since 2.9")
def test_a_weight_and_its_report_are_made(tmp_path):
    for needed in ("mujoco", "matplotlib"):
        pytest.importorskip(needed, reason="training and reports need the extra 'train'")
    from vdt.physics.scenes import load_clips

    cache, out = tmp_path / "cache", tmp_path / "gpu"
    try:  # one process, where the command would start several
        load_clips("test", 2, size=32, num_frames=9, workers=1, cache=cache, progress=False)
    except (OSError, RuntimeError) as error:
        pytest.skip(f"no OpenGL to draw test clips with: {error}")
    tiny = ("GPU_DEVICE=cpu", "MINUTES=0.02", "COUNT=2", f"GPU_RECIPE={RECIPE}", f"GPU_OUT={out}")
    make("train-gpu", *tiny, cache=cache)
    lines = [json.loads(line) for line in (out / "run/log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines and all(line["loss"] > 0 for line in lines)
    for weight in ("gpu_dry_run.safetensors", "gpu_dry_run-weights"):
        assert load_model(out / "run" / weight).config.num_frames == 9
    assert json.loads((out / "report/report.json").read_text(encoding="utf-8"))["count"] == 2


def test_commands_of_both_targets_parse():
    from vdt.cli import build_parser

    script = make("--dry-run", "train-gpu", "bench-gpu").replace("\\\n", " ")
    found = [shlex.split(command) for command in re.findall(r"-m vdt (.+)", script)]
    assert [words[0] for words in found] == ["train", "evaluate", "bench", "bench", "bench", "bench"]
    parsed = [build_parser().parse_args(words) for words in found]
    assert parsed[1].model.name == "vdt-physics-64-gpu.safetensors" and (ROOT / parsed[0].recipe).is_file()
    assert [options.name for options in parsed[2:]] == ["forward", "forward", "train", "clip"]
    assert [options.size for options in parsed[2:4]] == ["VDT-S/2", "VDT-L/2"]
    assert parsed[2].json != parsed[3].json and {"VDT-S/2", "VDT-L/2"} <= VDT_CONFIGS.keys()

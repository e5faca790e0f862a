"""Two processes on PyTorch's own engine: what one process learns from the same batches, in either form of parallel."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vdt.checkpoints import load_model, save_model
from vdt.cli import main
from vdt.ranks import Ranks
from vdt.training import train_from_recipe
from vdt.training.parallel.checkpoints import CHECKPOINT, FOLDER
from vdt.training.parallel.network import can_shard, check_sharding
from vdt.training.recipe import OptimRecipe, RunRecipe

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available() or sys.platform == "win32", reason="needs gloo and torchrun"
)
ROOT = Path(__file__).parents[3]
FSDP = 'parallel = "fsdp"'
MANY = "steps = 4"


def torchrun(work, folder):
    script = Path(__file__).with_name("two_processes.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    return subprocess.run(
        [*command, str(script), work, str(folder)], env=environment, capture_output=True, text=True, timeout=540
    )


def sentences(done):
    """What `vdt` has said on stderr."""
    return [line for line in re.split(r"[\r\n]", done.stderr) if line.startswith("vdt: ")]


def close(one, other, kind="model."):
    return all(torch.allclose(one[name], other[name], rtol=2e-3, atol=2e-4) for name in one if name.startswith(kind))


@pytest.fixture
def evaluated(workbench, tiny_model):
    """A model, and videos of ten windows: two batches, one for each process."""
    save_model(tiny_model, tiny_model.config, workbench.folder / "model.safetensors")
    (workbench.folder / "clips").mkdir()
    for number in range(5):
        shutil.copy(workbench.folder / "videos" / f"{number % 2}.mp4", workbench.folder / "clips" / f"{number}.mp4")


@pytest.mark.usefixtures("evaluated")
def test_two_processes_learn_go_on_and_report_as_one_does(workbench, losses):
    alone = workbench.train("alone", optim=MANY, tables="[images]\nshare = 0.5")
    straight = list(losses)
    half = {"optim": "steps = 2", "tables": "[images]\nshare = 0.5"}
    workbench.train("first", **half)  # one process begins, two go on
    (workbench.folder / "alone.toml").unlink()
    whole = {**half, "optim": MANY}
    workbench.recipe("first", **whole)
    workbench.recipe("copied", **half)  # two begin, one goes on
    cut = ["cut", "cut4"] if can_shard() else []
    workbench.recipe("cut", **{**half, "run": FSDP})
    workbench.recipe("cut4", **{**whole, "run": FSDP, "optim": MANY + "\nactivation_checkpointing = true"})
    workbench.recipe("odd", optim="batch = 3")
    muon = hasattr(torch.optim, "Muon")
    workbench.recipe("muon", optim='optimizer = "muon"' if muon else MANY, run=FSDP)

    done = torchrun("work", workbench.folder)
    check_evaluation(workbench.folder, done)
    results = json.loads((workbench.folder / "results.json").read_text())
    np.testing.assert_allclose(results["first"]["losses"], straight[2:], rtol=1e-4)
    np.testing.assert_allclose(results["copied"]["losses"], straight[:2], rtol=1e-4)
    for name in cut:
        np.testing.assert_allclose(results[name]["losses"], straight[: results[name]["step"]], rtol=1e-4)
    assert "batch of 3 cannot be shared evenly by 2 processes" in results["odd"]["error"]
    if muon:
        assert re.search('"fsdp" cuts matrices up and optimizer = "muon" needs them whole', results["muon"]["error"])

    one = load_file(alone.folder / CHECKPOINT)
    for name in ("first", "copied", *cut):
        folder = workbench.folder / name
        assert (folder / FOLDER).is_dir() and not (folder / CHECKPOINT).exists(), name
        assert len(list(folder.glob("latents-*"))) == 1, name  # the parts of both, put together
        assert load_model(folder / f"{name}.safetensors").config == load_model(alone.weight).config
    for name in ("copied", *cut[:1]):
        losses.clear()
        result = workbench.train(name, **{**whole, "run": FSDP if name == "cut" else ""})
        np.testing.assert_allclose(losses, straight[2:], rtol=1e-4)
        assert result.step == 4 and not (result.folder / FOLDER).exists()
        assert close(load_file(result.folder / CHECKPOINT), one)
    assert all(
        torch.allclose(value.float(), load_file(alone.weight)[name].float(), atol=2e-3)
        for each in cut[1:]
        for name, value in load_file(workbench.folder / each / f"{each}.safetensors").items()
    )
    if not cut:
        assert "needs torch 2.6" in results["cut"]["error"]
        pytest.skip(f"torch {torch.__version__} cannot shard a model, which is refused; the rest was run")


def test_shards_are_refused_before_anything_is_read_where_torch_cannot_make_them(workbench, monkeypatch):
    optim, run, two = OptimRecipe(), RunRecipe(parallel="fsdp"), Ranks(world=2)
    monkeypatch.delattr("torch.distributed.fsdp.fully_shard", raising=False)
    with pytest.raises(ValueError, match=r'"fsdp" needs torch 2\.6 or newer, this is .*: update torch, or use "ddp"'):
        check_sharding(optim, run, two)
    check_sharding(optim, run, Ranks())  # one process shards nothing
    check_sharding(optim, RunRecipe(), two)
    path = workbench.recipe("cut", run=FSDP, top='init = "missing.safetensors"')
    monkeypatch.setattr("vdt.ranks.current", lambda: two)
    with pytest.raises(ValueError, match="needs torch 2\\.6"):
        train_from_recipe(path, output=workbench.folder / "cut")


def test_a_process_that_is_killed_ends_the_run_with_one_sentence_and_a_checkpoint_that_goes_on(workbench):
    workbench.recipe("lost", optim="steps = 1000000", run="save_every = 2")
    done = torchrun("lose", workbench.folder)
    assert done.returncode != 0
    said = sentences(done)
    assert len(said) == 1 and "another process of this run is gone" in said[0], done.stderr[-3000:]
    assert f"the same command goes on from {workbench.folder / 'lost' / FOLDER}" in said[0]
    assert workbench.train("lost", optim="steps = 4", run="save_every = 2").step == 4


def check_evaluation(folder, done):
    """The report of both processes is that of one, and what both find wrong is said once."""
    said = sentences(done)
    once = torch.__version__ >= "2.5"  # before that torchrun has no store where the processes could agree who speaks
    assert len(said) == (1 if once else 2) and "no such recipe" in said[0], done.stderr[-3000:]
    files = ["--model", str(folder / "model.safetensors"), "--vae", str(folder / "vae.safetensors"), "--device", "cpu"]
    clips = ["--folder", str(folder / "clips"), "--frames", "4", "--size", "32", "--given", "2", "--steps", "2"]
    assert main(["evaluate", *clips, *files, "--count", "10", "--json", str(folder / "one.json")]) == 0
    one, two = (json.loads((folder / f"{name}.json").read_text()) for name in ("one", "two"))
    assert same_report(one, two) and one["count"] == 10


def same_report(a, b):
    """JSON values that are equal, numbers up to the rounding of another number of threads."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_report(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same_report, a, b))
    return a == pytest.approx(b, rel=1e-4, abs=1e-4) if isinstance(a, float) else a == b

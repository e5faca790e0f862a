"""What newer versions of ComfyUI ask of a loader for cards that stream weights, and a compiled model."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from vdt_comfyui_graphs import close, node, sampled, sources, stock_sampler

pytestmark = [pytest.mark.comfy, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]


def test_models_can_be_made_again_for_other_nodes(host):
    """Clones with weights of their own, plain patchers for TorchCompileModel and hooks, and clones for more devices."""
    command = [host.python, str(Path(__file__).with_name("probe_patcher.py")), str(ROOT)]
    environment = {**os.environ, "PYTHONPATH": str(host.checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, cwd=host.checkout, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout.splitlines()[-1])
    if not found.pop("deepcopy"):
        pytest.skip("this ComfyUI never makes models again")
    copied = {"equal": True, "own": True}
    assert found == {
        "model": copied, "vae": copied, "multigpu": copied, "plain": "ModelPatcher", "dtypes": "torch.float32",
    }  # fmt: skip


def test_a_compiled_model_makes_the_same_clip(server):
    """TorchCompileModel: the same latents but for rounding."""
    graph = {**sources(), **stock_sampler(steps=2)}
    graph["c"] = node("TorchCompileModel", model=["1", 0], backend="inductor")
    graph["out"] = node("KSampler", **{**graph["8"]["inputs"], "model": ["c", 0]})
    plain, made = sampled(server, graph, "8", "out")
    assert torch.equal(made[:6], plain[:6]) and close(made, plain) <= 1e-3

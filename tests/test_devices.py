"""Nothing in the library mixes tensors of a GPU with those of the CPU: all of it is run on a pretend GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils import backend_registration

ROOT = Path(__file__).parent.parent

if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
    pytest.skip("this PyTorch takes no backend that is written in Python", allow_module_level=True)


def run_cases() -> dict[str, str]:
    """What went wrong in each case, in a process of its own: a backend stays registered to the end of one."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.pretend_gpu_cases"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_all_work_on_a_gpu_stays_there():
    """The first case is that the pretend GPU catches a mix at all."""
    pytest.importorskip("mujoco", reason="scenes need the extra 'train'")
    found = run_cases()
    assert len(found) == 14 and "mixed_devices_are_refused" in found
    wrong = {name: error for name, error in found.items() if error}
    assert not wrong, "\n".join(f"{name}\n{error}" for name, error in wrong.items())

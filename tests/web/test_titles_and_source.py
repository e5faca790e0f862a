"""The words of templates, the source of a graph, what its check says, run by node; tests/browser has the rest."""

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def test_without_a_page():
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node to run the editor's code")
    command = [node, "--test", *(str(FOLDER / f"{name}.mjs") for name in ("titles", "source", "findings"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]

"""The player's code that needs no page, run by node; tests/browser/test_player.py has the rest."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "web/js/player"


def test_the_player_without_a_page():
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node to run the editor's code")
    command = [node, "--test", str(Path(__file__).parent / "player.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_files_of_the_player_stay_small_and_their_imports_exist():
    wrong = []
    for path in FOLDER.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > 400:
            wrong.append(f"{path.name} is too long")
        for name in re.findall(r'from "(\.[^"]+)"', text):
            if "/scripts/" not in name and not (path.parent / name).is_file():
                wrong.append(f"{path.name} imports {name}, which is not there")
    assert wrong == []

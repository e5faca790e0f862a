"""One run from its recipe to its record, in two stages that share what was encoded."""

from vdt.ablations.grid import read_grid
from vdt.ablations.measure import run_and_measure
from vdt.ablations.records import read_records

RECIPE = """
kind = "vdt"
[model]
name = "VDT-Tiny/2"
num_frames = 16
[data]
source = "scenes"
clips = 4
size = 32
num_frames = 16
[optim]
batch = 2
"""
GRID = """
title = "Strategies"
recipe = "base.toml"
steps = 4
count = 4
[[runs]]
name = "images-first"
first = { share = 0.5, set = { mode = "spatial" } }
"""


def test_a_run_in_two_stages_is_trained_and_measured(tmp_path):
    (tmp_path / "base.toml").write_text(RECIPE)
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    grid, folder = read_grid(path), tmp_path / "runs"
    record = run_and_measure(path, grid, grid.runs[0], folder, "cpu")
    assert (record.steps, record.clips) == (4, 8)
    assert record.v_error > 0 and 0 <= record.metrics["present"] <= 1
    assert read_records(folder) == [record]
    assert len(list((folder / "latents").iterdir())) == 1  # both stages read the same clips

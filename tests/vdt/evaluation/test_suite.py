"""The table and the plot over all tasks, from reports whose numbers are known."""

import numpy as np
import pytest
from PIL import Image

from vdt.evaluation.suite import CONDITIONS, motion_table, suite_table, write_suite


def record(px, **values):
    base = {"centroid_px": px, "centroid_px_ci": [px - 0.1, px + 0.1], "present": 0.975, "psnr": 30.0}
    base |= {"contact_accuracy": None, "gravity": 0.5, "bounce": None, "energy_rise": 0.02}
    return {**base, **values}


@pytest.fixture
def reports():
    made = {}
    for number, condition in enumerate(CONDITIONS):
        methods = {
            "model": record(1 + number, contact_accuracy=0.9),
            "vae": record(0.2),
            "copy_last": record(9.0),
            "constant_velocity": record(4.0),
            "quadratic": record(3.5),
            "readout": record(0.1, bounce=0.7),
        }
        if condition.task == "interpolate":
            methods["linear_blend"] = record(2.25)
        families = {"projectile": methods, "all": methods}
        made[condition.name] = {"given": condition.given, "split": condition.split, "families": families}
    return made


def test_every_task_has_a_row_beside_the_best_baseline(reports):
    rows = suite_table(reports).splitlines()[2:]
    assert len(rows) == len(CONDITIONS) == len({condition.name for condition in CONDITIONS})
    assert rows[0] == "| predict, 1 given | 1.00 (0.90 to 1.10) | 3.50 (quadratic) | 97.5% | 90% | 30.00 | 0.20 |"
    assert "2.25 (linear blend)" in next(row for row in rows if "every 4" in row)


def test_motion_stands_beside_the_truths(reports):
    rows = motion_table(reports["predict, 8 given"]).splitlines()[2:]
    assert rows[0] == "| readout of the truth | 0.50 | 0.70 | 0.02 |"
    assert rows[1] == "| VDT | 0.50 | - | 0.02 |"


def test_files_are_written(reports, tmp_path):
    write_suite(reports, tmp_path)
    assert "| image to video |" in (tmp_path / "suite.md").read_text(encoding="utf-8")
    picture = np.asarray(Image.open(tmp_path / "error_by_given.png").convert("RGB"))
    assert (picture < 128).any() and len(np.unique(picture.reshape(-1, 3), axis=0)) > 20

"""The table and the plot over all tasks, from reports whose numbers are known."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from vdt.diffusion import EVEN_DDIM
from vdt.evaluation.baselines import has_gaps
from vdt.inference.settings import GenerationConfig
from vdt.physics.inpainting import AREAS
from vdt.physics.suite import CONDITIONS, motion_table, run_suite, suite_table, write_suite


def record(px, **values):
    base = {"centroid_px": px, "centroid_px_ci": [px - 0.1, px + 0.1], "present": 0.975, "psnr": 30.0}
    base |= {"contact_accuracy": None, "gravity": 0.5, "bounce": None, "energy_rise": 0.02}
    curve = [None] * 8 + [px] * 8
    bounds = [value and [value - 0.1, value + 0.1] for value in curve]
    return {**base, "clips": 4, "centroid_px_by_frame": curve, "centroid_px_by_frame_ci": bounds, **values}


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
        generated = condition.task.frame_mask(16).numpy()
        if has_gaps(generated):
            methods["linear_blend"] = record(2.25)
        families = {"projectile": methods, "all": methods}
        clip = {"size": [48, 48], "num_frames": 16, "known_frames": list(range(8))}
        made[condition.name] = {
            "given": int((~generated).sum()),
            "split": condition.split,
            "families": families,
            **clip,
        }
    return made


def test_every_task_has_a_row_with_the_best_baseline(reports):
    rows = suite_table(reports).splitlines()[2:]
    assert len(rows) == len(CONDITIONS) == len({condition.name for condition in CONDITIONS})
    assert rows[0] == "| predict, 1 given | 1.00 (0.90 to 1.10) | 3.50 (quadratic) | 97.5% | 90% | 30.00 | 0.20 |"
    assert "2.25 (linear blend)" in next(row for row in rows if "every 4" in row)


def test_motion_is_compared_with_the_truths(reports):
    rows = motion_table(reports["predict, 8 given"]).splitlines()[2:]
    assert rows[0] == "| tracker on the truth | 0.50 | 0.70 | 0.02 |"
    assert rows[1] == "| VDT | 0.50 | - | 0.02 |"


def test_files_are_written(reports, tmp_path):
    bounds = {"mean": 4.0, "low": 3.5, "high": 4.5}
    future = {"given": 1, "samples": 8, "clips": 32, "mean_px": bounds, "best_px": bounds, "spread_px": None}
    distances = {"clips": 64, "median": 20.0, "smallest": 8.0}
    nearest = {"invented": distances, "held_out": distances}
    painted = {"psnr": 25.0, "psnr_ci": [24.0, 26.0], "seam": 3.21, "centroid_px": None, "present": None}
    values = {"tasks": reports, "areas": {"a hole": {"model": painted}}, "futures": [future], "nearest": nearest}
    write_suite(values, tmp_path)
    text = (tmp_path / "suite.md").read_text(encoding="utf-8")
    assert (
        "| 1 (32 clips, 8 samples) | 4.00 (3.50 to 4.50) |" in text
        and "| held-out scenes (n=64) | 20.0 | 8.0 |" in text
    )
    assert json.loads((tmp_path / "suite.json").read_text(encoding="utf-8")) == values
    assert "| a hole | VDT | 25.00 (24.00 to 26.00) | 3.2 | - | - |" in text
    write_suite({**values, "nearest": None}, tmp_path)
    assert "| image to video |" in (tmp_path / "suite.md").read_text(encoding="utf-8")
    for name in ("error_by_given.png", "error_unlike.png"):
        picture = np.asarray(Image.open(tmp_path / name).convert("RGB"))
        assert (picture < 128).any() and len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_a_whole_run_has_tasks_inpainting_diversity_and_memorization(make_clip, exact_pipeline, tmp_path):
    ball = np.stack([np.linspace(8, 38, 16), np.full(16, 24.0)], axis=1)
    clips = [make_clip(ball), make_clip(ball[::-1], target=(24, 12), family="two_balls", seed=1)]
    learned = np.stack([clip.frames for clip in clips])  # a model that had seen the test clips would be found out
    values = run_suite(
        exact_pipeline(16, 6),
        lambda split: clips,
        tmp_path / "new",
        config=GenerationConfig(sampling=dataclasses.replace(EVEN_DDIM, steps=1)),
        training=lambda: [learned[:1], learned[1:]],
    )
    tmp_path /= "new"
    assert values == json.loads((tmp_path / "suite.json").read_text(encoding="utf-8"))
    assert list(values["tasks"]) == [condition.name for condition in CONDITIONS]
    assert [record["given"] for record in values["futures"]] == [1, 2]
    assert list(values["areas"]) == list(AREAS)
    near = values["nearest"]
    assert near["held_out"]["median"] < 0.1 < 1 < near["invented"]["smallest"]
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".md", ".png"}
    assert len(list(tmp_path.glob("*.png"))) == 5 + len(AREAS)

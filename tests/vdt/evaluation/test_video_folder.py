"""Videos without annotations: scores that can be worked out by hand, whatever the network makes of them."""

import dataclasses
import json

import numpy as np
import pytest

from vdt.diffusion import EVEN_DDIM
from vdt.evaluation import evaluate_folder, folder_table, write_folder_report
from vdt.inference.pipeline import Pipeline
from vdt.inference.settings import CompositingConfig, GenerationConfig
from vdt.masks.tasks import Interpolate, Predict

T, SIZE = 8, 16
HALF = Predict(given=4)
CONFIG = GenerationConfig(
    sampling=dataclasses.replace(EVEN_DDIM, steps=2), compositing=CompositingConfig(static_background=0.0)
)


@pytest.fixture
def pipeline(tiny_model, tiny_vae):
    return Pipeline(tiny_model, tiny_vae)


@pytest.fixture
def fades():
    """Clips that grow brighter by the same step everywhere, of 2, 3, 4, ... levels a frame."""
    levels = 60 + np.arange(T)[None, :] * np.arange(2, 7)[:, None]  # (N, T)
    return np.broadcast_to(levels[..., None, None, None], (5, T, SIZE, SIZE, 3)).astype(np.uint8)


def test_holding_the_last_frame_errs_by_what_has_changed_since(fades, pipeline):
    report = evaluate_folder(pipeline, fades, task=HALF, config=CONFIG)
    steps = np.arange(1, 5)[None] * np.arange(2, 7)[:, None]  # levels since the last given frame, (N, generated)
    expected = 20 * np.log10(255 / steps)
    held = report.values["methods"]["copy_last"]
    np.testing.assert_allclose(held["psnr_by_frame"], expected.mean(0), rtol=1e-9)
    assert held["psnr"] == pytest.approx(expected.mean())
    low, high = held["psnr_ci"]
    assert expected.mean(1).min() <= low < held["psnr"] < high <= expected.mean(1).max()
    assert list(report.values["methods"]) == ["model", "vae", "copy_last"]


def test_a_steady_fade_is_what_blending_gets_right(fades, pipeline):
    methods = evaluate_folder(pipeline, fades, task=Interpolate(every=4), config=CONFIG).values["methods"]
    assert methods["linear_blend"]["psnr"] > 60 > methods["copy_last"]["psnr"]
    assert methods["linear_blend"]["ssim"] == pytest.approx(1, abs=1e-3)


def test_scores_do_not_depend_on_the_batch(fades, pipeline):
    alone, together = (
        evaluate_folder(pipeline, fades, task=HALF, batch_size=size, config=CONFIG).values["methods"]["model"]
        for size in (1, 5)
    )
    assert alone["psnr"] == pytest.approx(together["psnr"], abs=0.02)


def test_without_a_pipeline_the_baselines_are_scored(fades):
    assert list(evaluate_folder(None, fades, task=HALF).values["methods"]) == ["copy_last"]


def test_a_report_is_written_and_says_how_it_was_made(fades, pipeline, tmp_path):
    report = evaluate_folder(pipeline, fades, task=HALF, num_samples=2, model_sha256="abc", config=CONFIG)
    write_folder_report(report, tmp_path / "new")
    names = {"report.json", "table.md", "quality_by_frame.png", "sheet.png"}
    assert {path.name for path in (tmp_path / "new").iterdir()} == names
    values = json.loads((tmp_path / "new" / "report.json").read_text())
    assert values["model_sha256"] == "abc" and values["known_frames"] == [0, 1, 2, 3] and values["still"] == 0
    table = folder_table(report)
    assert table == (tmp_path / "new" / "table.md").read_text()
    assert "5 clips, 16x16, 8 frames, 4 given (predict), ddim 2 steps" in table and "| copy last |" in table
    assert len(report.samples) == 2 and set(report.samples[0].frames) == {"truth", "model", "vae", "copy_last"}

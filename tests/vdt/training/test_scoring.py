"""Scores of objects while a model trains: the same as evaluation says, the best weights kept, and an end in time."""

import json

import pytest
import torch

from vdt.checkpoints import bundled, load_model, load_vae
from vdt.inference.pipeline import Pipeline
from vdt.masks.tasks import Predict
from vdt.physics import evaluate
from vdt.physics.scenes import load_clips
from vdt.training import scoring, train_from_recipe
from vdt.training.recipe import read_recipe

RECIPE = """
kind = "vdt"
[model]
name = "VDT-Tiny/2"
num_frames = 16
[data]
clips = 4
size = 32
[optim]
batch = 2
steps = 4
[run]
score_every = 1
score_count = 2
patience = 2
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "scored.toml"
    path.write_text(RECIPE)
    return path


class Told:
    """Stands for evaluation and says one value of both outlines after another."""

    def __init__(self, *values):
        self.values = list(values)

    def __call__(self, *args, **kwargs):
        value = self.values.pop(0)
        record = {"ball_iou": value, "target_iou": value, "centroid_px": 1.0, "ball_delta_e": None}
        return type("Report", (), {"values": {"families": {"all": {"model": record}}}})


def test_the_score_is_what_evaluation_says_of_the_file_that_is_kept(recipe, tmp_path):
    recipe.write_text(RECIPE.replace("steps = 4", "steps = 1"))
    folder = tmp_path / "run"
    train_from_recipe(recipe, output=folder, progress=False)
    (line,) = map(json.loads, (folder / scoring.SCORES).read_text().splitlines())
    model = load_model(folder / "scored-best.safetensors")
    report = evaluate.evaluate_scenes(
        Pipeline(model, load_vae(bundled("vae"))), load_clips("val", 2, size=32), task=Predict(given=8)
    )
    truth = report.values["families"]["all"]["model"]
    assert line["step"] == 1
    assert line["centroid_px"] == pytest.approx(truth["centroid_px"], abs=0.2)  # the file is in half precision
    assert line["score"] == pytest.approx((truth["ball_iou"] + truth["target_iou"]) / 2, abs=0.05)


def test_a_student_is_scored_with_its_teachers_share(recipe, tmp_path, monkeypatch):
    """With all of it the score is the teacher's own: that is the file that the run leaves."""
    teacher = tmp_path / "teacher.toml"
    teacher.write_text(RECIPE.replace("score_every = 1", "").replace("patience = 2", ""))
    train_from_recipe(teacher, output=tmp_path, progress=False)
    text = RECIPE.replace("[model]", 'init = "teacher.safetensors"\n[model]').replace(
        "steps = 4", "steps = 1\nlr = 0.1"
    )
    recipe.write_text(text + "[distill]\nsteps = 1\nsubsteps = 1\nteacher_share = 1.0\n")
    scored = []
    monkeypatch.setattr(
        evaluate, "evaluate_scenes", lambda pipeline, *a, **k: scored.append(pipeline.model) or Told(0.5)()
    )
    train_from_recipe(recipe, output=tmp_path / "run", progress=False)
    weights, teacher = scored[0].state_dict(), load_model(tmp_path / "teacher.safetensors").state_dict()
    for name, value in load_model(tmp_path / "run" / "scored-best.safetensors").state_dict().items():
        torch.testing.assert_close(weights[name], teacher[name])
        torch.testing.assert_close(value, teacher[name], rtol=2e-3, atol=1e-4)


def test_a_run_ends_when_its_score_no_longer_rises_and_the_best_weights_stay(recipe, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    monkeypatch.setattr(evaluate, "evaluate_scenes", Told(0.4, 0.6, 0.5, 0.55))
    recipe.write_text(RECIPE.replace("steps = 4", "steps = 9"))
    result = train_from_recipe(recipe, output=folder, progress=False)
    assert result.finished and result.step == 4  # two scores after the best one
    written = [json.loads(line) for line in (folder / scoring.SCORES).read_text().splitlines()]
    assert [line["score"] for line in written] == [0.4, 0.6, 0.5, 0.55]
    best = (folder / "scored-best.safetensors").read_bytes()
    assert b'"step":"2"' in best[:4000]
    assert train_from_recipe(recipe, output=folder, progress=False).step == 4  # it is over
    assert (folder / "scored-best.safetensors").read_bytes() == best


def test_scores_after_the_checkpoint_are_measured_again(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "evaluate_scenes", Told(0.5, 0.6, 0.7, 0.8))
    folder = tmp_path / "run"
    train_from_recipe(recipe, output=folder, progress=False)
    kept = [each.step for each in scores(recipe, folder, step=2).scores]
    assert kept == [1, 2]
    (folder / scoring.SCORES).write_text('{"step": 1}\nnot json')
    assert scores(recipe, folder, step=2).scores == []


def scores(recipe, folder, step):
    objective = type("Objective", (), {"shown_with": None})
    return scoring.ObjectScores(objective, read_recipe(recipe), folder, step)


def test_what_cannot_be_scored_is_refused_before_it_trains(recipe, tmp_path):
    for old, new, words in (
        ("score_every = 1\n", "", "patience = 2 counts scores"),
        ("[data]", '[data]\nsource = "folder"\nfolder = "clips"', "no folder|no videos|score_every needs"),
        ('kind = "vdt"', 'kind = "vdt"\nmode = "spatial"', "score_every needs a VDT that learns from scenes"),
    ):
        recipe.write_text(RECIPE.replace(old, new))
        with pytest.raises(ValueError, match=words):
            train_from_recipe(recipe, output=tmp_path / "refused", progress=False)

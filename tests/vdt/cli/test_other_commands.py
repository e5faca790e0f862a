"""`vdt info`, `convert`, `evaluate` and `bench`: what they print and write."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from vdt.cli import BAD_INPUT, main
from vdt.evaluation import video_folder
from vdt.inference.settings import CompositingConfig, WindowConfig
from vdt.masks import TASKS


def test_info_says_what_a_file_holds(place, capsys, tiny_model):
    assert main(["info", str(place / "model.safetensors")]) == 0
    out = capsys.readouterr().out
    parameters = sum(parameter.numel() for parameter in tiny_model.parameters())
    assert "vdt" in out and f"{parameters:,}" in out and "float32" in out and tiny_model.config.to_json() in out
    for line in (
        "scheme      mask\n",
        "attention   factorized\n",
        "text        none\n",
        "cost        0.2 M parameters, ",
    ):
        assert line in out
    assert "GFLOPs a pass over 6 frames of 8x8 cells\n" in out
    assert main(["info", str(place / "vae.safetensors")]) == 0
    out = capsys.readouterr().out
    assert "vae" in out and "scheme" not in out


def test_info_refuses_what_is_no_weight_file(bad_files, refused):
    for name in ("absent.safetensors", "cut.safetensors", "code.safetensors", "text.mp4", "out"):
        refused(main(["info", str(bad_files / name)]), name)


def test_golden_convert_reads_the_official_file(place, capsys, golden):
    target = place / "out" / "official.safetensors"
    assert main(["convert", str(golden / "official_tiny.pt"), str(target), "--num-heads", "4"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("parameters", "sha256", "config", str(target)))
    assert main(["info", str(target)]) == 0


def test_convert_refuses_code_and_other_targets(place, refused, written, golden):
    class Code:
        def __reduce__(self):
            return (Path.touch, (place / "ran",))

    torch.save({"weights": Code()}, place / "code.pt")
    target = place / "out" / "x.safetensors"
    official = str(golden / "official_tiny.pt")
    refused(main(["convert", str(place / "code.pt"), str(target)]), "code.pt", "code")
    refused(main(["convert", str(place / "absent.pt"), str(target)]), "absent.pt")
    refused(main(["convert", official, str(target.with_suffix(".bin"))]), ".safetensors")
    assert written() == [] and not (place / "ran").exists()


@pytest.fixture
def evaluate(place):
    """`vdt evaluate` of the folder with the tiny weights."""

    def run(*flags) -> int:
        files = [f"--{name}={place / name}.safetensors" for name in ("model", "vae")]
        return main(["evaluate", f"--folder={place}", *files, "--steps=2", "--fps=12", "--device=cpu", *flags])

    return run


def test_evaluate_scores_a_folder_of_videos(place, evaluate, written, capsys):
    assert evaluate("--given=3", f"--report={place / 'out'}", f"--json={place / 'out' / 'all.json'}") == 0
    assert "1 clip, 64x64, 6 frames, 3 given (predict)" in capsys.readouterr().out
    values = json.loads((place / "out" / "all.json").read_text())
    independent = 10 * np.log10(6)  # the mean square of the difference of two uniform numbers is a sixth
    assert values["methods"]["copy_last"]["psnr"] == pytest.approx(independent, abs=0.5)
    assert written() == ["all.json", "quality_by_frame.png", "report.json", "sheet.png", "table.md"]


def test_evaluate_measures_what_generate_makes(evaluate, monkeypatch):
    seen = []
    original = video_folder.evaluate_folder
    monkeypatch.setattr(video_folder, "evaluate_folder", lambda *a, **k: seen.append(k) or original(*a, **k))
    assert evaluate("--task=interpolate", "--every=2", "--window=4", "--overlap=1", "--tile=32", "--edges=3") == 0
    assert seen[0]["task"] == TASKS["interpolate"](every=2)
    assert seen[0]["config"].windows == WindowConfig(frames=4, overlap=1, tile=4)
    assert seen[0]["config"].compositing == CompositingConfig(color_match=3.0)
    assert evaluate("--task=frames") == 0
    assert seen[1]["task"].given_frames == "0,-1" and seen[1]["config"].windows == WindowConfig()


@pytest.mark.parametrize(("fresh", "scenes"), ((0.0, 1000), (0.5, 2048)))
def test_a_model_that_learned_from_a_stream_has_seen_whole_chunks_of_its_64_and_2000_scenes(place, fresh, scenes):
    from vdt.checkpoints import add_metadata
    from vdt.cli.evaluate import _scenes_learned

    recipe = {"data": {"source": "scenes", "clips": 1000, "first": 64, "fresh": fresh}, "optim": {"batch": 8}}
    add_metadata(place / "model.safetensors", {"recipe": json.dumps(recipe), "step": "500"})
    assert _scenes_learned(place / "model.safetensors") == ("train", scenes)


def test_the_demo_plays_three_tasks_and_names_its_video(tmp_path, capsys):
    from vdt.media import read_video

    clips = Path(__file__).parents[3] / "samples/clips"
    assert main(["demo", "--output", str(tmp_path / "demo"), "--clips", str(clips)]) in (None, 0)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"look at {tmp_path / 'demo/demo.mp4'}") and len(said) == 4
    video = read_video(tmp_path / "demo/demo.mp4").frames
    assert video.shape[0] == 64 and min(video.shape[1:3]) > 700
    assert main(["demo", "--output", str(tmp_path), "--clips", str(tmp_path)]) == BAD_INPUT
    assert "name the folder by --clips" in capsys.readouterr().err

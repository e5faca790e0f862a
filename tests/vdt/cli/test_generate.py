"""`vdt generate` for clips in memory: what each task writes, and how it is sampled."""

from dataclasses import fields

import numpy as np
import pytest

from vdt.checkpoints import bundled
from vdt.cli import main
from vdt.cli.generate.command import DESCRIPTION
from vdt.cli.task_flags import all_tasks
from vdt.diffusion import FAST, SamplingConfig
from vdt.inference.pipeline import Pipeline
from vdt.inference.settings import CompositingConfig, WindowConfig
from vdt.inference.video_jobs import VideoJob
from vdt.masks.tasks import Backward, ImageToVideo, Interpolate, Predict
from vdt.media.frames import fit_frames
from vdt.media.video import probe, read_frames, write_video
from vdt.models.transformer import VDT

SIZE = 64  # of VDT-Tiny/2, whose clips have 6 frames


@pytest.mark.parametrize(
    ("task", "flags", "frames", "fps", "size"),
    [
        ("predict", ["--given", 3], 6, 12, (SIZE, SIZE)),
        ("predict", ["--given", 2, "--frames", 4, "--fps", 6], 4, 6, (SIZE, SIZE)),
        ("backward", [], 6, 12, (SIZE, SIZE)),
        ("interpolate", ["--every", 2], 6, 12, (SIZE, SIZE)),
        # 3 frames, 3 apart, 3 times as fast
        ("interpolate", ["--every", 3, "--fps", 4, "--size", "32x48"], 7, 12, (32, 48)),
        ("image-to-video", ["--frame", -1], 6, 12, (SIZE, SIZE)),
        ("frames", ["--known", "0,-1"], 6, 12, (SIZE, SIZE)),
    ],
)
def test_every_task_writes_its_clip(place, generate, written, capsys, task, flags, frames, fps, size):
    assert generate(task, *flags) == 0
    info = probe(place / "out" / "out.mp4")
    assert (info.frames, float(info.fps), (info.height, info.width)) == (frames, fps, size)
    assert "out.mp4" in capsys.readouterr().out and written() == ["out.mp4"]


def test_from_nothing_and_from_an_image(place, generate, write_mask):
    assert generate("unconditional", clip=None) == 0
    assert probe(place / "out" / "out.mp4").frames == 6
    assert generate("image_to_video", clip=write_mask("image.png", 50, 30).name) == 0
    assert float(probe(place / "out" / "out.mp4").fps) == 8


def test_help_describes_every_task():
    assert all(f"\n  {task.replace('_', '-')} " in DESCRIPTION for task in all_tasks())
    slow_motion = {field.name: field.default for field in fields(VideoJob)}
    defaults = {"given K": [Predict().given, Backward().given], "every N": [Interpolate().every, slow_motion["every"]]}
    defaults["frame I"] = [ImageToVideo().frame]
    for flag, values in defaults.items():
        assert all(f"(--{flag}, default {value}" in DESCRIPTION for value in values), flag


def test_steps_may_be_spaced_and_any_sampler_named(generate, calls):
    assert generate("predict", steps=3, sampler="unipc_quad", given=2) == 0
    made = SamplingConfig(steps=3, sampler="unipc", spacing="quadratic").for_text(False)
    assert calls[0][1]["sampling"] == made


def run_with_stub(place, monkeypatch, pipeline, *flags) -> list:
    """Which model's file is loaded."""
    files = []
    monkeypatch.setattr(Pipeline, "from_pretrained", lambda model, vae, **options: files.append(model) or pipeline)
    paths = ["--input", str(place / "clip.mp4"), "--output", str(place / "out" / "out.mp4")]
    assert main(["generate", "predict", "--given", "2", *paths, *flags]) == 0
    return files


def test_what_is_left_out_is_as_the_library_has_it(place, tiny_model, tiny_vae, monkeypatch, calls):
    assert run_with_stub(place, monkeypatch, Pipeline(tiny_model, tiny_vae)) == [bundled("vdt")]
    options = calls[0][1]
    assert (options["sampling"], options["compositing"]) == (SamplingConfig().for_text(False), CompositingConfig())
    assert (options["windows"], options["seed"]) == (WindowConfig(), 0)


def test_fast_is_the_student_and_its_settings_in_whatever_order(place, tiny_model, tiny_vae, monkeypatch, calls):
    pipeline = Pipeline(tiny_model, tiny_vae)
    own = ["--steps", "3", "--guidance", "1.5", "--sampler", "ddim"]
    for flags in (["--fast"], ["--fast", *own], [*own, "--fast"]):
        assert run_with_stub(place, monkeypatch, pipeline, *flags) == [bundled("vdt-fast")]
    fast, before, after = (options["sampling"] for _, options, _ in calls)
    assert fast == FAST
    own = SamplingConfig(steps=3, guidance=1.5, sampler="ddim", spacing="even").for_text(False)
    assert before == after == own
    named = place / "model.safetensors"
    for flags in (["--fast", "--model", str(named)], ["--model", str(named), "--fast"]):
        assert run_with_stub(place, monkeypatch, pipeline, *flags) == [named]
        assert calls[-1][1]["sampling"] == FAST


def test_given_pixels_are_kept_and_a_sheet_is_written(place, generate, calls, written, write_mask):
    mask = write_mask("mask.png", 96, 160, (slice(40, 60), slice(70, 90)))
    assert generate("spatial", mask=mask, sheet=place / "out" / "sheet.png") == 0
    (frames, pixels), _, clip = calls[0]
    assert frames.shape == (6, SIZE, SIZE, 3) and 0 < pixels.float().mean() < 0.3
    assert (clip.frames[~pixels.numpy()] == frames[~pixels.numpy()]).all()
    assert written() == ["out.mp4", "sheet.png"]


def test_areas_are_shifted_to_meet_their_surroundings(generate, calls, write_mask):
    mask = write_mask("mask.png", 96, 160, (slice(40, 60), slice(70, 90)))
    for settings in ({"edges": 0}, {"edges": 24}, {}):
        assert generate("spatial", mask=mask, **settings) == 0
    rough, shifted, default = (clip.frames for *_, clip in calls)
    assert np.array_equal(shifted, default) and not np.array_equal(rough, shifted)
    given = ~calls[0][2].mask
    assert np.array_equal(rough[given], shifted[given])


def test_the_same_seed_writes_the_same_video(place, generate):
    clips = []
    for seed in (1, 1, 2):
        assert generate("predict", seed=seed) == 0
        clips.append(np.stack(list(read_frames(place / "out" / "out.mp4"))))
    assert (clips[0] == clips[1]).all() and (clips[0] != clips[2]).any()


def test_longer_clips_than_the_models_are_made_in_windows(place, generate, calls):
    assert generate("predict", frames=24, window=8, overlap=3, given=2) == 0
    assert probe(place / "out" / "out.mp4").frames == 24
    assert calls[0][1]["windows"] == WindowConfig(frames=8, overlap=3)


@pytest.mark.parametrize(("tile", "sides"), [({}, {8}), ({"tile": 32}, {4}), ({"tile": 27}, {4}), ({"tile": 200}, {9})])
def test_a_large_picture_is_made_in_tiles(generate, monkeypatch, tiny_model, tile, sides):
    seen, original = set(), VDT.forward

    def watched(self, x, *others, **options):
        seen.update(x.shape[-2:])
        return original(self, x, *others, **options)

    monkeypatch.setattr(VDT, "forward", watched)
    assert tiny_model.config.input_size == 8
    assert generate("predict", given=2, size="70x70", frames=3, steps=1, **tile) == 0
    assert seen == sides


def test_a_sheet_shows_what_there_is(place, generate):
    write_video(place / "short.mp4", np.full((3, 64, 64, 3), 90, np.uint8), 12)
    for frames in (6, 70):  # longer than the clip, and than a sheet is wide
        options = {"frames": frames, "size": "16x16", "window": 16}
        assert generate("predict", clip="short.mp4", sheet=place / "out" / "s.png", **options) == 0
        assert (place / "out" / "s.png").is_file()


@pytest.mark.parametrize(("size", "frames"), [("32x32", None), ("21x34", 7)])
def test_outpaint_grows_the_picture_of_the_whole_clip_and_keeps_it(
    place, generate, capsys, written_frames, size, frames
):
    height, width = map(int, size.split("x"))
    given = fit_frames(read_frames(place / "clip.mp4"), (height, width))[:frames]
    options = {"left": 50, "bottom": 100, "size": size, "sheet": place / "out" / "s.png"}
    assert generate("outpaint", **options, **({"frames": frames} if frames else {})) == 0
    made = np.stack(written_frames)
    assert made.shape == (len(given), 2 * height, width + round(width / 2), 3)
    assert np.array_equal(made[:, :height, round(width / 2) :], given)
    assert f"{len(given)} frames of {made.shape[2]}x{made.shape[1]} around {width}x{height}" in capsys.readouterr().out


def test_a_4k_portrait_goes_in(place, generate, written_frames):
    rows = np.linspace(0, 255, 3840).astype(np.uint8)[:, None, None].repeat(2160, 1).repeat(3, 2)
    write_video(place / "tall.mp4", np.stack([rows, rows[::-1]]), 25)
    assert generate("predict", clip="tall.mp4", given=2, size="32x18", policy="fit") == 0
    given = fit_frames(read_frames(place / "tall.mp4"), (32, 18), "fit")
    assert np.array_equal(np.stack(written_frames[:2]), given) and len(written_frames) == 6
    assert written_frames[0][4, 9, 0] < 60 and written_frames[1][4, 9, 0] > 190  # upright

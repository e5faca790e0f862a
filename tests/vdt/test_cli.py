"""The command line in process: what it writes; every kind of bad input is one sentence, exit 2 and no file."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

import vdt.video
from vdt.audio import Sound, read_sound
from vdt.autoencoder import AutoencoderKL
from vdt.checkpoints import bundled, save_model, save_vae
from vdt.cli import BAD_INPUT, COMMANDS, INTERRUPTED, main
from vdt.cli.generate import DESCRIPTION
from vdt.config import VAE_CONFIGS
from vdt.estimate import Estimate
from vdt.frames import fit_frames
from vdt.model import VDT
from vdt.pipeline import Pipeline
from vdt.planner import TASKS
from vdt.video import probe, read_frames, write_video

SIZE = 64  # of VDT-Tiny/2, whose clips have 6 frames


@pytest.fixture
def place(tmp_path, tiny_model, tiny_vae):
    """A folder with weights, a clip of 9 frames at 12 fps, and an empty folder for what is written."""
    save_model(tiny_model, tiny_model.config, tmp_path / "model.safetensors")
    save_vae(tiny_vae, tiny_vae.config, tmp_path / "vae.safetensors")
    noise = np.random.default_rng(0).integers(0, 256, (9, 6, 10, 3), dtype=np.uint8)
    write_video(tmp_path / "clip.mp4", noise.repeat(16, 1).repeat(16, 2), 12)
    (tmp_path / "out").mkdir()
    return tmp_path


def generate(place: Path, task: str, *options, clip="clip.mp4", **overrides) -> int:
    values = {
        "--model": place / "model.safetensors",
        "--vae": place / "vae.safetensors",
        "--output": place / "out" / "out.mp4",
        "--steps": 2,
        "--device": "cpu",
        **({} if clip is None else {"--input": place / clip}),
        **{f"--{key}": value for key, value in overrides.items()},
    }
    pairs = [text for key, value in values.items() for text in (key, str(value))]
    return main(["generate", task, *pairs, *map(str, options)])


def refused(capsys, code: int, *words: str) -> None:
    error = capsys.readouterr().err
    assert code == BAD_INPUT, error
    assert error.startswith("vdt: ") and error.count("\n") == 1 and "Traceback" not in error, error
    assert all(word in error for word in words), error


def written(place: Path) -> list[str]:
    return sorted(path.name for path in (place / "out").rglob("*"))


def write_mask(path: Path, height: int, width: int, white=(slice(8, 20), slice(8, 20))) -> Path:
    from PIL import Image

    mask = np.zeros((height, width), np.uint8)
    mask[white] = 255
    Image.fromarray(mask).save(path)
    return path


@pytest.mark.parametrize(
    ("task", "options", "frames", "fps"),
    [
        ("predict", ["--given", 3], 6, 12),
        ("predict", ["--given", 2, "--frames", 4, "--fps", 6], 4, 6),
        ("backward", [], 6, 12),
        ("interpolate", ["--every", 2], 6, 12),
        ("interpolate", ["--every", 3, "--fps", 4], 7, 12),  # 3 frames, 3 apart, 3 times as fast
        ("image-to-video", ["--frame", -1], 6, 12),
        ("frames", ["--known", "0,-1"], 6, 12),
    ],
)
def test_generate_every_task(place, capsys, task, options, frames, fps):
    if "--fps" in options and task == "interpolate":
        assert generate(place, task, *options, "--size", "32x48") == 0
    else:
        assert generate(place, task, *options) == 0
    info = probe(place / "out" / "out.mp4")
    assert (info.frames, float(info.fps)) == (frames, fps)
    assert (info.height, info.width) == ((32, 48) if frames == 7 else (SIZE, SIZE))
    assert "out.mp4" in capsys.readouterr().out
    assert written(place) == ["out.mp4"]


def test_generate_from_nothing_and_from_an_image(place):
    assert generate(place, "unconditional", clip=None) == 0
    assert probe(place / "out" / "out.mp4").frames == 6
    image = write_mask(place / "image.png", 50, 30)
    assert generate(place, "image_to_video", clip=image.name) == 0
    assert float(probe(place / "out" / "out.mp4").fps) == 8


def test_steps_may_be_spaced_and_any_sampler_named(place, monkeypatch):
    seen = []
    original = Pipeline.generate
    monkeypatch.setattr(Pipeline, "generate", lambda self, *a, **k: seen.append(k) or original(self, *a, **k))
    assert generate(place, "predict", steps=3, sampler="unipc_quad", given=2) == 0
    assert (seen[0]["steps"], seen[0]["sampler"]) == (3, "unipc_quad")


@pytest.mark.parametrize(
    ("after", "steps", "guidance"), [([], 2, 1.0), (["--steps", "3", "--guidance", "1.5"], 3, 1.5)]
)
def test_one_flag_chooses_the_student_and_how_it_is_sampled(
    place, tiny_model, tiny_vae, monkeypatch, after, steps, guidance
):
    files, settings = [], []
    original = Pipeline.generate

    def load(model, vae, **options):
        files.append(model)
        return Pipeline(tiny_model, tiny_vae)

    monkeypatch.setattr(Pipeline, "from_files", load)
    monkeypatch.setattr(Pipeline, "generate", lambda self, *a, **k: settings.append(k) or original(self, *a, **k))
    paths = ["--input", str(place / "clip.mp4"), "--output", str(place / "out" / "out.mp4")]
    assert main(["generate", "predict", "--fast", *after, "--given", "2", *paths]) == 0
    assert files == [bundled("vdt-fast")]
    assert (settings[0]["steps"], settings[0]["guidance_scale"]) == (steps, guidance)


def test_generate_keeps_given_pixels_and_writes_a_sheet(place, monkeypatch):
    seen = []
    original = Pipeline.generate
    monkeypatch.setattr(
        Pipeline, "generate", lambda self, *a, **k: seen.append((a, original(self, *a, **k))) or seen[-1][1]
    )
    mask = write_mask(place / "mask.png", 96, 160, (slice(40, 60), slice(70, 90)))
    assert generate(place, "spatial", mask=mask, sheet=place / "out" / "sheet.png") == 0
    (frames, pixels), clip = seen[0]
    assert frames.shape == (6, SIZE, SIZE, 3) and 0 < pixels.float().mean() < 0.3
    assert (clip.frames[~pixels.numpy()] == frames[~pixels.numpy()]).all()
    assert written(place) == ["out.mp4", "sheet.png"]


def test_generate_shifts_areas_to_meet_their_surroundings(place, monkeypatch):
    made = []
    original = Pipeline.generate
    monkeypatch.setattr(Pipeline, "generate", lambda self, *a, **k: made.append(original(self, *a, **k)) or made[-1])
    mask = write_mask(place / "mask.png", 96, 160, (slice(40, 60), slice(70, 90)))
    for settings in ({"edges": 0}, {"edges": 24}, {}):
        assert generate(place, "spatial", mask=mask, **settings) == 0
    rough, shifted, default = (clip.frames for clip in made)
    assert np.array_equal(shifted, default) and not np.array_equal(rough, shifted)
    assert np.array_equal(rough[~made[0].mask], shifted[~made[0].mask])


def test_the_same_seed_writes_the_same_video(place):
    clips = []
    for seed in (1, 1, 2):
        assert generate(place, "predict", seed=seed) == 0
        clips.append(np.stack(list(read_frames(place / "out" / "out.mp4"))))
    assert (clips[0] == clips[1]).all() and (clips[0] != clips[2]).any()


def bad_files(place: Path) -> None:
    (place / "text.mp4").write_text("not a video")
    (place / "cut.safetensors").write_bytes((place / "model.safetensors").read_bytes()[:3000])
    (place / "code.safetensors").write_bytes(pickle.dumps(print))
    write_mask(place / "small.png", 10, 10)
    write_mask(place / "black.png", 96, 160, slice(0, 0))
    write_mask(place / "image.png", 96, 160)
    write_video(place / "short.mp4", np.full((4, 96, 160, 3), 255, np.uint8), 12)
    write_video(place / "dark.mp4", np.zeros((9, 96, 160, 3), np.uint8), 12)
    (place / "file").write_text("")


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        ("predict", {"clip": "absent.mp4"}, ["no such file", "absent.mp4"]),
        ("predict", {"clip": "text.mp4"}, ["text.mp4"]),
        ("predict", {"clip": None}, ["--input"]),
        ("predict", {"given": 10, "frames": 20}, ["--given 10", "got 9"]),
        ("predict", {"given": 6}, ["6 of 6", "1 to 5"]),
        ("predict", {"given": 0}, ["given 0"]),
        ("predict", {"given": "x"}, ["--given", "x"]),
        ("predict", {"every": 2}, ["--every", "predict"]),
        ("predicts", {}, ["predicts", "predict", "slow-motion", "outpaint"]),
        ("interpolate", {"every": 1}, ["every=1"]),
        ("slow-motion", {"every": 1}, ["every=1", "2 or more"]),
        ("slow-motion", {"clip": "image.png"}, ["1 frame", "2 or more"]),
        ("slow-motion", {"frames": 30}, ["--frames", "slow_motion"]),
        ("slow-motion", {"given": 3}, ["--given", "slow_motion", "--every"]),
        ("slow-motion", {"clip": None}, ["--input"]),
        ("extend", {"frames": 3, "fps": 0}, ["--fps 0"]),
        ("outpaint", {}, ["nothing", "left 25"]),
        ("outpaint", {"left": 500}, ["left 500", "0 to 400"]),
        ("outpaint", {"top": -1}, ["top -1", "0 to 400"]),
        ("outpaint", {"left": "nan"}, ["--left", "nan"]),
        ("outpaint", {"left": 25, "clip": None}, ["--input"]),
        ("outpaint", {"left": 25, "mask": "black.png"}, ["--mask", "outpaint"]),
        ("outpaint", {"left": 25, "frames": 30}, ["--frames 30", "clip of 9"]),
        ("predict", {"left": 0}, ["--left", "predict", "outpaint"]),
        ("frames", {}, ["--known"]),
        ("frames", {"known": "0,x"}, ["x", "0-3,8,-1"]),
        ("spatial", {}, ["--mask"]),
        ("spatial", {"mask": "small.png"}, ["10x10", "160x96"]),
        ("spatial", {"mask": "black.png"}, ["white"]),
        ("spatial", {"mask": "absent.png"}, ["absent.png"]),
        ("spatial", {"mask": "short.mp4"}, ["short.mp4", "has 4 frames", "the clip has 6", "--frames 4"]),
        ("spatial", {"mask": "dark.mp4"}, ["white"]),
        ("predict", {"size": "0x64"}, ["0x64", "1 or more"]),
        ("predict", {"size": "64"}, ["--size", "64x96"]),
        ("predict", {"sampler": "best"}, ["best", "ddim"]),
        ("predict", {"steps": 0}, ["--steps"]),
        ("predict", {"steps": "quad6"}, ["--steps"]),
        ("predict", {"steps": 5000}, ["5000"]),
        ("predict", {"seed": -1}, ["--seed"]),
        ("predict", {"guidance": "nan"}, ["--guidance"]),
        ("predict", {"fps": 0}, ["--fps"]),
        ("predict", {"start": 60}, ["60"]),
        ("predict", {"device": "toaster"}, ["toaster"]),
        ("predict", {"dtype": "int8"}, ["int8", "float32"]),
        ("predict", {"model": "absent.safetensors"}, ["absent.safetensors"]),
        ("predict", {"model": "cut.safetensors"}, ["cut.safetensors"]),
        ("predict", {"model": "code.safetensors"}, ["code.safetensors"]),
        ("predict", {"model": "vae.safetensors"}, ["vae.safetensors", "a VAE"]),
        ("predict", {"vae": "model.safetensors"}, ["model.safetensors", "a VDT model"]),
        ("predict", {"output": "out/out.avi"}, [".mp4"]),
        ("predict", {"output": "absent/out.mp4"}, ["absent"]),
        ("predict", {"output": "file/out.mp4"}, ["file"]),
        ("predict", {"sheet": "out/sheet.txt"}, [".png"]),
    ],
)
def test_bad_input_is_one_sentence(place, capsys, task, options, words):
    bad_files(place)
    files = {"mask", "model", "vae", "output", "sheet"}
    options = {key: place / value if key in files else value for key, value in options.items()}
    refused(capsys, generate(place, task, **options), *words)
    assert written(place) == []


def test_a_folder_that_cannot_be_written_is_named_before_any_work(place, capsys, monkeypatch):
    def fail(*arguments, **options):
        raise PermissionError(13, "Permission denied", "out")

    monkeypatch.setattr("vdt.cli.options.tempfile.TemporaryFile", fail)
    monkeypatch.setattr(Pipeline, "from_files", lambda *a, **k: pytest.fail("started to work"))
    refused(capsys, generate(place, "predict"), "out", "not writable")


def test_other_architecture_names_its_keys(place, capsys, tiny_model):
    state = dict(tiny_model.state_dict())
    state["blocks.9.extra"] = state.pop("final_layer.linear.bias")
    save_model(state, tiny_model.config, place / "other.safetensors")
    code = generate(place, "predict", model=place / "other.safetensors")
    refused(capsys, code, "final_layer.linear.bias", "blocks.9.extra")


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, INTERRUPTED), (ValueError, BAD_INPUT)])
def test_an_end_in_the_middle_leaves_nothing(place, capsys, monkeypatch, error, code):
    def stop(path, frames, *arguments, **options):
        def some():
            yield frames[0]
            raise error("stop")

        return write_video(path, some(), *arguments, **options)

    monkeypatch.setattr("vdt.video.write_video", stop)
    assert generate(place, "predict") == code
    assert written(place) == [] and capsys.readouterr().err.count("\n") == 1


def test_errors_of_ours_are_not_hidden(place, monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("a defect")

    monkeypatch.setattr(Pipeline, "generate", broken)
    with pytest.raises(RuntimeError):
        generate(place, "predict")


def test_debug_shows_the_traceback(place, capsys):
    assert generate(place, "predict", "--debug", given=6) == BAD_INPUT
    assert "Traceback" in capsys.readouterr().err


def test_missing_extra_says_what_to_install(place, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    refused(capsys, generate(place, "predict", sheet=place / "out" / "s.png"), "PIL", "vdt-video[studio]")
    assert written(place) == []


def test_info_says_what_a_file_holds(place, capsys, tiny_model):
    assert main(["info", str(place / "model.safetensors")]) == 0
    out = capsys.readouterr().out
    parameters = sum(parameter.numel() for parameter in tiny_model.parameters())
    assert "vdt" in out and f"{parameters:,}" in out and "float32" in out and tiny_model.config.to_json() in out
    assert main(["info", str(place / "vae.safetensors")]) == 0
    assert "vae" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["absent.safetensors", "cut.safetensors", "code.safetensors", "text.mp4", "out"])
def test_info_refuses_what_is_no_weight_file(place, capsys, name):
    bad_files(place)
    refused(capsys, main(["info", str(place / name)]), name)


def test_golden_convert_reads_the_official_file(place, capsys, golden):
    target = place / "out" / "official.safetensors"
    assert main(["convert", str(golden / "official_tiny.pt"), str(target), "--num-heads", "4"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("parameters", "sha256", "config", str(target)))
    assert main(["info", str(target)]) == 0


def test_convert_refuses_code_and_other_targets(place, capsys, golden):
    class Code:
        def __reduce__(self):
            return (Path.touch, (place / "ran",))

    torch.save({"weights": Code()}, place / "code.pt")
    target = place / "out" / "x.safetensors"
    refused(capsys, main(["convert", str(place / "code.pt"), str(target)]), "code.pt", "code")
    refused(capsys, main(["convert", str(place / "absent.pt"), str(target)]), "absent.pt")
    refused(
        capsys, main(["convert", str(golden / "official_tiny.pt"), str(target.with_suffix(".bin"))]), ".safetensors"
    )
    assert written(place) == [] and not (place / "ran").exists()


def test_a_vae_of_other_channels_is_refused(place, capsys, tiny_vae):
    config = VAE_CONFIGS["tiny"].from_dict({**json.loads(VAE_CONFIGS["tiny"].to_json()), "z_channels": 8})
    save_vae(AutoencoderKL(config), config, place / "wide.safetensors")
    refused(capsys, generate(place, "predict", vae=place / "wide.safetensors"), "8 channels")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0 and "--debug" in capsys.readouterr().out


def test_help_describes_every_task():
    assert all(task.replace("_", "-") in DESCRIPTION for task in TASKS)


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["generate"], ["info"], ["train"], ["generate", "predict", "--loud"]]
)
def test_unusable_command_lines_are_one_sentence(capsys, arguments):
    refused(capsys, main(arguments), "--help")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "absent.toml"], ["absent.toml"]),
        (["scenes", "--split", "best", "--output", "{out}"], ["best", "test"]),
        (["scenes", "--output", "{out}", "--family", "cats"], ["cats", "projectile"]),
        (["scenes", "--output", "{out}", "--count", "0"], ["--count"]),
        (["scenes", "--output", "{file}"], ["file"]),
        (["evaluate", "--json", "{out}/absent/x.json"], ["absent"]),
        (["evaluate", "--suite", "{out}", "--record"], ["--suite", "--record"]),
        (["evaluate", "--model", "{out}/absent.safetensors"], ["absent.safetensors"]),
        (["bench", "learning"], ["two weights", "--weights"]),
        (["bench", "learning", "--weights", "model.safetensors"], ["--weights", "N=FILE"]),
        (["evaluate", "--folder", "{out}/absent"], ["absent"]),
        (["evaluate", "--folder", "{out}", "--record"], ["--folder", "--record"]),
        (["evaluate", "--folder", "{out}", "--fps", "0"], ["--fps", "0"]),
    ],
)
def test_other_commands_refuse_bad_input(place, capsys, arguments, words):
    bad_files(place)
    names = {"out": place / "out", "file": place / "file"}
    refused(capsys, main([text.format(**names) for text in arguments]), *words)
    assert written(place) == []


def test_evaluate_scores_a_folder_of_videos(place, capsys):
    files = [f"--{name}={place / name}.safetensors" for name in ("model", "vae")]
    written_to = [f"--report={place / 'out'}", f"--json={place / 'out' / 'all.json'}"]
    how = ["--given=3", "--steps=2", "--fps=12", "--device=cpu"]
    assert main(["evaluate", f"--folder={place}", *files, *written_to, *how]) == 0
    assert "1 clip, 64x64, 6 frames, 3 given (predict)" in capsys.readouterr().out
    values = json.loads((place / "out" / "all.json").read_text())
    independent = 10 * np.log10(6)  # the mean square of the difference of two uniform numbers is a sixth
    assert values["methods"]["copy_last"]["psnr"] == pytest.approx(independent, abs=0.5)
    assert written(place) == ["all.json", "quality_by_frame.png", "report.json", "sheet.png", "table.md"]


def test_module_runs_as_a_command():
    done = subprocess.run([sys.executable, "-m", "vdt", "info", "absent"], capture_output=True, text=True, timeout=120)
    assert done.returncode == BAD_INPUT and "absent" in done.stderr and done.stderr.count("\n") == 1


def test_a_reader_that_stops_reading_is_no_error(place):
    command = f'"{sys.executable}" -m vdt info "{place / "model.safetensors"}" | true; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "0" and done.stderr == ""


# ---- Clips of any length ---------------------------------------------------------------------------------------------


def test_extend_adds_frames_on_both_sides_and_keeps_those_there_are(place, monkeypatch):
    kept = []
    original = vdt.video._checked
    monkeypatch.setattr(vdt.video, "_checked", lambda frames: (kept.append(f) or f for f in original(frames)))
    given = np.stack(list(read_frames(place / "clip.mp4")))
    size = "64x64"
    assert generate(place, "extend", frames=11, before=7, size=size, policy="stretch", sheet=place / "out/s.png") == 0
    info = probe(place / "out" / "out.mp4")
    assert info.frames == len(given) + 18 == len(kept)
    fitted = fit_frames(given, (64, 64), "stretch")
    assert np.array_equal(np.stack(kept[7:-11]), fitted)
    assert (place / "out" / "s.png").is_file()


def test_extend_keeps_the_sound_where_its_pictures_are(place):
    tone = Sound(samples=np.sin(np.arange(8000) / 5)[None].astype(np.float32), rate=8000)
    write_video(place / "loud.mp4", np.full((8, 64, 64, 3), 90, np.uint8), 8, sound=tone)
    assert generate(place, "extend", clip="loud.mp4", frames=2, before=4) == 0
    sound = read_sound(place / "out" / "out.mp4")
    loud = np.abs(sound.samples[0]) > 0.3
    assert not loud[:3800].any() and loud[4200:11800].mean() > 0.5


def test_connect_and_loop_lead_from_end_to_beginning(place):
    write_video(place / "other.mp4", np.full((5, 64, 64, 3), 90, np.uint8), 12)
    given = sum(1 for _ in read_frames(place / "clip.mp4"))
    sheet = place / "out" / "s.png"
    assert generate(place, "connect", second=place / "other.mp4", frames=10, sheet=sheet) == 0
    assert probe(place / "out" / "out.mp4").frames == given + 10 + 5 and sheet.is_file()
    assert generate(place, "loop", frames=7) == 0
    assert probe(place / "out" / "out.mp4").frames == given + 7


def test_slow_motion_goes_over_the_whole_clip(place):
    given = sum(1 for _ in read_frames(place / "clip.mp4"))
    assert generate(place, "slow-motion", every=3) == 0
    info = probe(place / "out" / "out.mp4")
    assert (info.frames, float(info.fps)) == ((given - 1) * 3 + 1, 12.0)


def test_longer_clips_than_the_models_are_made_in_windows(place, monkeypatch):
    seen = []
    original = Pipeline.generate
    monkeypatch.setattr(Pipeline, "generate", lambda self, *a, **k: seen.append(k) or original(self, *a, **k))
    assert generate(place, "predict", frames=24, window=8, overlap=3, given=2) == 0
    assert probe(place / "out" / "out.mp4").frames == 24 and (seen[0]["window"], seen[0]["overlap"]) == (8, 3)


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        ("extend", {}, "--frames N, how many frames to add"),
        ("extend", {"frames": 3, "given": 2}, "--given has no meaning for the task extend"),
        ("extend", {"frames": 3, "window": 4, "overlap": 3}, "windows of 4 frames that overlap by 3"),
        ("predict", {"before": 3}, "--before has no meaning for the task predict"),
        ("loop", {"second": "x.mp4", "frames": 3}, "--second has no meaning for the task loop: it belongs to connect"),
        ("loop", {}, "--frames N, how many frames to add"),
        ("extend", {"frames": 3, "top": 10}, "--top has no meaning for the task extend: it belongs to outpaint"),
        ("connect", {"frames": 3}, "the task connect needs --second"),
    ],
)
def test_extend_says_what_it_needs(place, capsys, task, options, said):
    refused(capsys, generate(place, task, **options), said)
    assert not written(place)


def test_extend_refuses_what_cannot_fit(place, capsys, monkeypatch):
    monkeypatch.setattr("vdt.memory.free_bytes", lambda: 1000)
    refused(capsys, generate(place, "extend", frames=3), "GiB of memory, 0.0 GiB are free")


def test_extend_from_a_later_start_takes_its_sound_from_there(place):
    tone = Sound(samples=(np.arange(8000) >= 4000)[None].astype(np.float32) / 2, rate=8000)
    write_video(place / "loud.mp4", np.full((8, 64, 64, 3), 90, np.uint8), 8, sound=tone)
    assert generate(place, "extend", clip="loud.mp4", frames=2, start=0.5) == 0
    sound = read_sound(place / "out" / "out.mp4")
    assert (
        np.abs(sound.samples[0, 200:3800]).mean() > 0.3 and sound.samples.shape[1] < 5500
    )  # AAC fills its last frames


def sounding(path: Path, frames: int, samples: np.ndarray, rate: int = 8000) -> Path:
    sound = Sound(samples=samples.astype(np.float32), rate=rate)
    write_video(path, np.full((frames, 64, 64, 3), 90, np.uint8), 8, sound=sound)
    return path


@pytest.mark.parametrize(("channels", "rate"), [((1, 1), 8000), ((1, 2), 8000), ((2, 1), 8000), ((1, 1), 16000)])
def test_connect_has_both_sounds_and_silence_between(place, channels, rate):
    tone = np.sin(np.arange(9000) / 5)  # longer than its pictures: what is too much would be heard in the gap
    sounding(place / "a.mp4", 8, tone[None].repeat(channels[0], 0))
    second = np.sin(np.arange(rate) / (5 * rate / 8000))  # one second, at whatever rate
    sounding(place / "b.mp4", 8, second[None].repeat(channels[1], 0), rate=rate)
    assert generate(place, "connect", clip="a.mp4", second=place / "b.mp4", frames=4) == 0
    sound = read_sound(place / "out" / "out.mp4")
    assert len(sound.samples) == max(channels) and sound.rate == 8000
    for loud in np.abs(sound.samples) > 0.3:
        assert loud[200:7800].mean() > 0.5 and not loud[8300:11700].any() and loud[12200:19800].mean() > 0.5


def test_connect_keeps_one_sound_where_there_is_one(place):
    first = sounding(place / "a.mp4", 8, np.sin(np.arange(8000) / 5)[None])
    assert generate(place, "connect", clip="a.mp4", second=place / "clip.mp4", frames=4) == 0
    assert read_sound(place / "out" / "out.mp4").samples.shape[1] == pytest.approx(8000, abs=1100)
    assert generate(place, "connect", clip="clip.mp4", second=first, frames=4, fps=8) == 0
    loud = np.abs(read_sound(place / "out" / "out.mp4").samples[0]) > 0.3
    start = 8000 * (probe(place / "out" / "out.mp4").frames - 8) // 8
    assert not loud[: start - 200].any() and loud[start + 200 :].mean() > 0.4


def written_frames(monkeypatch) -> list:
    """Frames as they go to the encoder, of the last video that was written."""
    kept = []
    original = vdt.video._checked
    monkeypatch.setattr(
        vdt.video, "_checked", lambda frames: kept.clear() or (kept.append(f) or f for f in original(frames))
    )
    return kept


def test_slow_motion_keeps_the_frames_between_which_it_makes_new_ones(place, capsys, monkeypatch):
    kept = written_frames(monkeypatch)
    given = fit_frames(read_frames(place / "clip.mp4"), (32, 48), "stretch")
    options = {"size": "32x48", "policy": "stretch", "window": 8, "overlap": 3, "sheet": place / "out" / "s.png"}
    assert generate(place, "slow-motion", **options) == 0  # twice as long where nothing else is said
    assert np.array_equal(np.stack(kept[::2]), given) and len(kept) == 17
    out = capsys.readouterr().out
    assert "1 new frame between each two, 17 in all, in windows of 8; 48x32 at 12 fps (stretch)" in out
    assert "; about " in out and "and 0.1 GiB" in out and (place / "out" / "s.png").is_file()
    assert generate(place, "slow-motion", every=3, start=0.25, fps=6) == 0
    assert (len(kept), float(probe(place / "out" / "out.mp4").fps)) == (7, 6)  # of 3 frames at 6 fps


def test_slow_motion_has_no_sound(place):
    sounding(place / "a.mp4", 4, np.ones((1, 4000)) / 2)
    assert generate(place, "slow-motion", clip="a.mp4") == 0
    assert read_sound(place / "out" / "out.mp4") is None


def test_a_mask_video_gives_each_frame_its_own(place, monkeypatch):
    seen = []
    original = Pipeline.generate
    monkeypatch.setattr(Pipeline, "generate", lambda self, *a, **k: seen.append(a) or original(self, *a, **k))
    white = np.zeros((9, 96, 160, 3), np.uint8)
    for index in range(9):
        white[index, 16:80, 32 + 8 * index : 48 + 8 * index] = 255
    write_video(place / "mask.mp4", white, 12)
    options = {"mask": place / "mask.mp4", "policy": "stretch", "size": "96x160"}
    assert generate(place, "spatial", **options) == 0  # the clip is cut to the model's 6 frames, and the mask with it
    assert np.array_equal(seen[0][1].numpy(), white[:6, :, :, 0] > 0)
    assert generate(place, "spatial", start=0.25, **options) == 0
    assert np.array_equal(seen[1][1].numpy(), white[3:, :, :, 0] > 0)
    assert generate(place, "spatial", fps=6, **options) == 0
    assert np.array_equal(seen[2][1].numpy(), white[:9:2, :, :, 0] > 0)


def test_an_animated_image_is_a_mask_video_and_one_of_a_single_frame_a_mask_for_all(place, monkeypatch):
    from PIL import Image

    seen = []
    original = Pipeline.generate
    monkeypatch.setattr(Pipeline, "generate", lambda self, *a, **k: seen.append(a[1]) or original(self, *a, **k))
    boxes = np.zeros((9, 96, 160), np.uint8)
    for index in range(9):
        boxes[index, :32, 16 * index : 16 * index + 16] = 255
    first, *rest = map(Image.fromarray, boxes)
    first.save(place / "one.gif")
    first.save(place / "many.gif", save_all=True, append_images=rest, duration=80, loop=0)
    options = {"policy": "stretch", "size": "96x160", "fps": 12}
    assert generate(place, "spatial", mask=place / "one.gif", **options) == 0
    assert all(np.array_equal(mask, boxes[0] > 0) for mask in seen[0].numpy()) and len(seen[0]) == 6
    assert generate(place, "spatial", mask=place / "many.gif", **options) == 0
    assert np.array_equal(seen[1].numpy(), boxes[:6] > 0)


@pytest.mark.parametrize(("size", "frames"), [("32x32", None), ("21x34", 7)])
def test_outpaint_grows_the_picture_of_the_whole_clip_and_keeps_it(place, capsys, monkeypatch, size, frames):
    kept = written_frames(monkeypatch)
    height, width = map(int, size.split("x"))
    given = fit_frames(read_frames(place / "clip.mp4"), (height, width))[:frames]
    options = {"left": 50, "bottom": 100, "size": size, "sheet": place / "out" / "s.png"}
    assert generate(place, "outpaint", **options, **({"frames": frames} if frames else {})) == 0
    made = np.stack(kept)
    assert made.shape == (len(given), 2 * height, width + round(width / 2), 3)
    assert np.array_equal(made[:, :height, round(width / 2) :], given)
    assert f"{len(given)} frames of {made.shape[2]}x{made.shape[1]} around {width}x{height}" in capsys.readouterr().out


def test_a_sheet_shows_what_there_is(place):
    write_video(place / "short.mp4", np.full((3, 64, 64, 3), 90, np.uint8), 12)
    for frames in (6, 70):  # longer than the clip, and than a sheet is wide
        options = {"frames": frames, "size": "16x16", "window": 16}
        assert generate(place, "predict", clip="short.mp4", sheet=place / "out" / "s.png", **options) == 0
        assert (place / "out" / "s.png").is_file()


@pytest.mark.parametrize(
    ("task", "options", "told"),
    [
        ("predict", {}, False),  # one window
        ("predict", {"frames": 24, "given": 2, "window": 8}, True),
        ("outpaint", {"left": 100, "size": "16x16"}, True),
        ("extend", {"frames": 3}, False),
        ("extend", {"frames": 30}, True),
        ("loop", {"frames": 30}, True),
        ("slow-motion", {}, True),
    ],
)
def test_long_runs_say_how_long_they_take(place, capsys, monkeypatch, task, options, told):
    kept = []
    monkeypatch.setattr("vdt.estimate.estimate_run", lambda *a, **k: kept.append(k) or Estimate(seconds=100, bytes=1))
    assert generate(place, task, **options) == 0
    assert ("; about 2 min and 0.1 GiB\n" in capsys.readouterr().out) == told == bool(kept)


def test_slow_motion_of_unknown_length_tells_the_time_of_a_window(place, capsys, monkeypatch):
    info = replace(probe(place / "clip.mp4"), frames=None, duration=None)
    monkeypatch.setattr("vdt.video.probe", lambda path: info)
    assert generate(place, "slow-motion") == 0
    out = capsys.readouterr().out
    assert "between each two, in windows of 6" in out and "GiB for each window\n" in out


@pytest.mark.parametrize("task", ["predict", "slow-motion", "outpaint"])
def test_every_task_refuses_what_cannot_fit(place, capsys, monkeypatch, task):
    monkeypatch.setattr("vdt.memory.free_bytes", lambda: 1000)
    options = {"left": 50} if task == "outpaint" else {}
    refused(capsys, generate(place, task, **options), "GiB of memory, 0.0 GiB are free")
    assert not written(place)


# ---- Clips of every kind ---------------------------------------------------------------------------------------------


def uneven(path: Path, stamps: list[int]) -> Path:
    """A video whose frames, ever brighter, are shown at these milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 1000)
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def as_generated(task: str, given: int) -> tuple[dict, int]:
    """Options of a task, and how many frames it makes of so many."""
    return {
        "extend": ({"frames": 3, "before": 2}, given + 5),
        "loop": ({"frames": 2}, given + 2),
        "slow-motion": ({}, 2 * given - 1),
        "outpaint": ({"right": 100}, given),
    }[task]


KINDS = [
    (task, kind)
    for task in ("extend", "loop", "slow-motion", "outpaint")
    for kind in ("one", "seven", "uneven")
    if (task, kind) != ("slow-motion", "one")  # there is nothing between one frame
]


@pytest.mark.parametrize(("task", "kind"), KINDS)
def test_clips_of_every_kind_keep_their_frames(place, monkeypatch, task, kind):
    kept = written_frames(monkeypatch)
    path = place / "kind.mp4"
    if kind == "uneven":
        uneven(path, [0, 30, 200, 250, 700, 710, 900])
    else:
        frames = np.random.default_rng(0).integers(0, 256, (1 if kind == "one" else 7, 4, 4, 3), dtype=np.uint8)
        write_video(path, frames.repeat(16, 1).repeat(16, 2), 10)
    given = fit_frames(read_frames(path, fps=float(probe(path).fps)), (16, 16))
    options, count = as_generated(task, len(given))
    assert generate(place, task, clip="kind.mp4", size="16x16", **options) == 0
    made = np.stack(kept)
    assert len(made) == count
    inside = made[:, :, :16][:: 2 if task == "slow-motion" else 1][options.get("before", 0) :][: len(given)]
    assert np.array_equal(inside, given)


def test_a_thousand_frames_pass_through(place, monkeypatch):
    kept = written_frames(monkeypatch)
    frames = (np.arange(1000) % 200).astype(np.uint8)[:, None, None, None].repeat(32, 1).repeat(32, 2).repeat(3, 3)
    write_video(place / "long.mp4", frames, 25)
    assert generate(place, "extend", clip="long.mp4", frames=5, size="16x16") == 0
    assert len(kept) == probe(place / "out" / "out.mp4").frames == 1005
    assert np.array_equal(np.stack(kept[:1000]), fit_frames(read_frames(place / "long.mp4"), (16, 16)))


def test_a_4k_portrait_goes_in(place, monkeypatch):
    kept = written_frames(monkeypatch)
    rows = np.linspace(0, 255, 3840).astype(np.uint8)[:, None, None].repeat(2160, 1).repeat(3, 2)
    write_video(place / "tall.mp4", np.stack([rows, rows[::-1]]), 25)
    assert generate(place, "predict", clip="tall.mp4", given=2, size="32x18", policy="fit") == 0
    given = fit_frames(read_frames(place / "tall.mp4"), (32, 18), "fit")
    assert np.array_equal(np.stack(kept[:2]), given) and len(kept) == 6
    assert kept[0][4, 9, 0] < 60 and kept[1][4, 9, 0] > 190  # upright


@pytest.mark.parametrize(("tile", "sides"), [({}, {8}), ({"tile": 32}, {4}), ({"tile": 200}, {9})])
def test_a_large_picture_is_made_in_tiles(place, monkeypatch, tiny_model, tile, sides):
    seen, original = set(), VDT.forward

    def watched(self, x, *others, **options):
        seen.update(x.shape[-2:])
        return original(self, x, *others, **options)

    monkeypatch.setattr(VDT, "forward", watched)
    assert tiny_model.config.input_size == 8
    assert generate(place, "predict", given=2, size="70x70", frames=3, steps=1, **tile) == 0
    assert seen == sides

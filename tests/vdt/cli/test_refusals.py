"""Every kind of bad input is one sentence, exit code 2 and no file."""

import json

import pytest

from vdt.checkpoints import save_model, save_vae
from vdt.cli import INTERRUPTED, main
from vdt.config import VAE_CONFIGS
from vdt.inference.pipeline import Pipeline
from vdt.media.video import write_video
from vdt.models.autoencoder import AutoencoderKL

FILES = {"mask", "model", "vae", "output", "sheet", "second"}
BAD_REQUESTS = [
    ("predict", {"clip": "absent.mp4"}, ["no such file", "absent.mp4"]),
    ("predict", {"clip": "text.mp4"}, ["text.mp4"]),
    ("predict", {"clip": None}, ["--input"]),
    ("predict", {"given": 10, "frames": 20}, ["--given 10", "got 9"]),
    ("predict", {"given": 6}, ["6 of 6", "1 to 5"]),
    ("predict", {"given": 0}, ["given 0"]),
    ("predict", {"given": "x"}, ["--given", "x"]),
    ("predict", {"every": 2}, ["--every has no meaning for the task predict: it takes --given"]),
    ("predict", {"before": 3}, ["--before has no meaning for the task predict: it belongs to extend"]),
    ("predict", {"left": 0}, ["--left has no meaning for the task predict: it belongs to outpaint"]),
    ("predicts", {}, ["predicts", "predict", "slow-motion", "outpaint"]),
    ("random", {}, ["unknown task 'random'"]),
    ("interpolate", {"every": 1}, ["every=1"]),
    ("interpolate", {"known": "0"}, ["--known has no meaning for the task interpolate: it takes --every"]),
    ("slow-motion", {"every": 1}, ["every=1", "2 or more"]),
    ("slow-motion", {"clip": "image.png"}, ["1 frame", "2 or more"]),
    ("slow-motion", {"frames": 30}, ["--frames", "slow_motion"]),
    ("slow-motion", {"given": 3}, ["--given", "slow_motion", "--every"]),
    ("slow-motion", {"clip": None}, ["--input"]),
    ("extend", {}, ["--frames N, how many frames to add, or --before N to add them in front"]),
    ("extend", {"frames": 3, "fps": 0}, ["--fps 0"]),
    ("extend", {"frames": 3, "given": 2}, ["--given has no meaning for the task extend: all frames there are"]),
    ("extend", {"frames": 3, "window": 4, "overlap": 3}, ["windows of 4 frames that overlap by 3"]),
    ("extend", {"frames": 3, "top": 10}, ["--top has no meaning for the task extend: it belongs to outpaint"]),
    ("connect", {"frames": 3}, ["the task connect needs --second"]),
    ("connect", {"frames": 3, "second": "absent.mp4"}, ["no such file", "absent.mp4"]),
    ("connect", {"second": "short.mp4"}, ["--frames N, how many frames to add"]),
    ("loop", {}, ["--frames N, how many frames to add"]),
    (
        "loop",
        {"frames": 3, "second": "x.mp4"},
        ["--second has no meaning for the task loop: it belongs to connect"],
    ),
    ("loop", {"frames": 3, "clip": "image.png"}, ["a loop needs a clip of 2 frames or more, got 1"]),
    ("outpaint", {}, ["nothing", "left 25"]),
    ("outpaint", {"left": 500}, ["left 500", "0 to 400"]),
    ("outpaint", {"top": -1}, ["top -1", "0 to 400"]),
    ("outpaint", {"left": "nan"}, ["--left", "nan"]),
    ("outpaint", {"left": 25, "clip": None}, ["--input"]),
    ("outpaint", {"left": 25, "mask": "black.png"}, ["--mask", "outpaint"]),
    ("outpaint", {"left": 25, "frames": 30}, ["--frames 30", "clip of 9"]),
    ("frames", {}, ["the task frames needs --known"]),
    ("frames", {"known": "0,x"}, ["x", "0-3,8,-1"]),
    ("spatial", {}, ["the task spatial needs --mask"]),
    ("spatial", {"mask": "small.png"}, ["10x10", "160x96"]),
    ("spatial", {"mask": "black.png"}, ["white"]),
    ("spatial", {"mask": "absent.png"}, ["absent.png"]),
    ("spatial", {"mask": "short.mp4"}, ["short.mp4", "has 4 frames", "the clip has 6", "--frames 4"]),
    ("spatial", {"mask": "dark.mp4"}, ["white"]),
    ("unconditional", {"given": 3, "clip": None}, ["--given has no meaning", "it takes none"]),
    ("predict", {"size": "0x64"}, ["0x64", "1 or more"]),
    ("predict", {"size": "64"}, ["--size", "64x96"]),
    ("predict", {"sampler": "best"}, ["best", "ddim"]),
    ("predict", {"steps": 0}, ["--steps"]),
    ("predict", {"steps": "quad6"}, ["--steps"]),
    ("predict", {"steps": 5000}, ["5000"]),
    ("predict", {"seed": -1}, ["--seed"]),
    ("predict", {"seed": 2**64}, ["--seed", "2**64 - 1"]),
    ("predict", {"guidance": "nan"}, ["--guidance"]),
    ("predict", {"reuse": -1}, ["0 (off) or more"]),
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
]
BAD_COMMANDS = [
    (["train", "absent.toml"], ["absent.toml"]),
    (["scenes", "--split", "best", "--output", "{out}"], ["best", "test"]),
    (["scenes", "--output", "{out}", "--family", "cats"], ["cats", "projectile"]),
    (["scenes", "--output", "{out}", "--count", "0"], ["--count"]),
    (["scenes", "--output", "{file}"], ["file"]),
    (["evaluate", "--json", "{out}/absent/x.json"], ["absent"]),
    (["evaluate", "--suite", "{out}", "--record"], ["--suite", "--record"]),
    (["evaluate", "--suite", "{out}", "--frames", "20"], ["leave out --frames"]),
    (["evaluate", "--text-guidance", "5"], ["--text-guidance 5 needs --texts"]),
    (["evaluate", "--model", "{out}/absent.safetensors"], ["absent.safetensors"]),
    (["evaluate", "--task", "spatial"], ["task 'spatial' cannot be evaluated", "predict", "frames"]),
    (["evaluate", "--folder", "{out}/absent"], ["absent"]),
    (["evaluate", "--folder", "{out}", "--record"], ["--folder", "--record"]),
    (["evaluate", "--folder", "{out}", "--fps", "0"], ["--fps", "0"]),
    (["bench", "learning"], ["two weights", "--weights"]),
    (["bench", "learning", "--weights", "model.safetensors"], ["--weights", "N=FILE"]),
    (["bench", "forward", "--size", "VDT-Q"], ["VDT-Q", "VDT-S/2"]),
]


def test_generate_refuses_in_one_sentence(bad_files, generate, refused, written):
    offenders = []
    for task, options, words in BAD_REQUESTS:
        options = {key: bad_files / value if key in FILES else value for key, value in options.items()}
        try:
            refused(generate(task, **options), *words)
            assert written() == []
        except AssertionError as error:
            offenders.append((task, options, str(error)))
    assert not offenders


def test_a_folder_that_cannot_be_written_is_named_before_any_work(generate, refused, monkeypatch):
    def fail(*arguments, **options):
        raise PermissionError(13, "Permission denied", "out")

    monkeypatch.setattr("vdt.cli.outputs.tempfile.TemporaryFile", fail)
    monkeypatch.setattr(Pipeline, "from_pretrained", lambda *a, **k: pytest.fail("started to work"))
    refused(generate("predict"), "out", "not writable")


def test_impossible_settings_are_refused_before_the_model_is_loaded(generate, refused, monkeypatch):
    monkeypatch.setattr(Pipeline, "from_pretrained", lambda *a, **k: pytest.fail("started to work"))
    refused(generate("predict", sampler="best"), "best")
    refused(generate("predict", reuse=-1), "step_cache")


def test_other_architecture_names_its_keys(place, generate, refused, tiny_model):
    state = dict(tiny_model.state_dict())
    state["blocks.9.extra"] = state.pop("final_layer.linear.bias")
    save_model(state, tiny_model.config, place / "other.safetensors")
    code = generate("predict", model=place / "other.safetensors")
    refused(code, "final_layer.linear.bias", "blocks.9.extra")


def test_a_vae_of_other_channels_is_refused(place, generate, refused):
    config = VAE_CONFIGS["tiny"].from_dict({**json.loads(VAE_CONFIGS["tiny"].to_json()), "z_channels": 8})
    save_vae(AutoencoderKL(config), config, place / "wide.safetensors")
    refused(generate("predict", vae=place / "wide.safetensors"), "8 channels")


def test_an_end_in_the_middle_leaves_nothing(generate, written, capsys, monkeypatch):
    for error, code in ((KeyboardInterrupt, INTERRUPTED), (ValueError, 2)):

        def stop(path, frames, *arguments, error=error, **options):
            def some():
                yield frames[0]
                raise error("stop")

            return write_video(path, some(), *arguments, **options)

        monkeypatch.setattr("vdt.media.video.write_video", stop)
        assert generate("predict") == code
        assert written() == [] and capsys.readouterr().err.count("\n") == 1


def test_other_commands_refuse_bad_input(bad_files, refused, written):
    names, offenders = {"out": bad_files / "out", "file": bad_files / "file"}, []
    for arguments, words in BAD_COMMANDS:
        try:
            refused(main([text.format(**names) for text in arguments]), *words)
            assert written() == []
        except AssertionError as error:
            offenders.append((arguments, str(error)))
    assert not offenders

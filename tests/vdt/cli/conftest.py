"""A folder with tiny weights and a clip, and the command line run in process on it."""

from pathlib import Path

import numpy as np
import pytest

import vdt.media.video
from vdt.checkpoints import save_model, save_vae
from vdt.cli import BAD_INPUT, main
from vdt.inference.pipeline import Pipeline
from vdt.media.types import Sound
from vdt.media.video import write_video


@pytest.fixture
def place(tmp_path, tiny_model, tiny_vae):
    """A folder with weights, a clip of 9 frames at 12 fps, and an empty folder for what is written."""
    save_model(tiny_model, tiny_model.config, tmp_path / "model.safetensors")
    save_vae(tiny_vae, tiny_vae.config, tmp_path / "vae.safetensors")
    noise = np.random.default_rng(0).integers(0, 256, (9, 6, 10, 3), dtype=np.uint8)
    write_video(tmp_path / "clip.mp4", noise.repeat(16, 1).repeat(16, 2), 12)
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def generate(place):
    """`vdt generate TASK` with the tiny weights: flags as text, or as keywords with their values; its exit code."""

    def run(task: str, *flags, clip: str | None = "clip.mp4", **overrides) -> int:
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
        return main(["generate", task, *pairs, *map(str, flags)])

    return run


@pytest.fixture
def refused(capsys):
    """Check that a command ended with one sentence that has these words."""

    def check(code: int, *words: str) -> None:
        error = capsys.readouterr().err
        assert code == BAD_INPUT, error
        assert error.startswith("vdt: ") and error.count("\n") == 1 and "Traceback" not in error, error
        assert all(word in error for word in words), error

    return check


@pytest.fixture
def written(place):
    """Names of the files that were written."""
    return lambda: sorted(path.name for path in (place / "out").rglob("*"))


@pytest.fixture
def calls(monkeypatch):
    """Every call of a pipeline: its positional and keyword arguments, and the clip it made."""
    made = []
    original = Pipeline.__call__

    def watched(self, *arguments, **options):
        clip = original(self, *arguments, **options)
        made.append((arguments, options, clip))
        return clip

    monkeypatch.setattr(Pipeline, "__call__", watched)
    return made


@pytest.fixture
def written_frames(monkeypatch):
    """Frames as they go to the encoder, of the last video that was written."""
    kept = []
    original = vdt.media.video._checked
    monkeypatch.setattr(
        vdt.media.video, "_checked", lambda frames: kept.clear() or (kept.append(f) or f for f in original(frames))
    )
    return kept


@pytest.fixture
def write_mask(place):
    """Write a picture that is white in one place."""
    from PIL import Image

    def write(name: str, height: int, width: int, white=(slice(8, 20), slice(8, 20))) -> Path:
        mask = np.zeros((height, width), np.uint8)
        mask[white] = 255
        Image.fromarray(mask).save(place / name)
        return place / name

    return write


@pytest.fixture
def write_sounding(place):
    """Write a grey clip of 64x64 at 8 fps with sound, samples (channels, n)."""

    def write(name: str, frames: int, samples: np.ndarray, rate: int = 8000) -> Path:
        sound = Sound(samples=samples.astype(np.float32), rate=rate)
        write_video(place / name, np.full((frames, 64, 64, 3), 90, np.uint8), 8, sound=sound)
        return place / name

    return write


@pytest.fixture
def bad_files(place, write_mask):
    """Files of every kind that a command refuses."""
    import pickle

    (place / "text.mp4").write_text("not a video")
    (place / "cut.safetensors").write_bytes((place / "model.safetensors").read_bytes()[:3000])
    (place / "code.safetensors").write_bytes(pickle.dumps(print))
    write_mask("small.png", 10, 10)
    write_mask("black.png", 96, 160, slice(0, 0))
    write_mask("image.png", 96, 160)
    write_video(place / "short.mp4", np.full((4, 96, 160, 3), 255, np.uint8), 12)
    write_video(place / "dark.mp4", np.zeros((9, 96, 160, 3), np.uint8), 12)
    (place / "file").write_text("")
    return place

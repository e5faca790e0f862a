"""The mask timeline shows the sample clips before a run: one picture for each, and of its frames."""

import runpy
from pathlib import Path

import numpy as np
from PIL import Image

SCRIPT = runpy.run_path(str(Path(__file__).with_name("sample_pictures.py")))
CLIPS, PICTURES, strip = SCRIPT["CLIPS"], SCRIPT["PICTURES"], SCRIPT["strip"]
AGAIN = "draw them again: python tests/web/sample_pictures.py"


def test_every_sample_clip_has_its_picture():
    clips = {path.stem: path for path in CLIPS.glob("*.mp4")}
    assert {path.stem for path in PICTURES.glob("*.png")} == set(clips), AGAIN
    for name, path in clips.items():
        with Image.open(PICTURES / f"{name}.png") as picture:
            shown = np.asarray(picture.convert("RGB"))
        frames = strip(path)
        assert shown.shape == frames.shape and shown.shape[1] % shown.shape[0] == 0, AGAIN
        difference = np.abs(shown.astype(int) - frames).mean()
        assert difference < 2, AGAIN  # decoders of another version may round otherwise

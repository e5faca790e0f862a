"""Draws the frames of the sample clips side by side, for the mask timeline before a run.

    python tests/web/sample_pictures.py

The pictures go to web/clips/NAME.png; tests/web/test_sample_pictures.py says when they are not those of samples/clips.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from vdt.media.video import read_frames

ROOT = Path(__file__).parents[2]
CLIPS = ROOT / "samples" / "clips"
PICTURES = ROOT / "web" / "clips"


def strip(path):
    """All frames of a clip side by side, uint8 (H, T W, 3)."""
    return np.concatenate(list(read_frames(path)), axis=1)


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for clip in sorted(CLIPS.glob("*.mp4")):
        Image.fromarray(strip(clip)).save(PICTURES / f"{clip.stem}.png", optimize=True)

"""An animation of a report's clips: the truth above, the model below, generated frames framed in orange."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..visualize.contact_sheet import animated_preview
from ..visualize.panels import bordered, enlarged, on_paper
from .records import Frames, Sample

BORDER, GAP, SIDE = 4, 8, 128  # pixels
HOLD = 8  # repetitions of the last frame, a pause before the animation starts again


def write_animation(samples: Sequence[Sample], path: Path, fps: float = 8.0) -> None:
    """Write the samples side by side as an endless .gif or .webp; truth and model, one column per clip."""
    columns = [np.concatenate([_framed(sample, "truth"), _framed(sample, "model")], axis=1) for sample in samples]
    frames = np.concatenate(columns, axis=2)
    animated_preview(np.concatenate([frames, np.repeat(frames[-1:], HOLD, axis=0)]), path, fps, scale=1.0)


def _framed(sample: Sample, method: str) -> Frames:
    """One clip enlarged, with a border that says which frames are given and which generated: (T, H, W, 3)."""
    clip = sample.frames[method]
    large = enlarged(clip, max(1, SIDE // clip.shape[1]))
    generated = sample.generated if method == "model" else np.zeros(len(clip), bool)
    return on_paper(bordered(large, np.asarray(generated), BORDER), above=GAP, below=GAP, beside=GAP)

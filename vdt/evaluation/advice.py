"""What to tell people of a clip that the model cannot do well: pictures unlike those it learned from, and no motion.

Each answer is one sentence with the number that it is read off and the way out, or "" where all is well.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..inference.codec import VideoCodec
from ..media.frames import is_placeholder
from .metrics import decibels

LEAST_KEPT = 24.0  # dB: the bundled VAE keeps scenes at 29 to 39 dB, photographs of 64 pixels at 13 to 20
LEAST_MOTION = 0.3  # levels of 255 from frame to frame, in the mean: scenes of 64 pixels make 0.8 to 2
MOST_FRAMES, MOST_SIDE = 2, 96  # that are looked at
MIN_PAIRS = 3  # of neighbouring generated frames: fewer tell nothing
WAY_OUT = "train on your own clips, see docs/training.md"


def source_advice(codec: VideoCodec, frames: NDArray[np.uint8]) -> str:
    """Whether the VAE keeps pictures uint8 (T, H, W, 3) as well as its own kind; frames that are not there are grey."""
    there = [index for index, frame in enumerate(frames) if not is_placeholder(frame)]
    chosen = frames[there[:: max(1, len(there) // MOST_FRAMES)][:MOST_FRAMES]]
    height, width = (min(side, MOST_SIDE) for side in frames.shape[1:3])
    top, left = (frames.shape[1] - height) // 2, (frames.shape[2] - width) // 2
    part = np.ascontiguousarray(chosen[:, top : top + height, left : left + width])
    if not len(part):
        return ""
    error = codec.decode(codec.encode(part), (height, width)).astype(np.float32) - part
    kept = float(decibels(np.square(error).mean()))
    if kept >= LEAST_KEPT:
        return ""
    return (
        f"these pictures are unlike what the VAE has learned from: it keeps them at {kept:.0f} dB, its own kind at "
        f"{LEAST_KEPT:.0f} and more, so expect little of the result; {WAY_OUT}"
    )


def motion_advice(frames: NDArray[np.uint8], generated: NDArray[np.bool_]) -> str:
    """Whether anything moves in the frames of a clip uint8 (T, H, W, 3) that are generated, bool (T, H, W) or (T,).

    Where several given frames stand still, the others may.
    """
    made = np.asarray(generated.reshape(len(frames), -1).max(1), bool)
    both, neither = made[1:] & made[:-1], ~(made[1:] | made[:-1])
    if both.sum() < MIN_PAIRS:
        return ""
    steps = np.array([np.abs(late.astype(np.int16) - early).mean() for early, late in pairwise(frames)])
    moved, given = float(steps[both].max()), steps[neither]
    if moved >= LEAST_MOTION or (len(given) and given.max() < LEAST_MOTION):
        return ""
    shown = f", in the given ones by {given.max():.1f}" if len(given) else ""
    return (
        f"nothing moves in the generated frames: they differ by at most {moved:.2f} of 255 levels from one to the "
        f"next{shown}; the model may not know such a scene: {WAY_OUT}"
    )

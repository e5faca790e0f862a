"""Masks from files: an image for all frames of a clip, or a video with one for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ...masks.clip_plan import Plan, Source

WHITE = 127  # mean levels above this are white


def read_mask(path: Path, plan: Plan, source: Source, *, start: float = 0.0) -> Tensor:
    """A pixel mask bool (T, H, W), True = generate, of an image or a video that is white there.

    It has the size of the clip before or after resizing; a video is read at the clip's rate, and from `start` seconds.
    ValueError where it does not fit.
    """
    import numpy as np
    import torch

    from ...media.frames import fit_frames

    images = _images(path, source.fps, start, plan.num_frames)
    first = next(images)
    if first.shape[:2] not in [(source.height, source.width), (plan.height, plan.width)]:
        raise ValueError(
            f"mask '{path}' is {first.shape[1]}x{first.shape[0]} (width x height), the clip is {source.width}x"
            f"{source.height}: make the mask as large as the clip, or {plan.width}x{plan.height} as the model sees it"
        )
    white = (
        np.where(image.mean(-1, keepdims=True) > WHITE, 255, 0).astype(np.uint8).repeat(3, -1)
        for image in itertools.chain([first], images)
    )
    fitted = fit_frames(white, (plan.height, plan.width), plan.fit)
    if len(fitted) not in (1, plan.num_frames):
        raise ValueError(
            f"mask '{path}' has {len(fitted)} frames at {source.fps:g} fps, the clip has {plan.num_frames}: make it as "
            f"long as the clip, use --frames {len(fitted)}, or give an image for all frames"
        )
    mask = torch.from_numpy(fitted[..., 0] > 0)  # a pixel that the white touches is white
    if not bool(mask.any()):
        raise ValueError(f"mask '{path}' has no white pixel inside the picture: white marks what is generated")
    return mask.expand(plan.num_frames, -1, -1)


def _images(path: Path, rate: float, start: float, count: int) -> Iterator[np.ndarray]:
    """The one picture of a file that has no more, or its frames that go with those of the clip, at most so many."""
    from ...media.video import read_frames

    images = list(read_frames(path, max_frames=2))
    if len(images) == 1:
        return iter(images)
    return read_frames(path, fps=rate, start=start, max_frames=count)

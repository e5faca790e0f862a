"""Masks from files: an image for all frames of a clip, or a video with one for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ...masks.clip_plan import Plan, Source

WHITE = 127  # levels above this are white
_GREY = (32, 223)  # levels between these are neither black nor white
_MOST_GREY = 0.25  # of all pixels of a mask: soft edges, but no photo


def read_mask(path: Path, plan: Plan, source: Source, *, start: float = 0.0) -> Tensor:
    """A pixel mask bool (T, H, W), True = generate, of an image or a video that is white, or transparent, there.

    Transparency is what counts where a file has any, as in ComfyUI's Load Image. It has the size of the clip before or
    after resizing; a video is read at the clip's rate, and from `start` seconds. ValueError where it does not fit, or
    is not nearly of two tones.
    """
    import torch

    transparent, white = _Marks(), _Marks()
    for image in _images(path, source.fps, start, plan.num_frames):
        if image.shape[:2] not in [(source.height, source.width), (plan.height, plan.width)]:
            raise ValueError(
                f"mask '{path}' is {image.shape[1]}x{image.shape[0]} (width x height), the clip is {source.width}x"
                f"{source.height}: make the mask as large as the clip, or {plan.width}x{plan.height} as the model "
                f"sees it"
            )
        transparent.add(255 - image[..., 3], plan)
        white.add(image[..., :3].mean(-1), plan)
    marks = transparent if transparent.any else white
    if marks.grey > _MOST_GREY:
        raise ValueError(
            f"mask '{path}' looks like a picture, {marks.grey:.0%} of it is neither black nor white: expected white, "
            f"or transparent, where the clip is to be generated, and black elsewhere"
        )
    count = len(marks.fitted)
    if count not in (1, plan.num_frames):
        raise ValueError(
            f"mask '{path}' has {count} frames at {source.fps:g} fps, the clip has {plan.num_frames}: make it as "
            f"long as the clip, use --frames {count}, or give an image for all frames"
        )
    mask = torch.stack(marks.fitted)
    if not bool(mask.any()):
        raise ValueError(f"mask '{path}' has no white pixel inside the picture: white marks what is generated")
    return mask.expand(plan.num_frames, -1, -1)


class _Marks:
    """What one channel of a mask marks, frame by frame, at the size of the plan."""

    def __init__(self) -> None:
        self.fitted: list[Tensor] = []  # bool (H, W)
        self.any = False
        self._grey = 0.0

    @property
    def grey(self) -> float:
        """Which share of all pixels is neither black nor white."""
        return self._grey / max(1, len(self.fitted))

    def add(self, levels: np.ndarray, plan: Plan) -> None:
        """Levels (H, W) of the next frame from 0 to 255; a pixel of the plan that white touches is marked."""
        import torch

        from ...masks.fitting import fit_soft

        marked, size = torch.from_numpy(levels > WHITE), (plan.height, plan.width)
        some = bool(marked.any())
        self.any |= some
        self._grey += float(((levels > _GREY[0]) & (levels < _GREY[1])).mean())
        fitted = fit_soft(marked[None], size, plan.fit)[0] > 0 if some else torch.zeros(size, dtype=torch.bool)
        self.fitted.append(fitted)


def _images(path: Path, rate: float, start: float, count: int) -> Iterator[np.ndarray]:
    """The one picture of a file that has no more, or its frames that go with those of the clip, uint8 (H, W, 4)."""
    from ...media.video import read_frames

    first = list(read_frames(path, max_frames=2, alpha=True))
    if len(first) == 1:
        return iter(first)
    return read_frames(path, fps=rate, start=start, max_frames=count, alpha=True)

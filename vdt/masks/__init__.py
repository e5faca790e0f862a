"""What is generated and what is given: masks of tasks, pixels, cells, timelines, canvases and training batches.

Masks are made, read and combined here. Models, sampling and video containers are never touched.

The functions below make the mask of a task for a clip: bool (T, H, W), True = generate. `frames` is the length of the
result; None is that of the clip.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..media.types import VideoClip
from .frame_lists import describe_mask, parse_frames
from .pixel import ClipMask, combine, fit_mask, task_mask
from .tasks import TASKS, Backward, Frames, ImageToVideo, Interpolate, Predict, Task, make_task

__all__ = [
    "TASKS",
    "ClipMask",
    "Task",
    "backward",
    "combine",
    "describe_mask",
    "everything",
    "fit_mask",
    "from_image",
    "given_frames",
    "interpolate",
    "make_task",
    "parse_frames",
    "predict",
    "task_mask",
]

Clip = VideoClip | np.ndarray  # frames uint8 (T, H, W, 3), alone or with their rate and sound


def predict(clip: Clip, *, given: int = 8, frames: int | None = None) -> Tensor:
    """Generate what follows the first `given` frames."""
    return _mask(Predict(given=given), clip, frames)


def backward(clip: Clip, *, given: int = 8, frames: int | None = None) -> Tensor:
    """Generate what came before the last `given` frames."""
    return _mask(Backward(given=given), clip, frames)


def interpolate(clip: Clip, *, every: int = 4, frames: int | None = None) -> Tensor:
    """Generate between every n-th frame and the last one."""
    return _mask(Interpolate(every=every), clip, frames)


def from_image(clip: Clip, *, frame: int = 0, frames: int = 16) -> Tensor:
    """Generate all but one frame: the image, or the first frame of a clip, has to stand there."""
    return _mask(ImageToVideo(frame=frame), clip, frames)


def given_frames(clip: Clip, listed: str | Sequence[int], *, frames: int | None = None) -> Tensor:
    """Generate all frames but those listed, such as "0-3,8,-1"."""
    return _mask(Frames(given_frames=listed), clip, frames)


def everything(frames: int, size: tuple[int, int]) -> Tensor:
    """Generate a whole clip of that height and width from nothing."""
    return torch.ones(frames, *size, dtype=torch.bool)


def _mask(task: Task, clip: Clip, frames: int | None) -> Tensor:
    shape = (clip.frames if isinstance(clip, VideoClip) else clip).shape
    return task_mask(task, (shape[0] if frames is None else frames, shape[1], shape[2]))

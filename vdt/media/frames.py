"""Frames to the size of the model, and between uint8 frames and pixels in [-1, 1]."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..bounds import LOOKED_AT, check_bytes
from ..interruption import poll

# Frames are uint8 (T, H, W, 3) arrays, pixels float (T, 3, H, W) tensors; sizes are (height, width).

FitMode = Literal["crop", "fit", "stretch"]
DEFAULT_FPS = 8.0  # of images and of clips made from nothing
RESIZED_BYTES = 9  # per value while a frame is resized: two in float32, one of 8 bits
PLACEHOLDER = 127  # grey: the content of a frame that is to be generated


def fit_frames(frames: np.ndarray | Iterable[np.ndarray], size: tuple[int, int], mode: FitMode = "crop") -> np.ndarray:
    """Resize uint8 (H, W, 3) frames to one size, antialiased; returns uint8 (T, height, width, 3).

    Frames are taken one at a time, so an iterator over a large video needs memory for the small clip only.
    Frames that already have the size come back bit-exact.

    Args:
        frames: (T, H, W, 3) or an iterator of (H, W, 3).
        size: height and width in pixels.
        mode: "crop" covers the size and cuts the centre, "fit" keeps the whole frame between black bars,
            "stretch" changes the aspect ratio.
    """
    if mode not in get_args(FitMode):
        raise ValueError(f"the fit mode must be one of {', '.join(get_args(FitMode))}, got {mode!r}")
    if min(size) < 1:
        raise ValueError(f"size must be at least 1x1, got {size}")
    fitted = [_fit(_check_frame(frame), size, mode) for frame in frames]
    if not fitted:
        raise ValueError("there are no frames to resize")
    return np.stack(fitted)


def is_placeholder(frame: np.ndarray) -> bool:
    """Whether a frame (H, W, 3) is only the grey of frames that are not there."""
    return bool((frame == PLACEHOLDER).all())


def levels_to_pixels(frames: Tensor) -> Tensor:
    """Turn levels (N, H, W, 3) in 0..255 into float32 pixels (N, 3, H, W) in [-1, 1], on their device."""
    return rearrange(frames.float() / 127.5 - 1, "n h w c -> n c h w")


def frames_to_pixels(frames: np.ndarray) -> Tensor:
    """Turn uint8 frames (T, H, W, 3) into float32 pixels (T, 3, H, W) in [-1, 1]."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise ValueError(f"expected uint8 frames (T, H, W, 3), got {frames.dtype} {frames.shape}")
    return levels_to_pixels(torch.from_numpy(np.ascontiguousarray(frames))).contiguous()


def pixels_to_frames(pixels: Tensor) -> np.ndarray:
    """Turn pixels (T, 3, H, W) in [-1, 1] into uint8 frames (T, H, W, 3), rounded; the inverse of `frames_to_pixels`.

    Values beyond [-1, 1] are clamped; ValueError if any is not finite, since NaN would be saved as black.
    """
    if pixels.ndim != 4 or pixels.shape[1] != 3:
        raise ValueError(f"expected pixels (T, 3, H, W), got {tuple(pixels.shape)}")
    values = pixels.detach().float()
    if not torch.isfinite(values).all():
        raise ValueError("the frames hold NaN or infinite values: decode in float32 instead of half precision")
    frames = ((values + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()
    return np.ascontiguousarray(rearrange(frames, "t c h w -> t h w c").numpy())


def latent_grid_size(size: tuple[int, int], cell: int) -> tuple[int, int]:
    """Rows and columns of cells of so many pixels that cover a (height, width); the last ones may hang over."""
    rows, columns = (-(-side // cell) for side in size)
    return rows, columns


def pad_to_multiple(pixels: Tensor, cell: int) -> Tensor:
    """Pixels (T, 3, H, W) with their last row and column repeated until they fill whole cells."""
    height, width = pixels.shape[-2:]
    below, right = -height % cell, -width % cell
    return F.pad(pixels, (0, right, 0, below), mode="replicate") if below or right else pixels


def _fit(frame: np.ndarray, size: tuple[int, int], mode: FitMode) -> np.ndarray:
    scales = (size[0] / frame.shape[0], size[1] / frame.shape[1])
    if mode == "stretch":
        return _resize(frame, size)
    if mode == "fit":
        inner = _resize(frame, _scaled(frame, min(scales)))
        result = np.zeros((*size, 3), np.uint8)
        top, left = (size[0] - inner.shape[0]) // 2, (size[1] - inner.shape[1]) // 2
        result[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
        return result
    cover = _resize(frame, _scaled(frame, max(scales)))
    top, left = (cover.shape[0] - size[0]) // 2, (cover.shape[1] - size[1]) // 2
    return cover[top : top + size[0], left : left + size[1]]


def _scaled(frame: np.ndarray, scale: float) -> tuple[int, int]:
    return max(1, round(frame.shape[0] * scale)), max(1, round(frame.shape[1] * scale))


def _resize(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if frame.shape[:2] == size:
        return frame
    needed = size[0] * size[1] * 3 * RESIZED_BYTES
    if needed > LOOKED_AT:
        check_bytes(needed, f"a frame resized to {size[1]}x{size[0]} takes")
    image = rearrange(torch.from_numpy(np.ascontiguousarray(frame)), "h w c -> 1 c h w").float()
    image = F.interpolate(image, size=size, mode="bicubic", align_corners=False, antialias=True)
    return rearrange(image[0].round_().clamp_(0, 255).to(torch.uint8), "c h w -> h w c").numpy()


def _check_frame(frame: np.ndarray) -> np.ndarray:
    poll()
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"expected uint8 frames (H, W, 3), got {frame.dtype} {frame.shape}")
    return frame

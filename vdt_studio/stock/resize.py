"""Batches to another size, by the methods that the stock nodes offer."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# N frames, C channels, H x W pixels.


def resize(samples: Tensor, width: int, height: int, method: str, crop: str) -> Tensor:
    """Resize (N, C, H, W) to height x width; crop "center" keeps the aspect ratio by cutting the longer side."""
    if crop == "center":
        samples = _centre_crop(samples, width / height)  # (N, C, H', W')
    if tuple(samples.shape[-2:]) == (height, width):
        return samples
    if method == "lanczos":
        return _lanczos(samples, width, height)
    return F.interpolate(samples, size=(height, width), mode=method)


def first_of(index: int, length: int) -> int:
    """A place in a batch of that length; negative ones count from the end, those beyond it are the first or last."""
    return max(0, min(index + length if index < 0 else index, length - 1))


def _centre_crop(samples: Tensor, aspect: float) -> Tensor:
    height, width = samples.shape[-2:]
    cut_x = round((width - height * aspect) / 2) if width > height * aspect else 0
    cut_y = round((height - width / aspect) / 2) if width < height * aspect else 0
    return samples[..., cut_y : height - cut_y, cut_x : width - cut_x]


def _lanczos(samples: Tensor, width: int, height: int) -> Tensor:
    from PIL import Image

    def resized(frame: Tensor) -> Tensor:
        pixels = frame.movedim(0, -1).clamp(0, 1).mul(255).byte().cpu().numpy()  # (H, W, C)
        image = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
        return torch.from_numpy(np.array(image, np.float32) / 255).movedim(-1, 0)  # (C, H, W)

    return torch.stack([resized(frame) for frame in samples]).to(samples)

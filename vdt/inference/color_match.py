"""Boundary colour matching: the colours of a generated area are shifted smoothly to meet the given pixels around it.

A model that paints a part of a frame often misses its tint by some levels, which shows as a patch with an outline.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..interruption import poll

# Frames are uint8 (H, W, 3). Differences are in levels of 255.

BLOCK = 4  # pixels along the side of the finest averages of jumps
_SIDES = ((0, 1), (2, 1), (1, 0), (1, 2))  # places of the four neighbours in a picture with a margin of one pixel


def match_colors(frames: np.ndarray, images: np.ndarray, generated: Tensor, limit: float) -> np.ndarray:
    """Frames (n, H, W, 3) with their generated areas, bool (n, H, W), shifted to meet the given pixels of the images.

    A jump of `limit` levels or more is the outline of a thing that ends there and is not matched. A frame that is
    generated, or given, whole has no such boundary and stays as it is. A limit of 0 changes nothing.
    """
    partly = generated.flatten(1).any(1) & ~generated.flatten(1).all(1)
    if limit <= 0 or not partly.any():
        return frames
    shifted = frames.copy()
    for index in partly.nonzero().flatten().tolist():
        shifted[index] = _matched(frames[index], images[index], generated[index], limit)
    return shifted


def pull_push_fill(values: Tensor, weights: Tensor) -> Tensor:
    """A smooth field (n, C, H, W) through values that are known where weights (n, 1, H, W) are above 0; 0 if none is.

    Pull and push over a pyramid (Gortler et al., The Lumigraph, 1996, section 3.4), from blocks of BLOCK pixels on.
    """
    field = _filled(*_coarser(values, weights, BLOCK))
    return F.interpolate(field, values.shape[-2:], mode="bilinear", align_corners=False)


def _matched(frame: np.ndarray, image: np.ndarray, generated: Tensor, limit: float) -> np.ndarray:
    poll()
    own, around = (rearrange(torch.from_numpy(x).float(), "h w c -> 1 c h w") for x in (frame, image))
    area = generated[None, None].float()  # (1, 1, H, W)
    jump, met = _jumps(own, around, area)
    weights = met * (jump.abs().mean(1, keepdim=True) < limit)
    shifted = own + area * pull_push_fill(jump, weights)
    return rearrange(shifted.round().clamp(0, 255), "1 c h w -> h w c").to(torch.uint8).numpy()


def _jumps(own: Tensor, around: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    """From each generated pixel to the mean of its given neighbours (1, C, H, W), and 1 where it has any."""
    height, width = area.shape[-2:]
    given = F.pad(1 - area, (1, 1, 1, 1))
    pixels = F.pad(around * (1 - area), (1, 1, 1, 1))
    neighbours = [(..., slice(top, top + height), slice(left, left + width)) for top, left in _SIDES]
    count = torch.stack([given[place] for place in neighbours]).sum(0)
    mean = torch.stack([pixels[place] for place in neighbours]).sum(0) / count.clamp(min=1)
    met = area * (count > 0)
    return (mean - own) * met, met


def _filled(values: Tensor, weights: Tensor) -> Tensor:
    """The gaps of a level filled from the coarser ones."""
    if max(values.shape[-2:]) == 1:
        return values
    coarser = _filled(*_coarser(values, weights, 2))
    smooth = F.interpolate(coarser, values.shape[-2:], mode="bilinear", align_corners=False)
    return weights * values + (1 - weights) * smooth


def _coarser(values: Tensor, weights: Tensor, by: int) -> tuple[Tensor, Tensor]:
    """Weighted means over blocks of `by` x `by`, and their weights, at most 1."""
    total, weight = (F.avg_pool2d(x, by, ceil_mode=True, divisor_override=1) for x in (values * weights, weights))
    return total / weight.clamp(min=1e-6), weight.clamp(max=1)

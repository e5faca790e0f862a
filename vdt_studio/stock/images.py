"""Batches of images: joined, cut, repeated, resized. IMAGE is float (N, H, W, C) in [0, 1]."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..limits import check_batch
from .resize import first_of, resize

_LARGEST = {"default": 512, "min": 0, "max": 16384, "step": 1}


class ImageBatch:
    """Two batches, one after the other; the second takes the size of the first."""

    CATEGORY = "image/batch"
    SEARCH_ALIASES = ("combine images", "merge images", "stack images")
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "batch"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"image1": ("IMAGE",), "image2": ("IMAGE",)}}

    def batch(self, image1: Tensor, image2: Tensor) -> tuple[Tensor]:
        channels = max(image1.shape[-1], image2.shape[-1])
        first, second = (_with_channels(image, channels) for image in (image1, image2))
        if first.shape[1:] != second.shape[1:]:
            height, width = first.shape[1:3]
            second = _resize(second, width, height, "bilinear", "center")
        return (torch.cat([first, second]),)


class ImageFromBatch:
    """A stretch of a batch; start and length are cut to what there is, negative starts count from the end."""

    CATEGORY = "image/batch"
    SEARCH_ALIASES = ("select image", "pick from batch", "extract image")
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "take"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {
            "required": {
                "image": ("IMAGE",),
                "batch_index": ("INT", {"default": 0, "min": -16384, "max": 16384}),
                "length": ("INT", {"default": 1, "min": 1, "max": 4096}),
            }
        }

    def take(self, image: Tensor, batch_index: int, length: int) -> tuple[Tensor]:
        start = first_of(batch_index, len(image))
        return (image[start : start + length].clone(),)


class RepeatImageBatch:
    """A batch, several times over."""

    CATEGORY = "image/batch"
    SEARCH_ALIASES = ("duplicate image", "clone image")
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "repeat"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"image": ("IMAGE",), "amount": ("INT", {"default": 1, "min": 1, "max": 4096})}}

    def repeat(self, image: Tensor, amount: int) -> tuple[Tensor]:
        check_batch("the batch", len(image) * amount, *image.shape[1:])
        return (image.repeat(amount, 1, 1, 1),)


class ImageScale:
    """Another size; a side of 0 follows the aspect ratio."""

    CATEGORY = "image/upscaling"
    SEARCH_ALIASES = ("resize", "resize image", "scale image", "image resize", "zoom", "zoom in", "change size")
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "scale"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (["nearest-exact", "bilinear", "area", "bicubic", "lanczos"],),
                "width": ("INT", dict(_LARGEST)),
                "height": ("INT", dict(_LARGEST)),
                "crop": (["disabled", "center"],),
            }
        }

    def scale(self, image: Tensor, upscale_method: str, width: int, height: int, crop: str) -> tuple[Tensor]:
        if width == 0 and height == 0:
            return (image,)
        old_height, old_width = image.shape[1:3]
        width = width or max(1, round(old_width * height / old_height))
        height = height or max(1, round(old_height * width / old_width))
        check_batch("the result", len(image), height, width, image.shape[-1])
        return (_resize(image, width, height, upscale_method, crop),)


def _resize(image: Tensor, width: int, height: int, method: str, crop: str) -> Tensor:
    return resize(image.movedim(-1, 1), width, height, method, crop).movedim(1, -1)


def _with_channels(image: Tensor, channels: int) -> Tensor:
    """Add an opaque alpha channel where the other batch has one."""
    missing = channels - image.shape[-1]
    return torch.cat([image, image.new_ones((*image.shape[:-1], missing))], -1) if missing else image

"""Masks: made, turned into images and back, combined. MASK is float (N, H, W), white (1) = generate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..limits import check_batch

_SIDE = {"default": 512, "min": 1, "max": 16384, "step": 1}
_OFFSET = {"default": 0, "min": 0, "max": 16384, "step": 1}
_CHANNELS = ["red", "green", "blue", "alpha"]

_OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "multiply": lambda below, above: below * above,
    "add": lambda below, above: below + above,
    "subtract": lambda below, above: below - above,
    "and": lambda below, above: torch.bitwise_and(below.round().bool(), above.round().bool()).float(),
    "or": lambda below, above: torch.bitwise_or(below.round().bool(), above.round().bool()).float(),
    "xor": lambda below, above: torch.bitwise_xor(below.round().bool(), above.round().bool()).float(),
}


class SolidMask:
    """One value everywhere."""

    CATEGORY = "image/mask"
    RETURN_TYPES = ("MASK",)
    FUNCTION = "solid"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {
            "required": {
                "value": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
                "width": ("INT", dict(_SIDE)),
                "height": ("INT", dict(_SIDE)),
            }
        }

    def solid(self, value: float, width: int, height: int) -> tuple[Tensor]:
        check_batch("the mask", 1, height, width, 1)
        return (torch.full((1, height, width), value),)


class InvertMask:
    """White for black."""

    CATEGORY = "image/mask"
    SEARCH_ALIASES = ("reverse mask", "flip mask")
    RETURN_TYPES = ("MASK",)
    FUNCTION = "invert"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"mask": ("MASK",)}}

    def invert(self, mask: Tensor) -> tuple[Tensor]:
        return (1.0 - mask,)


class MaskToImage:
    """A mask as grey images."""

    CATEGORY = "image/mask"
    SEARCH_ALIASES = ("convert mask",)
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "convert"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"mask": ("MASK",)}}

    def convert(self, mask: Tensor) -> tuple[Tensor]:
        return (_batch(mask)[..., None].expand(-1, -1, -1, 3),)


class ImageToMask:
    """One channel of images."""

    CATEGORY = "image/mask"
    SEARCH_ALIASES = ("extract channel", "channel to mask")
    RETURN_TYPES = ("MASK",)
    FUNCTION = "convert"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"image": ("IMAGE",), "channel": (list(_CHANNELS),)}}

    def convert(self, image: Tensor, channel: str) -> tuple[Tensor]:
        index = _CHANNELS.index(channel)
        if index >= image.shape[-1]:
            raise ValueError(f"the images have {image.shape[-1]} channels, no {channel}: choose another channel")
        return (image[..., index],)


class MaskComposite:
    """One mask combined with another that is laid on it at x, y; what sticks out is cut off."""

    CATEGORY = "image/mask"
    SEARCH_ALIASES = ("combine masks", "blend masks", "layer masks", "masks composition")
    RETURN_TYPES = ("MASK",)
    FUNCTION = "combine"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {
            "required": {
                "destination": ("MASK",),
                "source": ("MASK",),
                "x": ("INT", dict(_OFFSET)),
                "y": ("INT", dict(_OFFSET)),
                "operation": (list(_OPERATIONS),),
            }
        }

    def combine(self, destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> tuple[Tensor]:
        result, above = _batch(destination).clone(), _batch(source)  # (N, H, W), (M, H', W')
        below = result[:, y : y + above.shape[1], x : x + above.shape[2]]
        if below.numel():
            if len(above) not in (1, len(below)):
                sizes = f"{tuple(below.shape)} and {tuple(above.shape)}"
                raise ValueError(f"got masks {sizes}: give both as many frames, or the source one")
            above = above[:, : below.shape[1], : below.shape[2]].to(below)
            below.copy_(_OPERATIONS[operation](below.clone(), above))
        return (result.clamp(0.0, 1.0),)


def _batch(mask: Tensor) -> Tensor:
    return mask.reshape(-1, *mask.shape[-2:])

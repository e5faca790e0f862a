"""The decoder of previews that comes with the package."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from ..models.preview_decoder import PIXEL_CHANNELS, PreviewDecoder
from .header import CheckpointError, open_checkpoint, read_shapes, read_tensors
from .load import build_empty, bundled, fill

FIRST, LAST = "conv_in.weight", "conv_out.weight"


def load_preview_decoder(path: str | Path | None = None) -> PreviewDecoder:
    """The decoder of a safetensors file, the bundled one by default, in float32 and evaluation mode.

    Raises CheckpointError for any other file.
    """
    path = bundled("preview") if path is None else Path(path)
    with open_checkpoint(path) as file:
        shapes = read_shapes(file, path)
        if FIRST not in shapes or LAST not in shapes:
            raise CheckpointError(f"{path} holds no decoder of previews: no {FIRST} and {LAST}")
        width, channels = shapes[FIRST].shape[:2]
        downscale = math.isqrt(shapes[LAST].shape[0] // PIXEL_CHANNELS)
        decoder = build_empty(lambda: PreviewDecoder(channels, width, downscale), shapes, path)
        tensors = read_tensors(file, {key: key for key in shapes}, "cpu", torch.float32, path)
    return fill(decoder, tensors).eval().requires_grad_(False)

"""How much memory a run needs, computed from sizes before it begins."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from .. import bounds
from ..bounds import GIBI, check_bytes, check_sizes
from ..config import FastVAEConfig, VAEConfig, VDTConfig

__all__ = [
    "GIBI",
    "OutOfMemoryError",
    "check_frames",
    "check_memory",
    "first_that_fits",
    "frames_at_once",
    "is_out_of_memory",
    "model_bytes",
    "vae_bytes",
]

FRAMES_AT_ONCE = 8
PIXELS_AT_ONCE = FRAMES_AT_ONCE * 512 * 512
VAE_TILE = 64  # cells along the side of a picture from which on the autoencoder sees it in tiles
TILES_AT_ONCE = 8  # of a large clip, in one pass of the model
# Measured on the bundled files (`vdt bench memory`): values in memory at the worst moment, per pixel and per token.
VAE_VALUES = 6  # times the channels a pixel
MODEL_VALUES = 16  # times the width, in addition to the MLP's
PICTURE_VALUES = 9  # per pixel: a picture before and after it is put together
VALUE_BYTES = 4
FRAME_COPIES = 4  # of a clip in memory: read, laid out, decoded and put together
# What PyTorch, its backends and numpy say when an allocation fails, or cannot even be asked for.
ALLOCATION = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "unable to allocate",
    "storage size calculation overflowed",
    "invalid buffer size",
    "integer multiplication overflow",
    "array is too big",
    "maximum allowed dimension",
    "maximum supported dimension",
)

Result = TypeVar("Result")
LOG = logging.getLogger(__name__)


class OutOfMemoryError(ValueError):
    """Work that did not fit after all; the message is one sentence for the user."""


def frames_at_once(height: int, width: int) -> int:
    """Frames the autoencoder works on at a time: by their size alone, so that numbers do not depend on free memory."""
    return max(1, min(FRAMES_AT_ONCE, PIXELS_AT_ONCE // (height * width)))


def vae_bytes(config: VAEConfig | FastVAEConfig, height: int, width: int) -> int:
    """What encoding or decoding frames of so many pixels takes at most: one tile, and the picture it is a part of."""
    tile = VAE_TILE * config.downscale
    seen = min(height, tile) * min(width, tile) * config.channels_a_pixel * VAE_VALUES
    whole = height * width * PICTURE_VALUES if max(height, width) > tile else 0
    return frames_at_once(height, width) * (seen + whole) * VALUE_BYTES


def model_bytes(
    config: VDTConfig, frames: int, rows: int, columns: int, *, tile: int = 0, value_bytes: int = VALUE_BYTES
) -> int:
    """What one pass over latents of so many cells takes at most: the activations of one block, in tiles or whole."""
    side = tile or config.input_size
    tiles = TILES_AT_ONCE if max(rows, columns) > side else 1
    tokens = tiles * frames * min(rows, side) * min(columns, side) // config.patch_size**2
    return int(tokens * config.hidden_size * (config.mlp_ratio + MODEL_VALUES) * value_bytes)


def check_memory(needed: int) -> None:
    """Refuse work that cannot fit; ValueError with both numbers."""
    check_bytes(needed, "this needs about", "use a smaller size, a smaller window or fewer frames")


def check_frames(count: int, size: tuple[int, int]) -> None:
    """Refuse a clip of so many frames of (height, width) pixels before it is made."""
    check_sizes(count, size)
    check_memory(count * size[0] * size[1] * 3 * FRAME_COPIES)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, in any of the ways of PyTorch, its backends and numpy."""
    if isinstance(error, OutOfMemoryError):
        return False  # everything smaller has been tried
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, (RuntimeError, ValueError)) and any(words in text for words in ALLOCATION)


def first_that_fits(attempts: Iterable[tuple[str, Callable[[], Result]]], what: str, needed: int) -> Result:
    """The result of the first attempt that memory is enough for; every other one than the first is logged.

    Args:
        attempts: how each works, such as "4 frames at a time", and the work; ever smaller ones.
        what: the work, such as "decoding 8 frames of 512x512".
        needed: bytes that the first attempt takes, as estimated.

    Raises OutOfMemoryError, with that number and what is free, when none fits.
    """
    failed = how = ""
    for how, work in attempts:
        if failed:
            LOG.warning("%s ran out of memory: trying again %s", what, how)
        try:
            return work()
        except (MemoryError, RuntimeError, ValueError) as error:
            if not is_out_of_memory(error):
                raise
            failed = type(error).__name__  # its traceback, which holds the tensors, ends here
        _release()
    free = bounds.free_bytes()
    left = "" if free is None else f", {free / GIBI:.1f} GiB of memory are free"
    raise OutOfMemoryError(
        f"{what} does not fit, not even {how}: it takes about {needed / GIBI:.1f} GiB{left}: use a smaller size, "
        f"fewer frames, or another device"
    )


def _release() -> None:
    """Give back what failed work held."""
    import torch

    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()

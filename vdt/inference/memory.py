"""How much memory a run needs, computed from sizes before it begins."""

from __future__ import annotations

from pathlib import Path

from ..config import VAEConfig, VDTConfig

FRAMES_AT_ONCE = 8
PIXELS_AT_ONCE = FRAMES_AT_ONCE * 512 * 512
VAE_TILE = 64  # cells along the side of a picture from which on the autoencoder sees it in tiles
TILES_AT_ONCE = 8  # of a large clip, in one pass of the model
# Measured on the bundled files (`vdt bench memory`): values in memory at the worst moment, per pixel and per token.
VAE_VALUES = 6  # times the channels at full size
MODEL_VALUES = 16  # times the width, in addition to the MLP's
PICTURE_VALUES = 9  # per pixel: a picture before and after it is put together
VALUE_BYTES = 4
GIBI = 2**30


def frames_at_once(height: int, width: int) -> int:
    """Frames the autoencoder works on at a time: by their size alone, so that numbers do not depend on free memory."""
    return max(1, min(FRAMES_AT_ONCE, PIXELS_AT_ONCE // (height * width)))


def vae_bytes(config: VAEConfig, height: int, width: int) -> int:
    """What encoding or decoding frames of so many pixels takes at most: one tile, and the picture it is a part of."""
    tile = VAE_TILE * config.downscale
    seen = min(height, tile) * min(width, tile) * config.ch * VAE_VALUES
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


def free_bytes() -> int | None:
    """Memory that is free without swapping; None where the system does not say (it does on Linux)."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    fields = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return int(fields["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in fields else None


def check_memory(needed: int) -> None:
    """Refuse work that cannot fit; ValueError with both numbers."""
    free = free_bytes()
    if free is not None and needed > free:
        raise ValueError(
            f"this needs about {needed / GIBI:.1f} GiB of memory, {free / GIBI:.1f} GiB are free: use a smaller size, "
            f"a smaller window or fewer frames"
        )

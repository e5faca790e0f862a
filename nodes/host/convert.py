"""The only place with ComfyUI's layouts: IMAGE, MASK, LATENT and AUDIO to the library's arrays and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...vdt.inference.rollout import pad_frames
from ...vdt.masks.fitting import cell_support, fit_painted, fit_soft
from ...vdt.masks.pixel import to_cells, to_pixels
from ...vdt.media.frames import PLACEHOLDER, FitMode, latent_grid_size
from ...vdt.media.types import Sound

# IMAGE is float (T, H, W, 3 or 4) in [0, 1], MASK float (T, H, W) with 1 = generate, LATENT a dict with raw samples
# (T, C, h, w) and perhaps a noise_mask. The library has uint8 frames (T, H, W, 3) and bool masks.
#
# Masks that leave the nodes have three levels: 1 is generated, 0 is given, and CELL_REST is the rest of a cell that is
# generated for the sake of other pixels. Samplers, which resize masks to cells, take it for white and so miss no cell;
# where pixels are pasted it is given, so that the picture keeps them bit for bit.

CELL = 8  # pixels along the side of a latent cell, where no VAE says otherwise
CELL_REST = 2028 / 2048  # near white; exact in float16, and no level of 8 bits, so that no painted mask holds it
SIZE_KEY = "vdt_size"  # in a LATENT: height and width of the pictures, where its last cells hang over them
CELL_KEY = "vdt_cell"  # in a LATENT: pixels along the side of its cells, where these are not CELL
FIT_KEY = "vdt_fit"  # in a LATENT: how pictures and masks of another size come to its own, where that is not by crop
CHUNK = 64  # frames converted at a time, so that no second copy of a long clip is made as floats


def to_frames(images: Tensor) -> np.ndarray:
    """IMAGE to uint8 frames (T, H, W, 3), rounded; alpha is dropped, NaN refused."""
    batch = rgb(images)
    frames = np.empty(tuple(batch.shape), np.uint8)
    for start in range(0, len(batch), CHUNK):
        values = batch[start : start + CHUNK].detach().float().cpu()
        if not bool(torch.isfinite(values).all()):
            raise ValueError("the images hold NaN or infinite values: decode them in float32")
        frames[start : start + CHUNK] = (values * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return frames


def to_images(frames: np.ndarray) -> Tensor:
    """uint8 frames (T, H, W, 3), or one of them, to IMAGE; `to_frames` gets exactly these frames back."""
    batch = frames if frames.ndim == 4 else frames[None]
    return torch.from_numpy(np.ascontiguousarray(batch)).float() / 255


def rgb(images: Tensor) -> Tensor:
    """IMAGE without its alpha, (T, H, W, 3); a single picture becomes a clip of one frame."""
    batch = images if images.ndim == 4 else images[None]
    if batch.ndim != 4 or batch.shape[-1] < 3 or not len(batch):
        raise ValueError(f"expected images (frames, height, width, 3), got {tuple(images.shape)}")
    return batch[..., :3]


# ---- Masks -----------------------------------------------------------------------------------------------------------


def soft_mask(mask: Tensor) -> Tensor:
    """MASK, or a noise mask (T, 1, H, W), to float (T, H, W); ValueError for images and anything else."""
    looks_like_images = mask.ndim == 4 and mask.shape[1] > 4 and mask.shape[-1] in (1, 3, 4)
    if mask.ndim < 2 or looks_like_images or not mask.numel():
        fix = ": put Convert Image to Mask before it" if looks_like_images else ""
        raise ValueError(f"expected a mask (frames, height, width), got {tuple(mask.shape)}{fix}")
    return mask.detach().float().cpu().reshape(-1, *mask.shape[-2:])


def painted_mask(mask: Tensor) -> Tensor:
    """MASK or noise mask to float (T, H, W) without the rest of cells: as it was painted."""
    soft = soft_mask(mask)
    return torch.where((soft - CELL_REST).abs() < 1e-4, 0.0, soft)


def hard_mask(mask: Tensor | None) -> Tensor | None:
    """MASK or noise mask of pixels to bool (T, H, W), True = generate; grey above one half counts as white."""
    return None if mask is None else painted_mask(mask) > 0.5


def from_mask(mask: Tensor) -> Tensor:
    """bool (T, H, W) of pixels to MASK, with the rest of its cells."""
    return torch.where(cell_support(mask, downscale=CELL), CELL_REST, mask.float())


def from_soft_mask(mask: Tensor) -> Tensor:
    """float (T, H, W) to MASK: one of black and white gets the rest of its cells, soft ones stay what they are."""
    return from_mask(mask > 0.5) if bool(((mask == 0) | (mask == 1)).all()) else mask


def fitted_mask(mask: Tensor | None, size: tuple[int, int], mode: FitMode) -> Tensor | None:
    """MASK of any size to bool (T, *size), by the way of the pictures; see `fit_painted`."""
    return None if mask is None else fit_painted(painted_mask(mask), size, mode)


def fitted_soft_mask(mask: Tensor | None, size: tuple[int, int], mode: FitMode) -> Tensor | None:
    """MASK of any size to float (T, *size), by the way of the pictures."""
    return None if mask is None else fit_soft(painted_mask(mask), size, mode)


# ---- Latents ---------------------------------------------------------------------------------------------------------


def samples_of(latent: dict[str, Any]) -> Tensor:
    """The raw samples (T, C, h, w) of a LATENT; anything else is of another kind of model."""
    samples = latent["samples"]
    if samples.ndim != 4:
        raise ValueError(
            f"the latent is {tuple(samples.shape)}, expected (frames, channels, height, width): "
            f"encode the clip with VDT Encode or VAE Encode and a VAE of single frames"
        )
    return samples


def mask_of(latent: dict[str, Any], mask: Tensor | None) -> Tensor | None:
    """The connected MASK, else the noise mask of the LATENT, as bool (T, H, W); None if there is neither.

    One of latent cells, or of the size of the pictures, stays so; any other size is fitted to the pictures.
    """
    found = latent.get("noise_mask") if mask is None else mask
    if found is None:
        return None
    soft, grid, size = soft_mask(found), tuple(samples_of(latent).shape[-2:]), size_of(latent, cell_of(latent))
    own = tuple(soft.shape[1:])
    if own == grid:
        return soft > 0.5
    whole = (grid[0] * cell_of(latent), grid[1] * cell_of(latent))
    if own == whole:  # as the noise masks of `to_latent` are
        return painted_mask(soft)[:, : size[0], : size[1]] > 0.5
    if own == size or (SIZE_KEY not in latent and latent_grid_size(own, cell_of(latent)) == grid):
        return hard_mask(soft)
    return fitted_mask(soft, size, latent.get(FIT_KEY, "crop"))


def cells_of(latent: dict[str, Any], mask: Tensor | None) -> Tensor:
    """What of a LATENT is generated, bool cells (T, h, w): see `mask_of`; everything where there is no mask.

    A mask of more frames than the LATENT asks for as many.
    """
    frames, _, rows, columns = samples_of(latent).shape
    hard = mask_of(latent, mask)
    if hard is None:
        return torch.ones(frames, rows, columns, dtype=torch.bool)
    return to_cells(hard, (max(frames, len(hard)), rows, columns), downscale=cell_of(latent))


def generated_pixels(mask: Tensor | None, images: Tensor, downscale: int) -> Tensor:
    """What of an IMAGE (T, H, W, 3) is generated, bool (T, H, W): a bool mask of its pixels or cells, None is all."""
    size = (images.shape[0], images.shape[1], images.shape[2])
    return torch.ones(size, dtype=torch.bool) if mask is None else to_pixels(mask, size, downscale=downscale)


def cells_across(pixels: int) -> int:
    """The side of a tile in cells, of one in pixels; the last cell may hang over."""
    return -(-pixels // CELL)


def to_latent(latent: dict[str, Any], samples: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """The LATENT with other samples, and with the connected MASK, if any, as its noise mask (T, 1, H, W).

    It is fitted to the pictures and filled up to whole cells, which stock samplers resize without a loss.
    """
    changed = {**latent, "samples": samples}
    if mask is not None:
        changed["noise_mask"] = _noise_mask(latent, mask)[:, None]
    return changed


def _noise_mask(latent: dict[str, Any], mask: Tensor) -> Tensor:
    hard, (rows, columns) = mask_of(latent, mask), samples_of(latent).shape[-2:]
    assert hard is not None
    if tuple(hard.shape[1:]) == (rows, columns):
        return hard.float()
    below, right = rows * cell_of(latent) - hard.shape[1], columns * cell_of(latent) - hard.shape[2]
    whole = torch.nn.functional.pad(hard, (0, right, 0, below))
    return torch.where(cell_support(whole, downscale=cell_of(latent)), CELL_REST, whole.float())


def new_latent(samples: Tensor, size: tuple[int, int], downscale: int) -> dict[str, Any]:
    """LATENT of pictures of that size; it says so where whole cells of CELL pixels would not."""
    whole = tuple(side * downscale for side in samples.shape[-2:])
    latent = {"samples": samples} if whole == size else {"samples": samples, SIZE_KEY: size}
    return latent if downscale == CELL else {**latent, CELL_KEY: downscale}


def encoded_latent(latent: dict[str, Any], mask: Tensor | None, mode: FitMode) -> dict[str, Any]:
    """A new LATENT that says how pictures came to its size, with a bool mask (T, H, W) of them as its noise mask."""
    stated = latent if mode == "crop" else {**latent, FIT_KEY: mode}
    return to_latent(stated, latent["samples"], None if mask is None else mask.float())


def cell_of(latent: dict[str, Any]) -> int:
    """Pixels along the side of the cells of a LATENT."""
    return int(latent.get(CELL_KEY, CELL))


def size_of(latent: dict[str, Any], downscale: int) -> tuple[int, int]:
    """Height and width of the pictures that a LATENT was made of: what it says, as long as it fits its cells."""
    rows, columns = samples_of(latent).shape[-2:]
    stated = latent.get(SIZE_KEY)
    if stated is not None and latent_grid_size(stated, downscale) == (rows, columns):
        return stated
    return rows * downscale, columns * downscale


def longer_latent(latent: dict[str, Any], samples: Tensor, count: int, *, before: bool) -> dict[str, Any]:
    """The LATENT with samples whose last, or first, `count` frames are new, and white in its noise mask."""
    known = len(samples) - count
    given = torch.zeros(known, *size_of(latent, cell_of(latent)))
    old = soft_mask(latent["noise_mask"]) if "noise_mask" in latent else given
    mask = pad_frames(old.expand(known, -1, -1), count, before=before, fill=1.0)
    return {**latent, "samples": samples, "noise_mask": mask[:, None]}  # (T, 1, H, W)


def longer_images(images: Tensor, count: int, *, before: bool) -> Tensor:
    """IMAGE with grey frames for those that are new."""
    return pad_frames(rgb(images), count, before=before, fill=PLACEHOLDER / 255)


def sound_for(audio: dict[str, Any] | None, seconds: float, *, start: float = 0.0) -> Sound | None:
    """AUDIO from `start` on as a Sound that lasts so long."""
    sound = from_audio(audio)
    return None if sound is None else sound.fitted(start, seconds)


def from_audio(audio: dict[str, Any] | None) -> Sound | None:
    """AUDIO, waveform (1, channels, n), to a Sound."""
    if audio is None:
        return None
    return Sound(samples=audio["waveform"][0].detach().float().cpu().numpy(), rate=int(audio["sample_rate"]))


def to_audio(sound: Sound | None) -> dict[str, Any] | None:
    """A Sound to AUDIO."""
    return None if sound is None else {"waveform": torch.from_numpy(sound.samples)[None], "sample_rate": sound.rate}

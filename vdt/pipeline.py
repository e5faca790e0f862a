"""Clip in, clip out: encode what is given, sample what is not, decode that, and paste the given pixels back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import pixel_masks
from .autoencoder import AutoencoderKL
from .checkpoints import bundled, load_model, load_vae
from .completion import decode_onto, encode_frames
from .edges import EDGES
from .frames import grid_of
from .model import VDT
from .pixel_masks import to_cells
from .planner import PLACEHOLDER
from .rollout import complete_clip
from .still import STILL

# T frames; H, W pixels; h, w latent cells; C latent channels.

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, kw_only=True, eq=False)
class GeneratedClip:
    """A finished clip: frames uint8 (T, H, W, 3); mask bool (T, H, W), True = generated; raw latents (T, C, h, w)."""

    frames: np.ndarray
    mask: np.ndarray
    latents: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class _Masks:
    pixels: Tensor  # bool (T, H, W)
    cells: Tensor  # bool (T, h, w)


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A model with its autoencoder."""

    model: VDT
    vae: AutoencoderKL

    def __post_init__(self) -> None:
        got, expected = self.vae.config.z_channels, self.model.config.in_channels
        if got != expected:
            raise ValueError(f"the VAE makes latents of {got} channels, the model expects {expected}: use its own VAE")

    @classmethod
    def from_files(
        cls,
        model: str | Path | None = None,
        vae: str | Path | None = None,
        *,
        device: str | None = None,
        dtype: str | torch.dtype = torch.float32,
    ) -> Pipeline:
        """Load both files, None = the bundled one; the VAE stays in float32: it is small, and overflows in half."""
        place = resolve_device(device)
        precision = dtype if isinstance(dtype, torch.dtype) else resolve_dtype(dtype)
        return cls(
            load_model(bundled("vdt") if model is None else model, place, precision),
            load_vae(bundled("vae") if vae is None else vae, place),
        )

    @torch.no_grad()
    def generate(
        self,
        frames: np.ndarray,
        mask: Tensor,
        *,
        seed: int = 0,
        still: float = STILL,
        edges: float = EDGES,
        **options: Any,
    ) -> GeneratedClip:
        """Complete a clip; given pixels come back bit for bit. One longer than the model's is made window by window.

        Args:
            frames: uint8 (n, H, W, 3), n <= T; what is to be generated may hold anything, frames after n are generated.
            mask: bool, True = generate: pixels (T, H, W) or latent cells (T, h, w).
            seed: 0 to 2**64 - 1; the same on every device.
            still, edges: see `decode_onto`.
            options: steps, sampler, guidance_scale, reuse and tile, see `complete_latents`; window, overlap and
                callback, see `roll_out`.

        Raises:
            ValueError: for frames and masks that do not fit each other or the model, and see `sample_latents`.
        """
        made = self._masks(frames, mask)
        clip = _pad(frames, made.pixels)
        seen = (~made.cells).flatten(1).any(1)  # frames with a given cell
        raw = torch.zeros(len(clip), self.model.config.in_channels, *made.cells.shape[1:])
        if seen.any():
            raw[seen] = encode_frames(self.vae, clip[seen.numpy()]).cpu()
        latents = complete_clip(self.model, raw, made.cells, seed=seed, **options)
        shown = decode_onto(self.vae, latents, clip, made.pixels, still=still, edges=edges)
        return GeneratedClip(frames=shown, mask=made.pixels.numpy(), latents=latents)

    def _masks(self, frames: np.ndarray, mask: Tensor) -> _Masks:
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
            raise ValueError(f"expected frames uint8 (n, H, W, 3), got {frames.dtype} {frames.shape}")
        height, width = frames.shape[1:3]
        down = self.vae.config.downscale
        rows, columns = grid_of((height, width), down)
        if (
            mask.dtype != torch.bool
            or mask.ndim != 3
            or tuple(mask.shape[1:]) not in [(height, width), (rows, columns)]
        ):
            raise ValueError(
                f"expected a bool mask (T, {height}, {width}) of pixels or (T, {rows}, {columns}) of latent cells, got "
                f"{mask.dtype} {tuple(mask.shape)}: make it of the size of the frames"
            )
        mask = mask.cpu()
        return _Masks(
            pixels=pixel_masks.to_pixels(mask, (len(mask), height, width), downscale=down),
            cells=to_cells(mask, (len(mask), rows, columns), downscale=down),
        )


def resolve_device(name: str | None) -> torch.device:
    """The device of that name, or the best there is for None; ValueError if it is not there."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)  # the only question that every backend answers
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device {name!r} is not available here: use cpu, or leave --device out") from error
    return device


def resolve_dtype(name: str) -> torch.dtype:
    """The precision of that name; ValueError names the known ones."""
    if name not in DTYPES:
        raise ValueError(f"unknown dtype {name!r}, expected one of {', '.join(DTYPES)}")
    return DTYPES[name]


def _pad(frames: np.ndarray, mask: Tensor) -> np.ndarray:
    """A copy (T, H, W, 3) with grey frames where `frames` has none; those must be generated whole."""
    missing = len(mask) - len(frames)
    if missing < 0:
        raise ValueError(f"got {len(frames)} frames for a mask of {len(mask)}: cut the clip or lengthen the mask")
    if not bool(mask[len(frames) :].all()):
        raise ValueError(f"the mask of {len(mask)} frames gives frames beyond the {len(frames)} there are: add frames")
    return np.concatenate([frames, np.full((missing, *frames.shape[1:]), PLACEHOLDER, np.uint8)])

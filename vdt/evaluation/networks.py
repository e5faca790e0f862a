"""Clips as the model and its autoencoder make them: in batches, with noise that depends on the clip alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..autoencoder import AutoencoderKL
from ..completion import decode_onto, first_parameter
from ..diffusion import derived_seed, find_sampler, sample_latents, scale_latents, unscale_latents
from ..edges import EDGES
from ..frames import to_pixels
from ..model import VDT
from ..pixel_masks import to_cells
from ..reuse import ReusingModel
from ..rollout import complete_clip
from ..still import STILL

Frames = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the model is sampled, see `sample_latents`, and shown, see `decode_onto`."""

    steps: int | str = 20
    sampler: str = "ddim"
    guidance_scale: float = 1.0
    reuse: float = 0.0
    seed: int = 0
    still: float = STILL
    edges: float = EDGES

    def __post_init__(self) -> None:
        find_sampler(self.sampler)  # complains of an unknown one before any work

    def __str__(self) -> str:
        reuse = f", reuse {self.reuse:g}" if self.reuse else ""
        return f"{self.sampler}, {self.steps}, guidance {self.guidance_scale:g}{reuse}"

    @property
    def options(self) -> dict[str, Any]:
        """What `sample_latents` takes of it."""
        return {name: value for name, value in vars(self).items() if name in ("steps", "sampler", "guidance_scale")}


@torch.no_grad()
def network_frames(
    model: VDT | None,
    vae: AutoencoderKL | None,
    clips: Sequence[Frames],
    known: NDArray[np.bool_],
    sampling: Sampling,
    *,
    start: int = 0,
) -> dict[str, list[Frames]]:
    """What "model" and "vae" (the truth there and back) make of a batch, given frames pasted back; {} without networks.

    Args:
        model: or None for the VAE alone.
        vae: or None for nothing.
        clips: uint8 (T, H, W, 3) each.
        known: bool, True where given: whole frames (T,), or pixels (T, H, W) in whole cells.
        start: number of the first clip; with the seed it fixes each clip's noise.
    """
    if vae is None:
        return {}
    raw, generated = _encoded(vae, clips), _generated(known, clips[0].shape)
    result = {"vae": _compose(vae, raw, clips, generated, sampling)}
    if model is not None:
        result["model"] = _compose(vae, _completed(model, raw, generated, sampling, start), clips, generated, sampling)
    return result


@torch.no_grad()
def model_frames(
    model: VDT,
    vae: AutoencoderKL,
    clips: Sequence[Frames],
    known: NDArray[np.bool_],
    sampling: Sampling,
    *,
    start: int = 0,
) -> list[Frames]:
    """`network_frames` of the model alone: nothing is decoded but what it has made."""
    raw, generated = _encoded(vae, clips), _generated(known, clips[0].shape)
    return _compose(vae, _completed(model, raw, generated, sampling, start), clips, generated, sampling)


def _encoded(vae: AutoencoderKL, clips: Sequence[Frames]) -> Tensor:
    """Raw latents (B, T, C, h, w)."""
    like = first_parameter(vae)
    return vae.encode_video(torch.stack([to_pixels(clip) for clip in clips]).to(like)).float()


def _completed(model: VDT, raw: Tensor, generated: Tensor, sampling: Sampling, start: int) -> Tensor:
    """Raw latents (B, T, C, h, w) with what is `generated`, bool (T, H, W), made by the model."""
    mask = to_cells(generated, (len(generated), *raw.shape[-2:]))
    given = torch.where(mask.unsqueeze(1).to(raw.device), 0, raw)  # nothing leaks
    seeds = [derived_seed(sampling.seed, start + index) for index in range(len(raw))]
    one_window = len(generated) <= model.config.num_frames
    return (_sampled if one_window else _rolled_out)(model, given, mask, sampling, seeds)


def _sampled(model: VDT, raw: Tensor, mask: Tensor, sampling: Sampling, seeds: Sequence[int]) -> Tensor:
    """Raw latents (B, T, C, h, w) of clips that are one window each, all at once."""
    diffusion = model.config.diffusion
    given = scale_latents(raw, diffusion).to(first_parameter(model).device)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return unscale_latents(sample(model, given, mask[None], sampling, generators), diffusion)


def sample(
    model: VDT, given: Tensor, mask: Tensor, sampling: Sampling, generator: torch.Generator | Sequence[torch.Generator]
) -> Tensor:
    """`sample_latents` by these settings, steps that reuse the last among them."""
    network = ReusingModel(model, sampling.reuse) if sampling.reuse else model
    return sample_latents(network, given, mask, generator=generator, **sampling.options)


def _rolled_out(model: VDT, raw: Tensor, mask: Tensor, sampling: Sampling, seeds: Sequence[int]) -> Tensor:
    """The same of longer clips, window by window."""
    options = {**sampling.options, "reuse": sampling.reuse}
    return torch.stack(
        [complete_clip(model, clip, mask, seed=seed, **options) for clip, seed in zip(raw, seeds, strict=True)]
    )


def _compose(
    vae: AutoencoderKL, latents: Tensor, clips: Sequence[Frames], generated: Tensor, sampling: Sampling
) -> list[Frames]:
    """The clips with `generated`, bool (T, H, W), from raw latents (B, T, C, h, w), as people get them."""
    finish = {"still": sampling.still, "edges": sampling.edges}
    return [decode_onto(vae, raw, clip, generated, **finish) for raw, clip in zip(latents, clips, strict=True)]


def _generated(known: NDArray[np.bool_], shape: Sequence[int]) -> Tensor:
    """bool (T, H, W), True where a clip of that shape is not known."""
    mask = torch.from_numpy(~known)
    return mask if mask.ndim == 3 else mask[:, None, None].expand(shape[0], shape[1], shape[2])

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
from ..frames import to_pixels
from ..model import VDT
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

    def __post_init__(self) -> None:
        find_sampler(self.sampler)  # complains of an unknown one before any work

    def __str__(self) -> str:
        reuse = f", reuse {self.reuse:g}" if self.reuse else ""
        return f"{self.sampler}, {self.steps}, guidance {self.guidance_scale:g}{reuse}"

    @property
    def options(self) -> dict[str, Any]:
        """What `sample_latents` takes of it."""
        return {name: value for name, value in vars(self).items() if name not in ("seed", "still", "reuse")}


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
        known: (T,) bool, True where given.
        start: number of the first clip; with the seed it fixes each clip's noise.
    """
    if vae is None:
        return {}
    like = first_parameter(vae)
    raw = vae.encode_video(torch.stack([to_pixels(clip) for clip in clips]).to(like)).float()  # (B, T, C, h, w)
    result = {"vae": _compose(vae, raw, clips, known, sampling.still)}
    if model is not None:
        mask = torch.from_numpy(~known)[:, None, None].expand(-1, *raw.shape[-2:])  # (T, h, w)
        given = torch.where(mask.unsqueeze(1).to(raw.device), 0, raw)  # nothing leaks
        seeds = [derived_seed(sampling.seed, start + index) for index in range(len(clips))]
        one_window = len(known) <= model.config.num_frames
        made = (_sampled if one_window else _rolled_out)(model, given, mask, sampling, seeds)
        result["model"] = _compose(vae, made, clips, known, sampling.still)
    return result


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
    vae: AutoencoderKL, latents: Tensor, clips: Sequence[Frames], known: NDArray[np.bool_], still: float
) -> list[Frames]:
    """The clips with those frames from raw latents (B, T, C, h, w) that are not known, as people get them."""
    height, width = clips[0].shape[1:3]
    generated = torch.from_numpy(~known)[:, None, None].expand(-1, height, width)
    return [decode_onto(vae, raw, clip, generated, still=still) for raw, clip in zip(latents, clips, strict=True)]

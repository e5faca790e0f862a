"""VAEs of ComfyUI and ours behind one protocol of the library, and all that nodes encode and decode with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import comfy.model_management as mm
import comfy.model_patcher
import comfy.sd
import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ...vdt.config import VAEConfig
from ...vdt.inference.codec import AutoencoderCodec, Progress, Size, VideoCodec
from ...vdt.inference.compositing import Compositor
from ...vdt.inference.memory import vae_bytes
from ...vdt.inference.settings import CompositingConfig
from ...vdt.media.frames import pad_to_multiple
from ...vdt.models.autoencoder import AutoencoderKL
from ...vdt.models.fast_autoencoder import FastAutoencoder
from ...vdt.models.frame_autoencoder import FrameAutoencoder
from . import batches, convert, runtime

# T frames, H x W pixels, C channels, h x w latent cells. Raw latents are the autoencoder's own: unscaled.

STOCK_GROUPS = 32  # ComfyUI's AutoencoderKL has no other group norms
PLACEHOLDER = VAEConfig(ch=STOCK_GROUPS, ch_mult=(1,), num_res_blocks=1)  # the smallest that ComfyUI builds
HANDLE = "vdt_handle"  # the one attribute that VDT Load VAE adds to a VAE


@dataclass(frozen=True, kw_only=True, eq=False)
class VAEHandle:
    """What VDT Load VAE leaves on a VAE of ComfyUI: its file, and for files of ours the codec that nodes use instead.

    The codec computes with the library's own module, whose numbers are the same in every host.
    """

    file: Path | None = None
    codec: VideoCodec | None = None


class OwnCodec(AutoencoderCodec):
    """Our autoencoder under ComfyUI's memory management: brought to its device before it works."""

    def __init__(self, vae: FrameAutoencoder, patcher: Any) -> None:
        super().__init__(vae)
        self.patcher = patcher

    def encode(self, frames: np.ndarray, progress: Progress | None = None) -> Tensor:
        """See `VideoCodec.encode`."""
        runtime.load(self.patcher, vae_bytes(self.vae.config, *frames.shape[1:3]))
        return super().encode(frames, progress)

    def decode(self, latents: Tensor, size: Size) -> np.ndarray:
        """See `VideoCodec.decode`."""
        runtime.load(self.patcher, vae_bytes(self.vae.config, *size))
        return super().decode(latents, size)


class StockCodec:
    """Any VAE of ComfyUI, which manages memory and tells progress itself; for single frames of 8 pixels a cell."""

    downscale = convert.CELL

    def __init__(self, vae: Any) -> None:
        self.vae = vae

    def encode(self, frames: np.ndarray, progress: Progress | None = None) -> Tensor:
        """See `VideoCodec.encode`; ValueError for a VAE of whole videos."""
        pixels = rearrange(convert.to_images(frames), "t h w c -> t c h w")
        whole = pad_to_multiple(pixels, self.downscale)  # ComfyUI would cut the picture to whole cells
        latents = self.vae.encode(rearrange(whole, "t c h w -> t h w c"))
        if latents.ndim != 4 or len(latents) != len(frames):
            raise ValueError(
                f"this VAE makes latents {tuple(latents.shape)} of {len(frames)} frames, expected ({len(frames)}, 4, "
                f"height, width): use VDT Load VAE, or the VAE of Stable Diffusion 1.x"
            )
        return latents.float()

    def decode(self, latents: Tensor, size: Size) -> np.ndarray:
        """See `VideoCodec.decode`."""
        return convert.to_frames(self.vae.decode(latents)[:, : size[0], : size[1]])


def build_vae(module: FrameAutoencoder, *, own: bool, file: Path | None = None) -> Any:
    """VAE for stock nodes; `own` says that the file is one of ours, see `VAEHandle`."""
    if isinstance(module, FastAutoencoder):
        vae = _with_stage(module)
        patcher = vae.patcher  # of the same weights
    else:
        assert isinstance(module, AutoencoderKL)
        # ours is small, and half precision would cost more than it saves
        vae = _stock_vae(module, torch.float32 if own else None)
        patcher = _patcher(module)
    vae.latent_channels = module.config.z_channels
    setattr(vae, HANDLE, VAEHandle(file=file, codec=OwnCodec(module, patcher) if own else None))
    return vae


class FirstStage(torch.nn.Module):
    """An autoencoder as ComfyUI's VAE calls one: pixels to latents, not to a posterior."""

    def __init__(self, vae: FrameAutoencoder) -> None:
        super().__init__()
        self.vae = vae

    def encode(self, pixels: Tensor) -> Tensor:
        """The most likely raw latents (N, C, h, w) of pixels (N, 3, H, W)."""
        return self.vae.encode(pixels).mean

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (N, 3, H, W) of raw latents (N, C, h, w)."""
        return self.vae.decode(latents)


def _stock_vae(module: AutoencoderKL, dtype: torch.dtype | None) -> Any:
    """ComfyUI's own autoencoder with these weights; ValueError for norms that it does not have."""
    groups = module.config.num_groups
    if groups != STOCK_GROUPS:
        raise ValueError(f"this VAE has norms of {groups} groups, ComfyUI only runs {STOCK_GROUPS}")
    params = {"embed_dim": module.config.z_channels, "ddconfig": _ddconfig(module.config)}
    return comfy.sd.VAE(sd=module.state_dict(), config={"params": params}, dtype=dtype)


def _with_stage(module: FrameAutoencoder) -> Any:
    """ComfyUI's VAE around a network that is none of ComfyUI's: it is made with a tiny one, whose place ours takes."""
    vae = _stock_vae(AutoencoderKL(PLACEHOLDER), torch.float32)
    vae.first_stage_model = FirstStage(module)
    vae.downscale_ratio = vae.upscale_ratio = module.config.downscale
    vae.patcher = _patcher(vae.first_stage_model)
    return vae


def _patcher(module: torch.nn.Module) -> Any:
    """A network under ComfyUI's memory management, as a VAE: one for each set of weights."""
    return comfy.model_patcher.ModelPatcher(module, load_device=mm.vae_device(), offload_device=mm.vae_offload_device())


def codec_of(vae: Any) -> VideoCodec:
    """What nodes encode and decode with: our own code where the file is ours, else ComfyUI's."""
    return _handle(vae).codec or StockCodec(vae)


def file_of(vae: Any) -> Path | None:
    """The file that VDT Load VAE read; None for other VAEs."""
    return _handle(vae).file


def encode(vae: Any, frames: np.ndarray) -> dict[str, Any]:
    """LATENT of uint8 frames (T, H, W, 3) of any size."""
    codec = codec_of(vae)
    samples = runtime.to_intermediate(codec.encode(frames, runtime.chunk_progress()))
    latent = convert.new_latent(samples, (frames.shape[1], frames.shape[2]), codec.downscale)
    return batches.join_latents([latent])


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipJob:
    """One clip to be decoded, and the IMAGE that it was encoded from where that is connected.

    samples (T, C, h, w), size (H, W), given float (T, H, W, 3), generated bool (T, H, W).
    """

    compositor: Compositor
    samples: Tensor
    size: Size
    given: Tensor | None
    generated: Tensor | None

    @classmethod
    def of(cls, compositor: Compositor, latent: dict[str, Any], images: Tensor | None, mask: Tensor | None) -> ClipJob:
        """From the part of each input that belongs to the clip; ValueError where they do not fit each other."""
        samples, downscale = convert.samples_of(latent), compositor.codec.downscale
        if images is None:
            size = convert.size_of(latent, downscale)
            return cls(compositor=compositor, samples=samples, size=size, given=None, generated=None)
        given = convert.rgb(images)
        try:
            generated = convert.generated_pixels(convert.mask_of(latent, mask), given, downscale)
        except ValueError:
            compositor.check(samples, given)  # wrong images are the cause of a mask that does not fit them
            raise
        size = (given.shape[1], given.shape[2])
        return cls(compositor=compositor, samples=samples, size=size, given=given, generated=generated)

    def frames(self, progress: Progress | None = None) -> Iterator[np.ndarray]:
        """Finished frames uint8 (H, W, 3), a few decoded at a time; given pixels rounded to 8 bits."""
        if self.given is None or self.generated is None:
            return self.compositor.decode(self.samples, self.size, progress=progress)
        images = convert.to_frames(self.given)
        return self.compositor.clip(self.samples, images, self.generated, progress=progress)

    def images(self, progress: Progress | None = None) -> Tensor:
        """Finished frames as IMAGE; given pixels are those that are connected, bit for bit."""
        pictures = runtime.to_intermediate(convert.to_images(np.stack(list(self.frames(progress)))))
        if self.given is None or self.generated is None:
            return pictures
        return torch.where(self.generated[..., None].to(self.given.device), pictures.to(self.given), self.given)


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodeJob:
    """A LATENT to be decoded: the clips that it holds, of the same length and size."""

    clips: tuple[ClipJob, ...]

    @classmethod
    def of(
        cls, vae: Any, latent: dict[str, Any], images: Tensor | None, mask: Tensor | None, config: CompositingConfig
    ) -> DecodeJob:
        """From what is connected to a node: IMAGE and MASK of one clip, which then serve all, or of all of them.

        ValueError where the inputs do not belong to each other.
        """
        compositor, frames = Compositor(codec_of(vae), config), batches.frames_of(latent)
        parts = batches.split_latent(latent)
        pictures, masks = (batches.split(values, len(parts), frames) for values in (images, mask))
        each = zip(parts, pictures, masks, strict=True)
        return cls(clips=tuple(ClipJob.of(compositor, *inputs) for inputs in each))

    @property
    def size(self) -> Size:
        """Height and width of the frames."""
        return self.clips[0].size

    def seconds(self, fps: float) -> float:
        """How long each clip lasts at so many frames a second."""
        return len(self.clips[0].samples) / fps

    def frames(self) -> Iterator[np.ndarray]:
        """The frames of all clips one after another, see `ClipJob.frames`."""
        return chain.from_iterable(self.videos())

    def videos(self) -> Iterator[Iterator[np.ndarray]]:
        """The frames of each clip, see `ClipJob.frames`."""
        for clip in self.clips:
            yield clip.frames(runtime.chunk_progress())

    def images(self) -> Tensor:
        """All clips one after another as IMAGE, see `ClipJob.images`."""
        made = [clip.images(runtime.chunk_progress()) for clip in self.clips]
        return made[0] if len(made) == 1 else torch.cat(made)


def _handle(vae: Any) -> VAEHandle:
    return getattr(vae, HANDLE, VAEHandle())


def _ddconfig(config: VAEConfig) -> dict[str, Any]:
    return {
        "double_z": True,
        "z_channels": config.z_channels,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": config.ch,
        "ch_mult": list(config.ch_mult),
        "num_res_blocks": config.num_res_blocks,
        "attn_resolutions": [],
        "dropout": 0.0,
    }

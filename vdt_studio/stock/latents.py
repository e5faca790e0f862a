"""Latents and the VAE. LATENT is {"samples": raw (T, 4, h, w), "noise_mask": 1 = generate}; frames are the batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..shim.comfy_api.latest import io
from .resize import first_of, resize

Latent = dict[str, Any]


class VAEEncode:
    """Images to latents."""

    CATEGORY = "model/latent"
    SEARCH_ALIASES = ("encode", "encode image", "image to latent")
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "encode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"pixels": ("IMAGE",), "vae": ("VAE",)}}

    def encode(self, pixels: Tensor, vae: Any) -> tuple[Latent]:
        return ({"samples": vae.encode(pixels[..., :3])},)


class VAEDecode:
    """Latents to images."""

    CATEGORY = "model/latent"
    SEARCH_ALIASES = ("decode", "decode latent", "latent to image", "render latent")
    DESCRIPTION = "Decodes latent images back into pixel space images."
    RETURN_TYPES = ("IMAGE",)
    OUTPUT_TOOLTIPS = ("The decoded image.",)
    FUNCTION = "decode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {
            "required": {
                "samples": ("LATENT", {"tooltip": "The latent to be decoded."}),
                "vae": ("VAE", {"tooltip": "The VAE model used for decoding the latent."}),
            }
        }

    def decode(self, samples: Latent, vae: Any) -> tuple[Tensor]:
        return (vae.decode(samples["samples"]),)


class SetLatentNoiseMask:
    """Say what is generated: the mask stays at the size of the pixels, (T, 1, H, W)."""

    CATEGORY = "model/latent"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "set_mask"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"samples": ("LATENT",), "mask": ("MASK",)}}

    def set_mask(self, samples: Latent, mask: Tensor) -> tuple[Latent]:
        return ({**samples, "noise_mask": mask.reshape(-1, 1, *mask.shape[-2:])},)


class LatentFromBatch:
    """A stretch of the frames, with their masks."""

    CATEGORY = "model/latent/batch"
    SEARCH_ALIASES = ("select from batch", "pick latent", "batch subset")
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "take"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {
            "required": {
                "samples": ("LATENT",),
                "batch_index": ("INT", {"default": 0, "min": -16384, "max": 16384}),
                "length": ("INT", {"default": 1, "min": 1, "max": 64}),
            }
        }

    def take(self, samples: Latent, batch_index: int, length: int) -> tuple[Latent]:
        latents = samples["samples"]
        start = first_of(batch_index, len(latents))
        chosen = slice(start, min(start + length, len(latents)))
        result = {**samples, "samples": latents[chosen].clone()}
        if "noise_mask" in samples:
            mask = samples["noise_mask"]
            result["noise_mask"] = mask.clone() if len(mask) == 1 else mask[chosen].clone()
        result["batch_index"] = list(samples.get("batch_index", range(len(latents))))[chosen]
        return (result,)


class LatentBatch(io.ComfyNode):
    """Two clips of latents, one after the other; the second takes the size of the first."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentBatch",
            display_name="Batch Latents",
            category="model/latent/batch",
            search_aliases=["combine latents", "merge latents", "join latents"],
            inputs=[io.Latent.Input("samples1"), io.Latent.Input("samples2")],
            outputs=[io.Latent.Output()],
        )

    @classmethod
    def execute(cls, samples1: Latent, samples2: Latent) -> io.NodeOutput:
        first, second = samples1["samples"], samples2["samples"]
        if first.shape[1:] != second.shape[1:]:
            second = resize(second, first.shape[3], first.shape[2], "bilinear", "center")
        result = {**samples1, "samples": torch.cat([first, second])}
        if "noise_mask" in samples1 or "noise_mask" in samples2:
            result["noise_mask"] = torch.cat([_mask_of(samples1, first), _mask_of(samples2, first)])
        counts = (len(samples1["samples"]), len(samples2["samples"]))
        result["batch_index"] = [
            *samples1.get("batch_index", range(counts[0])),
            *samples2.get("batch_index", range(counts[1])),
        ]
        return io.NodeOutput(result)


def _mask_of(samples: Latent, like: Tensor) -> Tensor:
    """A noise mask (T, 1, 8h, 8w) for every frame; latents without one are generated whole."""
    frames = len(samples["samples"])
    height, width = like.shape[2] * 8, like.shape[3] * 8
    mask = samples.get("noise_mask")
    if mask is None:
        return torch.ones(frames, 1, height, width)
    mask = F.interpolate(mask.reshape(-1, 1, *mask.shape[-2:]).float(), size=(height, width), mode="bilinear")
    return mask.expand(frames, -1, -1, -1) if len(mask) == 1 else mask

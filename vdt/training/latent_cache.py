"""Clips encoded once: latents on disk, keyed by the VAE and the clips they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from ..media.files import save_tensors
from ..media.frames import frames_to_pixels
from ..models.autoencoder import AutoencoderKL


def encoder_key(vae: AutoencoderKL) -> str:
    """Short hash of what latents depend on: a decoder trained on, or new metadata in the file, keep them valid."""
    digest = hashlib.sha256(vae.config.to_json().encode())
    for name, value in sorted(vae.state_dict().items()):
        if name.startswith(("encoder.", "quant_conv.")):
            digest.update(name.encode() + value.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.no_grad()
def encode_clips(
    vae: AutoencoderKL,
    versions: Sequence[np.ndarray],
    cache: Path,
    key: str,
    device: torch.device,
    *,
    progress: bool = True,
) -> Tensor:
    """Posterior means of clips as float16 (N,T,C,h,w), raw; read from `cache` when they are there.

    versions are uint8 (n,T,H,W,3) each, one after another; N is their sum.
    """
    path = cache / f"latents-{key}.safetensors"
    if path.exists():
        return load_file(path)["latents"]
    encoded = [
        vae.encode_video(frames_to_pixels(np.ascontiguousarray(clip))[None].to(device), chunk=16)[0].half().cpu()
        for clip in tqdm(
            chain(*versions), total=sum(map(len, versions)), unit="clip", desc="encoding", disable=not progress
        )
    ]
    latents = torch.stack(encoded)
    cache.mkdir(parents=True, exist_ok=True)
    save_tensors({"latents": latents}, path)
    return latents


def fingerprint(clips: np.ndarray) -> str:
    """Short hash of the clips, for cache keys: every 97th byte is enough to tell two sets apart."""
    found = np.ascontiguousarray(clips).reshape(-1)[::97].tobytes() + str(clips.shape).encode()
    return hashlib.sha256(found).hexdigest()[:16]

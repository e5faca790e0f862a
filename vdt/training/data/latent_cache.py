"""Clips encoded once: latents on disk, keyed by the VAE and the clips they come from.

Several processes encode a part each, and all of them read the one file, which the system keeps in memory once.
"""

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

from ... import ranks
from ...media.files import save_tensors
from ...media.frames import frames_to_pixels
from ...models.frame_autoencoder import FrameAutoencoder


def encoder_key(vae: FrameAutoencoder) -> str:
    """Short hash of what latents depend on: a decoder trained on, or new metadata in the file, keep them valid."""
    digest = hashlib.sha256(vae.config.to_json().encode())
    for name, value in sorted(vae.state_dict().items()):
        if name.startswith(("encoder.", "quant_conv.")):
            digest.update(name.encode() + value.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.no_grad()
def encode_clips(
    vae: FrameAutoencoder,
    versions: Sequence[np.ndarray],
    cache: Path,
    key: str,
    device: torch.device,
    *,
    progress: bool = True,
) -> Tensor:
    """Posterior means of clips as float16 (N,T,C,h,w), raw, as they lie in `cache`, where they are put if need be.

    versions are this process's part of the clips, uint8 (n,T,H,W,3) each, one version after another; N counts those of
    all processes and versions.
    """
    path = cache / f"latents-{key}.safetensors"
    who = ranks.current() if ranks.is_joined() else ranks.Ranks()
    if not min(ranks.gather(path.exists())):
        encoded = [
            vae.encode_video(frames_to_pixels(np.ascontiguousarray(clip))[None].to(device), chunk=16)[0].half().cpu()
            for clip in tqdm(
                chain(*versions),
                total=sum(map(len, versions)),
                unit="clip",
                desc="encoding",
                disable=not (progress and who.is_first),
            )
        ]
        cache.mkdir(parents=True, exist_ok=True)
        if who.world == 1:
            save_tensors({"latents": torch.stack(encoded)}, path)
        else:
            _join(encoded, len(versions), path, who)
    return load_file(path)["latents"]


def _join(encoded: list[Tensor], versions: int, path: Path, who: ranks.Ranks) -> None:
    """Put the parts of all processes into one file, in the order in which one process would encode them."""
    count = len(encoded) // versions
    parts = [path.with_name(f"{path.stem}.part{rank}.safetensors") for rank in range(who.world)]
    own = {str(each): torch.stack(encoded[each * count : (each + 1) * count]) for each in range(versions) if count}
    save_tensors(own, parts[who.rank])
    ranks.wait()
    if who.is_first:
        found = [load_file(part) for part in parts]
        ordered = [part[str(each)] for each in range(versions) for part in found if part]
        save_tensors({"latents": torch.cat(ordered)}, path)
        for part in parts:
            part.unlink(missing_ok=True)
    ranks.wait()


def fingerprint(clips: np.ndarray) -> str:
    """Short hash of the clips of all processes, for cache keys: every 97th byte is enough to tell two sets apart."""
    own = [hashlib.sha256(np.ascontiguousarray(clip).reshape(-1)[::97].tobytes()).digest() for clip in clips]
    found = b"".join(chain(*ranks.gather(own))) + str(clips.shape[1:]).encode()
    return hashlib.sha256(found).hexdigest()[:16]

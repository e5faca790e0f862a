"""The only place with ComfyUI's layouts: IMAGE, MASK, LATENT and VIDEO to the library's arrays and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from comfy_api.latest import InputImpl
from torch import Tensor

from ..vdt.inference.rollout import pad_frames
from ..vdt.masks.clip_plan import pick_frames
from ..vdt.masks.pixel import to_cells, to_pixels
from ..vdt.media.audio import read_sound
from ..vdt.media.frames import DEFAULT_FPS, PLACEHOLDER, latent_grid_size
from ..vdt.media.types import Sound
from ..vdt.media.video import probe, read_frames

# IMAGE is float (T, H, W, 3 or 4) in [0, 1], MASK float (T, H, W) with 1 = generate, LATENT a dict with raw samples
# (T, C, h, w) and perhaps a noise_mask. The library has uint8 frames (T, H, W, 3) and bool masks.

CELL = 8  # pixels along the side of a latent cell, where no VAE says otherwise
SIZE_KEY = "vdt_size"  # in a LATENT: height and width of the pictures, where its last cells hang over them
CHUNK = 64  # frames converted at a time, so that no second copy of a long clip is made as floats


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceClip:
    """What a clip is read from: uint8 frames (H, W, 3), one at a time, with their size and rate, and the sound."""

    frames: Iterator[np.ndarray]
    width: int
    height: int
    fps: float
    sound: Sound | None = None  # as long as the clip is to be


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


def soft_mask(mask: Tensor) -> Tensor:
    """MASK, or a noise mask (T, 1, H, W), to float (T, H, W)."""
    if mask.ndim < 2:
        raise ValueError(f"expected a mask (frames, height, width), got {tuple(mask.shape)}")
    return mask.detach().float().cpu().reshape(-1, *mask.shape[-2:])


def hard_mask(mask: Tensor | None) -> Tensor | None:
    """MASK or noise mask to bool (T, H, W), True = generate; grey above one half counts as white."""
    return None if mask is None else soft_mask(mask) > 0.5


def from_mask(mask: Tensor) -> Tensor:
    """bool (T, H, W) to MASK."""
    return mask.float()


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
    """The connected MASK, else the noise mask of the LATENT, as bool (T, H, W); None if there is neither."""
    return hard_mask(latent.get("noise_mask") if mask is None else mask)


def cells_of(latent: dict[str, Any], mask: Tensor | None) -> Tensor:
    """What of a LATENT is generated, bool cells (T, h, w): see `mask_of`; everything where there is no mask.

    A mask of more frames than the LATENT asks for as many.
    """
    frames, _, rows, columns = samples_of(latent).shape
    hard = mask_of(latent, mask)
    if hard is None:
        return torch.ones(frames, rows, columns, dtype=torch.bool)
    return to_cells(hard, (max(frames, len(hard)), rows, columns))


def generated_pixels(mask: Tensor | None, images: Tensor, downscale: int) -> Tensor:
    """What of an IMAGE (T, H, W, 3) is generated, bool (T, H, W): a bool mask of its pixels or cells, None is all."""
    size = (images.shape[0], images.shape[1], images.shape[2])
    return torch.ones(size, dtype=torch.bool) if mask is None else to_pixels(mask, size, downscale=downscale)


def cells_across(pixels: int) -> int:
    """The side of a tile in cells, of one in pixels; the last cell may hang over."""
    return -(-pixels // CELL)


def to_latent(latent: dict[str, Any], samples: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """The LATENT with other samples, and with the connected MASK, if any, as its noise mask."""
    changed = {**latent, "samples": samples}
    if mask is not None:
        changed["noise_mask"] = soft_mask(mask)[:, None]  # (T, 1, H, W)
    return changed


def new_latent(samples: Tensor, size: tuple[int, int], downscale: int) -> dict[str, Any]:
    """LATENT of pictures of that size; it says so where whole cells would not."""
    whole = tuple(side * downscale for side in samples.shape[-2:])
    return {"samples": samples} if whole == size else {"samples": samples, SIZE_KEY: size}


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
    given = torch.zeros(known, *size_of(latent, CELL))
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


def read_source(images: Tensor | None, video: Any, *, length: int, fps: float, start: float) -> SourceClip:
    """The first `length` frames from `start` seconds on of the one of both inputs that is connected.

    A VIDEO is resampled to `fps` unless that is 0; of images it only says how fast they are.
    """
    if (images is None) == (video is None):
        raise ValueError("connect either images or a video, and not both")
    if images is not None:
        return _from_images(rgb(images), rate=fps or DEFAULT_FPS, length=length, fps=0.0, start=start)
    path = _whole_file(video)
    if path is None:
        parts = video.get_components()
        clip = _from_images(rgb(parts.images), rate=float(parts.frame_rate), length=length, fps=fps, start=start)
        return replace(clip, sound=sound_for(parts.audio, length / clip.fps, start=start))
    info = probe(path)
    rate = fps or float(info.fps or DEFAULT_FPS)
    return SourceClip(
        frames=read_frames(path, fps=fps or None, start=start, max_frames=length),
        width=info.width,
        height=info.height,
        fps=rate,
        sound=read_sound(path, start=start, seconds=length / rate),
    )


def from_audio(audio: dict[str, Any] | None) -> Sound | None:
    """AUDIO, waveform (1, channels, n), to a Sound."""
    if audio is None:
        return None
    return Sound(samples=audio["waveform"][0].detach().float().cpu().numpy(), rate=int(audio["sample_rate"]))


def to_audio(sound: Sound | None) -> dict[str, Any] | None:
    """A Sound to AUDIO."""
    return None if sound is None else {"waveform": torch.from_numpy(sound.samples)[None], "sample_rate": sound.rate}


def _whole_file(video: Any) -> str | None:
    """The file of a VIDEO, so that only needed frames are ever in memory; None if it is made or edited in the graph."""
    if not isinstance(video, InputImpl.VideoFromFile) or _is_edited(video):
        return None
    source = video.get_stream_source()
    return source if isinstance(source, str) else None


def _is_edited(video: Any) -> bool:
    """Whether a VIDEO from a file shows less than the file holds: nodes of newer versions of ComfyUI cut and crop it.

    The newest versions answer in public. Those after 0.3.64 and before them only have private fields.
    """
    start, duration = getattr(video, "get_active_trim_window", lambda: (0, 0))()
    pending = getattr(video, "has_pending_frame_edits", lambda: False)()
    hidden = any(getattr(video, f"_VideoFromFile__{name}", None) for name in ("start_time", "duration", "crop"))
    return bool(start or duration or pending or hidden)


def _from_images(images: Tensor, *, rate: float, length: int, fps: float, start: float) -> SourceClip:
    picked = pick_frames(len(images), rate, length=length, fps=fps, start=start)
    return SourceClip(
        frames=(to_frames(images[index])[0] for index in picked),
        width=images.shape[2],
        height=images.shape[1],
        fps=fps or rate,
    )

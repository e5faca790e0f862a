"""Clip in, clip out: encode what is given, generate what is not, decode that, and put the given pixels back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..checkpoints import bundled, load_model, load_vae
from ..diffusion import StepCallback
from ..masks.pixel import ClipMask
from ..media.frames import PLACEHOLDER
from ..media.types import VideoClip
from ..models.frame_autoencoder import FrameAutoencoder
from ..models.transformer import VDT
from ..text import Text
from . import streaming
from .codec import AutoencoderCodec
from .compositing import Compositor
from .prompt import resolve_text
from .rollout import generate_latents
from .settings import CompositingConfig, GenerationConfig, SamplingConfig, WindowConfig

# B clips, T frames; H, W pixels; h, w latent cells; C latent channels.

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, kw_only=True, eq=False)
class GeneratedClip:
    """A finished clip: frames uint8 (T, H, W, 3); mask bool (T, H, W), True = generated; raw latents (T, C, h, w)."""

    frames: np.ndarray
    mask: np.ndarray
    latents: Tensor


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A model with its autoencoder."""

    model: VDT
    vae: FrameAutoencoder

    def __post_init__(self) -> None:
        got, expected = self.vae.config.z_channels, self.model.config.in_channels
        if got != expected:
            raise ValueError(f"the VAE makes latents of {got} channels, the model expects {expected}: use its own VAE")

    @classmethod
    def from_pretrained(
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

    @cached_property
    def codec(self) -> AutoencoderCodec:
        """Frames to raw latents and back."""
        return AutoencoderCodec(self.vae)

    def __call__(
        self,
        clip: VideoClip | np.ndarray,
        mask: Tensor,
        *,
        seed: int = 0,
        sampling: SamplingConfig | None = None,
        windows: WindowConfig | None = None,
        compositing: CompositingConfig | None = None,
        text: Text | str | Sequence[str] | None = None,
        callback: StepCallback | None = None,
    ) -> GeneratedClip:
        """Complete a clip; given pixels come back bit for bit. One longer than the model's is made window by window.

        Args:
            clip: frames uint8 (n, H, W, 3), n <= T, or a clip that `read_video` made; what is to be generated may hold
                anything, and frames after n are generated.
            mask: bool, True = generate: pixels (T, H, W) or latent cells (T, h, w).
            seed: 0 to 2**64 - 1; its noise is the same on every device.
            sampling, windows, compositing: None is the measured defaults.
            text: what happens, as a sentence or as embeddings, for models that read one; see `resolve_text`.
            callback: called after every step of the sampler; what it raises ends the work.

        Raises:
            ValueError: for frames and masks that do not fit each other or the model, and see `sample_latents`.
        """
        (made,) = self.generate_batch(
            [frames_of(clip)],
            mask,
            seeds=[seed],
            sampling=sampling,
            windows=windows,
            compositing=compositing,
            text=text,
            callback=callback,
        )
        return made

    @torch.no_grad()
    def generate_batch(
        self,
        clips: Sequence[np.ndarray],
        mask: Tensor,
        *,
        seeds: Sequence[int],
        sampling: SamplingConfig | None = None,
        windows: WindowConfig | None = None,
        compositing: CompositingConfig | None = None,
        text: Text | str | Sequence[str] | None = None,
        callback: StepCallback | None = None,
    ) -> list[GeneratedClip]:
        """Complete clips of one size under one mask at once, each with a seed of its own; see `__call__`."""
        _check_clips(clips)
        masks = self.resolve_mask(clips[0], mask)
        padded = [_pad(frames, masks.pixels) for frames in clips]
        raw = torch.stack([self._encode_given(frames, masks.cells) for frames in padded])  # (B, T, C, h, w)
        latents = generate_latents(
            self.model,
            raw,
            masks.cells,
            seeds=seeds,
            sampling=sampling,
            windows=windows,
            text=resolve_text(self.model.config, text),
            callback=callback,
        )
        compositor = Compositor(self.codec, compositing)
        return [
            GeneratedClip(
                frames=np.stack(list(compositor.clip(each, frames, masks.pixels))),
                mask=masks.pixels.numpy(),
                latents=each,
            )
            for each, frames in zip(latents, padded, strict=True)
        ]

    def resolve_mask(self, frames: np.ndarray, mask: Tensor) -> ClipMask:
        """The mask of a clip (n, H, W, 3) as pixels and as cells; ValueError where the two do not fit."""
        _check_clips([frames])
        return ClipMask.of(mask, (frames.shape[1], frames.shape[2]), downscale=self.codec.downscale)

    def _encode_given(self, frames: np.ndarray, cells: Tensor) -> Tensor:
        """Raw latents (T, C, h, w) of the frames with a given cell, 0 for the others."""
        given = (~cells).flatten(1).any(1)
        raw = torch.zeros(len(frames), self.codec.channels, *cells.shape[1:])
        if given.any():
            raw[given] = self.codec.encode(frames[given.numpy()]).cpu()
        return raw

    # ---- Clips of any length, frame by frame -------------------------------------------------------------------------

    def extend(
        self,
        clip: VideoClip | Iterable[np.ndarray],
        *,
        after: int = 0,
        before: int = 0,
        config: GenerationConfig | None = None,
    ) -> Iterator[np.ndarray]:
        """All frames of a clip with new ones around them; see `extend_frames`."""
        return streaming.extend_frames(self, frames_of(clip), after=after, before=before, config=config)

    def connect(
        self,
        first: VideoClip | Iterable[np.ndarray],
        second: VideoClip | Iterable[np.ndarray],
        *,
        between: int,
        config: GenerationConfig | None = None,
    ) -> Iterator[np.ndarray]:
        """Two clips with new frames that lead from one to the other; see `connect_frames`."""
        return streaming.connect_frames(self, frames_of(first), frames_of(second), between=between, config=config)

    def loop(
        self,
        clip: VideoClip | Iterable[np.ndarray],
        *,
        between: int,
        config: GenerationConfig | None = None,
    ) -> Iterator[np.ndarray]:
        """A clip with new frames that lead from its end to its beginning; see `loop_frames`."""
        return streaming.loop_frames(self, frames_of(clip), between=between, config=config)

    def slow_motion(
        self, clip: VideoClip | Iterable[np.ndarray], *, every: int = 2, config: GenerationConfig | None = None
    ) -> Iterator[np.ndarray]:
        """A clip with every - 1 new frames between each two; see `slow_frames`."""
        return streaming.slow_frames(self, frames_of(clip), every=every, config=config)


def frames_of(clip: VideoClip | np.ndarray | Iterable[np.ndarray]) -> np.ndarray:
    """The frames of a clip, whatever carries them."""
    return clip.frames if isinstance(clip, VideoClip) else clip  # type: ignore[return-value]


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


def _check_clips(clips: Sequence[np.ndarray]) -> None:
    """Refuse what are not clips of one size."""
    for frames in clips:
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
            raise ValueError(f"expected frames uint8 (n, H, W, 3), got {frames.dtype} {frames.shape}")
    sizes = sorted({f"{frames.shape[2]}x{frames.shape[1]}" for frames in clips})
    if len(sizes) != 1:
        raise ValueError(f"got clips of {', '.join(sizes) or 'no size'}, expected one size: resize them first")


def _pad(frames: np.ndarray, mask: Tensor) -> np.ndarray:
    """A copy (T, H, W, 3) with grey frames where `frames` has none; those must be generated whole."""
    missing = len(mask) - len(frames)
    if missing < 0:
        raise ValueError(f"got {len(frames)} frames for a mask of {len(mask)}: cut the clip or use a longer mask")
    if not bool(mask[len(frames) :].all()):
        raise ValueError(f"the mask of {len(mask)} frames gives frames beyond the {len(frames)} there are: add frames")
    return np.concatenate([frames, np.full((missing, *frames.shape[1:]), PLACEHOLDER, np.uint8)])

"""From a recipe to its objective: the model to begin with, and the clips that it learns from."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import ranks
from ..bounds import MAX_FRAMES
from ..checkpoints import Kind, bundled, describe, graft_dit, is_dit, load_model, load_vae
from ..config import VDTConfig
from ..diffusion import scale_latents
from ..inference.memory import check_memory
from ..media.frames import frames_to_pixels
from ..models.build import build_autoencoder
from ..models.frame_autoencoder import FrameAutoencoder
from ..models.initialisation import uniform_convolutions, without_memory
from ..models.transformer import VDT
from ..text import ENCODERS
from ..visualize.latent_preview import PreviewProjection, fit_preview
from .data.captions import config_with_encoder
from .data.latent_cache import encode_clips, encoder_key, fingerprint
from .data.latents import LatentClips, LatentSet
from .data.scene_stream import SceneStream, StreamedClips, every_caption
from .data.sources import NUM_SHOWN, Clips, read_clips, read_pictures, shown_clips
from .distill import DistillObjective
from .objectives import Objective, VDTObjective
from .own_history import HistoryObjective
from .recipe import BUNDLED, BUNDLED_FAST, BucketRecipe, Recipe, VAERecipe, VDTRecipe
from .vae_objective import VAECopyObjective, VAEObjective

STATE_COPIES = 5  # of the weights in memory: themselves, their average, their gradients and two moments


def build_objective(recipe: Recipe, path: Path, folder: Path, device: str, *, progress: bool) -> Objective:
    """The objective of the recipe at `path`, its model on the device and in training mode; latents lie in `folder`."""
    objective = (
        _vae_objective(recipe, path, device)
        if isinstance(recipe, VAERecipe)
        else _vdt_objective(recipe, path, folder, device, progress=progress)
    )
    objective.module.to(device).train()
    return objective


# ---- Models ----------------------------------------------------------------------------------------------------------


def _vae_objective(recipe: VAERecipe, path: Path, device: str) -> VAEObjective:
    if recipe.init:
        module = load_vae(_start(recipe.init, "vae", path))
    else:
        _check_module(lambda: build_autoencoder(recipe.model))
        module = build_autoencoder(recipe.model)
        uniform_convolutions(module, torch.Generator().manual_seed(recipe.run.seed))
    if recipe.decoder_only:
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(name.startswith(("decoder.", "post_quant_conv.")))
    bucket = recipe.data.shapes[0]
    if ranks.is_joined() and recipe.data.source == "scenes":
        read_clips(recipe.data, bucket, path, ranks.current())  # each renders its part into the cache
        ranks.wait()
    clips = read_clips(recipe.data, bucket, path, ranks.Ranks())
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack it
    shown = shown_clips(recipe.data, clips, bucket)
    if not recipe.teacher:
        return VAEObjective(module, clips.frames, recipe, shown)
    teacher = load_vae(_start(recipe.teacher, "vae", path), device=device)
    return VAECopyObjective(module, teacher, clips.frames, recipe, shown)


def _vdt_objective(recipe: VDTRecipe, path: Path, folder: Path, device: str, *, progress: bool) -> VDTObjective:
    _check_distillation(recipe, path)
    config_with_encoder(recipe.model, recipe.text.encoder)
    if not recipe.init:
        _check_module(lambda: VDT(recipe.model))
    vae = load_vae(vae_file(recipe, path), device=device).requires_grad_(False)
    if recipe.data.fresh:
        module, clips = _streamed(recipe, path, vae, device)
    else:
        module, clips = _cached(recipe, path, folder, vae, device, progress=progress)
    if recipe.history.share:
        return HistoryObjective(module, clips, recipe)
    if not recipe.distill.steps:
        return VDTObjective(module, clips, recipe)
    return DistillObjective(module, copy.deepcopy(module).to(device), clips, recipe)


def _cached(
    recipe: VDTRecipe, path: Path, folder: Path, vae: FrameAutoencoder, device: str, *, progress: bool
) -> tuple[VDT, LatentClips]:
    """The model, and clips that are encoded before it trains."""
    encode = _Encoder(recipe, path, vae, folder, device, progress=progress)
    sets = [encode.clips(bucket) for bucket in recipe.data.shapes]
    module = _vdt_module(recipe, path, sets[0].latents)
    shown = shown_clips(recipe.data, encode.first, recipe.data.shapes[0])
    clips = LatentClips(
        latents=sets[0].latents,
        captions=sets[0].captions,
        windows=sets[0].windows,
        weight=sets[0].weight,
        others=tuple(sets[1:]),
        images=encode.pictures(recipe.data.shapes[0]) if recipe.images.folder else None,
        vae=vae,
        shown=_seen(shown, recipe, module),
        preview=_preview(encode.first, sets[0].latents, module),
        diffusion=module.config.diffusion,
    )
    return module, clips


def _streamed(recipe: VDTRecipe, path: Path, vae: FrameAutoencoder, device: str) -> tuple[VDT, LatentClips]:
    """The model, and clips that come while it trains."""
    if ranks.current().world > 1 or recipe.images.folder:
        raise ValueError(f"{path}: data.fresh is for one process, without images.folder: set fresh = 0")
    texts = _frames_with_text(recipe, path)
    per_set = recipe.data.fresh * recipe.optim.batch
    stream = SceneStream(recipe.data, vae, torch.device(device), per_set=per_set, texts=texts)
    shown = stream.validation(NUM_SHOWN)
    latents = stream.first()
    module = _vdt_module(recipe, path, latents)
    pixels, own = frames_to_pixels(shown.flatten(0, 1).cpu().numpy()), stream.encode(shown)
    preview = fit_preview(scale_latents(own.float().cpu(), module.config.diffusion).flatten(0, 1), pixels)
    clips = StreamedClips(
        stream=stream,
        latents=latents,
        captions=every_caption() if texts else (),
        windows=stream.windows,
        vae=vae,
        shown=_seen(shown.cpu().numpy(), recipe, module),
        preview=preview,
        diffusion=module.config.diffusion,
    )
    return module, clips


def _frames_with_text(recipe: VDTRecipe, path: Path) -> int:
    """How many frames a model that learns from captions sees at once; 0 if it learns from none."""
    if not recipe.text.encoder:
        return 0
    if recipe.data.buckets:
        return MAX_FRAMES  # all of a bucket's
    start = _start(recipe.init, "vdt", path) if recipe.init else None
    config = None if start is None or is_dit(start) else describe(start).config
    return config.num_frames if isinstance(config, VDTConfig) else recipe.model.num_frames


def _seen(clips: np.ndarray, recipe: VDTRecipe, module: VDT) -> np.ndarray:
    """Of clips (N, T, H, W, 3) the frames that the model sees at once."""
    return clips[:, : 1 if recipe.mode == "spatial" else module.config.num_frames]


def _check_module(build: Callable[[], torch.nn.Module]) -> None:
    """Refuse a network that does not fit the memory before any of it is made."""
    with without_memory():
        check_memory(STATE_COPIES * sum(value.numel() * value.element_size() for value in build().parameters()))


def _check_distillation(recipe: VDTRecipe, path: Path) -> None:
    """Refuse what cannot be distilled before clips are rendered and encoded for it."""
    if not recipe.distill.steps:
        return
    if not recipe.init:
        raise ValueError(f'{path} distils without a teacher: name its file with init, or init = "{BUNDLED}"')
    config = describe(_start(recipe.init, "vdt", path)).config
    if isinstance(config, VDTConfig) and config.text and config.text.encoder in ENCODERS and not recipe.text.encoder:
        raise ValueError(
            f"{path} distils a model that reads text, without captions, so that its student would not read it: add a "
            f'table [text] with encoder = "{config.text.encoder}"'
        )


def _vdt_module(recipe: VDTRecipe, path: Path, latents: Tensor) -> VDT:
    """A fresh model that knows the scale of these latents, or the one to start from, with its own scale or theirs."""
    generator = torch.Generator().manual_seed(recipe.run.seed)
    wanted = config_with_encoder(recipe.model, recipe.text.encoder)
    if not recipe.init:
        return VDT(_scaled_to(wanted, latents), generator)
    start = _start(recipe.init, "vdt", path)
    if is_dit(start):
        return graft_dit(start, _scaled_to(wanted, latents) if recipe.rescale else wanted, generator)
    module = load_model(start)
    if recipe.text.encoder:
        module = _with_text(module, wanted, generator)
    return _like(module, _scaled_to(module.config, latents)) if recipe.rescale else module


def _with_text(module: VDT, wanted: VDTConfig, generator: torch.Generator) -> VDT:
    """The model with its text's encoder named, or with new cross-attention to a text, which begins by reading none."""
    texts = tuple(spec for spec in wanted.conditioning if getattr(spec, "source", "") == "text")
    others = tuple(spec for spec in module.config.conditioning if getattr(spec, "source", "") != "text")
    return _like(module, dataclasses.replace(module.config, conditioning=(*others, *texts)), generator)


def _like(module: VDT, config: VDTConfig, generator: torch.Generator | None = None) -> VDT:
    """A model of that configuration with the weights of another; what that lacks is drawn."""
    other = VDT(config, generator)
    other.load_state_dict({**other.state_dict(), **module.state_dict()})
    return other


def vae_file(recipe: VDTRecipe, path: Path) -> Path:
    """The VAE of the recipe at `path`."""
    if recipe.vae in ("", BUNDLED_FAST):
        return bundled("vae-fast" if recipe.vae else "vae")
    return path.parent / recipe.vae


def _start(init: str, kind: Kind, path: Path) -> Path:
    """The file that a recipe starts from."""
    return bundled(kind) if init == BUNDLED else path.parent / init


def _scaled_to(config: VDTConfig, latents: Tensor) -> VDTConfig:
    """The configuration with a scale and shift that give each latent channel mean 0 and deviation 1."""
    sample = latents[:: max(1, len(latents) // 512)].float()
    shift = tuple(round(value, 4) for value in sample.mean((0, 1, 3, 4)).tolist())
    scale = tuple(round(1 / max(value, 1e-4), 4) for value in sample.std((0, 1, 3, 4)).tolist())
    return dataclasses.replace(
        config, diffusion=dataclasses.replace(config.diffusion, latent_scale=scale, latent_shift=shift)
    )


# ---- Clips -----------------------------------------------------------------------------------------------------------


class _Encoder:
    """Reads the clips of a recipe, in this process's part, and encodes them into the cache."""

    def __init__(
        self, recipe: VDTRecipe, path: Path, vae: FrameAutoencoder, folder: Path, device: str, *, progress: bool
    ) -> None:
        self.recipe, self.path, self.vae, self.folder = recipe, path, vae, folder
        self.device, self.progress = torch.device(device), progress
        self.texts = _frames_with_text(recipe, path)
        self.key = encoder_key(vae)
        self._first: Clips | None = None

    @property
    def first(self) -> Clips:
        """The clips of the first length and shape."""
        assert self._first is not None
        return self._first

    def clips(self, bucket: BucketRecipe) -> LatentSet:
        """Latents and captions of the clips of one length and shape, their mirror images after them."""
        clips = read_clips(self.recipe.data, bucket, self.path, ranks.current(), texts=self.texts)
        self._first = self._first or clips
        return self._encoded(clips, weight=bucket.weight)

    def pictures(self, bucket: BucketRecipe) -> LatentSet:
        """The pictures of a folder."""
        folder, count = self.path.parent / self.recipe.images.folder, self.recipe.data.clips
        return self._encoded(read_pictures(folder, count, bucket, ranks.current(), texts=self.texts))

    def _encoded(self, clips: Clips, *, weight: float = 1.0) -> LatentSet:
        frames = clips.frames
        flip = self.recipe.data.flip
        versions = [frames, frames[:, :, :, ::-1]] if flip else [frames]  # views: the clips may fill the memory
        key = f"{self.key}-{fingerprint(frames)}-{len(versions)}"
        latents = encode_clips(self.vae, versions, self.folder, key, self.device, progress=self.progress)
        said = [clips.captions, clips.mirrored] if flip else [clips.captions]
        captions: list[Any] = [caption for version in said for part in ranks.gather(version) for caption in part]
        return LatentSet(latents=latents, captions=captions, windows=clips.windows, weight=weight)


def _preview(clips: Clips, latents: Tensor, module: VDT) -> PreviewProjection:
    """A linear fit from latents to colours, on enough frames of this process's clips."""
    count = len(clips.frames)
    chosen = np.arange(0, count, max(1, count // 256))
    pixels = torch.cat([frames_to_pixels(clips.frames[index, ::4]) for index in chosen])
    own = scale_latents(latents[clips.start + chosen, ::4].float(), module.config.diffusion)
    return fit_preview(own.flatten(0, 1), pixels)

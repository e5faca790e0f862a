"""From a recipe to a trained file: `vdt train RECIPE.toml`."""

from __future__ import annotations

import copy
import dataclasses
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..checkpoints import Kind, bundled, load_model, load_vae, save_model, save_vae
from ..config import VDTConfig
from ..diffusion import scale_latents
from ..media.frames import frames_to_pixels
from ..media.video_folder import folder_clips
from ..models.autoencoder import AutoencoderKL
from ..models.transformer import VDT
from ..physics.scenes import scene_clips
from ..visualize.latent_preview import PREVIEW_KEY, fit_preview
from .distill import DistillObjective
from .latent_cache import encode_clips, encoder_key, fingerprint
from .loop import CHECKPOINT, Loop, new_state
from .objectives import LatentClips, Objective, VDTObjective
from .recipe import BUNDLED, DataRecipe, Recipe, VAERecipe, VDTRecipe, read_recipe
from .state import recipe_json
from .vae_objective import VAEObjective


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """Where a run left its files."""

    folder: Path
    weight: Path
    step: int
    finished: bool


def train_from_recipe(
    path: str | Path,
    *,
    output: Path | None = None,
    device: str = "cpu",
    resume: bool = True,
    changed: bool = False,
    progress: bool = True,
) -> TrainResult:
    """Train what a recipe describes, from where an earlier run of it stopped unless `resume` is off.

    Everything is written to `output` (default runs/<recipe name>): state.safetensors to resume from, contact sheets,
    TensorBoard scalars, and the averaged weights as <recipe name>.safetensors. A checkpoint of another recipe is
    refused unless only `steps` or [run] differ, or `changed` is on. ValueError for a bad recipe or state, and for a
    run that diverges, whose last good checkpoint is kept.
    """
    path = Path(path)
    recipe = read_recipe(path)
    folder = output or Path("runs") / path.stem
    objective = (
        _vae_objective(recipe, path)
        if isinstance(recipe, VAERecipe)
        else _vdt_objective(recipe, path, folder, device, progress)
    )
    objective.module.to(device).train()
    state = new_state(objective.module, recipe.optim, recipe.run.seed)
    if resume and (folder / CHECKPOINT).exists():
        state.load(folder / CHECKPOINT, recipe_json(recipe), changed=changed)
    if recipe.optim.compile:
        objective.module.compile()
    loop = Loop(objective, state, recipe.optim, recipe.run, folder, recipe_json(recipe))
    finished = loop.run(progress=progress)
    weight = folder / f"{path.stem}.safetensors"
    _export(objective, state.ema.state_dict(), weight, recipe, state.step)
    return TrainResult(folder=folder, weight=weight, step=state.step, finished=finished)


def _vae_objective(recipe: VAERecipe, path: Path) -> VAEObjective:
    if recipe.init:
        module = load_vae(_start(recipe.init, "vae", path))
    else:
        module = AutoencoderKL(recipe.model)
        initialise(module, torch.Generator().manual_seed(recipe.run.seed))
    if recipe.decoder_only:
        module.encoder.requires_grad_(False)
        module.quant_conv.requires_grad_(False)
    clips = _clips(recipe.data, path)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack it
    return VAEObjective(module, clips, recipe, _shown(recipe.data, clips))


def _vdt_objective(recipe: VDTRecipe, path: Path, folder: Path, device: str, progress: bool) -> VDTObjective:
    _check_distillation(recipe, path)
    vae = load_vae(path.parent / recipe.vae if recipe.vae else bundled("vae"), device=device)
    clips = _clips(recipe.data, path)
    shown = _shown(recipe.data, clips)
    versions = [clips, clips[:, :, :, ::-1]] if recipe.data.flip else [clips]  # views: the clips may fill the memory
    key = f"{encoder_key(vae)}-{fingerprint(clips)}-{len(versions)}"
    latents = encode_clips(vae, versions, folder, key, torch.device(device), progress=progress)
    module = _vdt_module(recipe, path, latents)
    scaled = scale_latents(latents.float(), module.config.diffusion).half()
    sample = slice(0, len(clips), max(1, len(clips) // 256))  # enough frames for a linear fit
    pixels = torch.cat([frames_to_pixels(clip[::4]) for clip in clips[sample]])
    preview = fit_preview(scaled[sample, ::4].flatten(0, 1).float(), pixels)
    latent_clips = LatentClips(latents=scaled, vae=vae, shown=shown[:, : module.config.num_frames], preview=preview)
    if not recipe.distill.steps:
        return VDTObjective(module, latent_clips, recipe)
    return DistillObjective(module, copy.deepcopy(module).to(device), latent_clips, recipe)


def _check_distillation(recipe: VDTRecipe, path: Path) -> None:
    """Refuse what cannot be distilled before clips are rendered and encoded for it."""
    if not recipe.distill.steps:
        return
    if recipe.distill.steps < 0:
        raise ValueError(f"{path} distils into {recipe.distill.steps} steps: expected 1 or more")
    if not recipe.init:
        raise ValueError(f'{path} distils without a teacher: name its file with init, or init = "{BUNDLED}"')


def _vdt_module(recipe: VDTRecipe, path: Path, latents: torch.Tensor) -> VDT:
    """A fresh model that knows the scale of these latents, or the one to start from, with its own scale or theirs."""
    if not recipe.init:
        return VDT(_scaled_to(recipe.model, latents), torch.Generator().manual_seed(recipe.run.seed))
    module = load_model(_start(recipe.init, "vdt", path))
    if not recipe.rescale:
        return module
    rescaled = VDT(_scaled_to(module.config, latents))
    rescaled.load_state_dict(module.state_dict())
    return rescaled


def _start(init: str, kind: Kind, path: Path) -> Path:
    """The file that a recipe starts from."""
    return bundled(kind) if init == BUNDLED else path.parent / init


def _scaled_to(config: VDTConfig, latents: torch.Tensor) -> VDTConfig:
    """The configuration with a scale and shift that give each latent channel mean 0 and deviation 1."""
    sample = latents[:: max(1, len(latents) // 512)].float()
    shift = tuple(round(value, 4) for value in sample.mean((0, 1, 3, 4)).tolist())
    scale = tuple(round(1 / max(value, 1e-4), 4) for value in sample.std((0, 1, 3, 4)).tolist())
    return dataclasses.replace(
        config, diffusion=dataclasses.replace(config.diffusion, latent_scale=scale, latent_shift=shift)
    )


def _clips(data: DataRecipe, path: Path) -> np.ndarray:
    if data.source == "scenes":
        return scene_clips(data.split, data.clips, size=data.size, num_frames=data.num_frames)
    folder = path.parent / data.folder
    return folder_clips(folder, data.clips, size=data.size, num_frames=data.num_frames, fps=data.fps)


def _shown(data: DataRecipe, clips: np.ndarray) -> np.ndarray:
    """Clips for the contact sheets: scenes of the validation split; a folder has no other than its own."""
    if data.source == "scenes":
        return scene_clips("val", 8, size=data.size, num_frames=data.num_frames)
    return clips[:8]


def initialise(module: torch.nn.Module, generator: torch.Generator) -> None:
    """Redraw every convolution's weights from a generator, as PyTorch's default would."""
    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d):
            bound = (layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]) ** -0.5
            torch.nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            if layer.bias is not None:
                torch.nn.init.zeros_(layer.bias)


def _export(objective: Objective, weights: dict[str, torch.Tensor], path: Path, recipe: Recipe, step: int) -> None:
    metadata = {"recipe": recipe_json(recipe), "step": str(step), "seed": str(recipe.run.seed), "commit": _commit()}
    halves = {name: value.half() for name, value in weights.items()}
    if isinstance(objective, VAEObjective):
        save_vae(halves, objective.module.config, path, metadata)
    elif isinstance(objective, VDTObjective):
        save_model(halves, objective.module.config, path, {**metadata, PREVIEW_KEY: objective.clips.preview.to_json()})


def _commit() -> str:
    try:
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"

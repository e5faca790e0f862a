"""One run of a grid from its recipe to its record: trained within the budget, then measured on held-out clips."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..checkpoints import load_model, load_vae
from ..diffusion import Schedule, make_given, masked_hybrid_loss, scale_latents, stratified_timesteps
from ..inference.pipeline import Pipeline
from ..masks.sampling import sample_task_masks
from ..media.files import write_text
from ..media.frames import frames_to_pixels
from ..models.cost import count_cost
from ..models.transformer import VDT
from ..physics.evaluate import evaluate_scenes
from ..physics.scenes import load_clips
from ..training import TrainResult, train_from_recipe
from ..training.build import vae_file
from ..training.recipe import VDTRecipe, read_recipe
from ..training.train import current_commit
from .grid import FIRST, METRICS, Grid, Run, write_run_recipe
from .records import RECORD, RunRecord

MEASURED_SEED = 20_260  # of masks, timesteps and noise on which every run is measured


def run_and_measure(path: Path, grid: Grid, run: Run, folder: Path, device: str) -> RunRecord:
    """Train a run from where it stopped, measure it, and keep the record; ValueError for a bad recipe.

    Raises KeyboardInterrupt if a signal stopped the training: its checkpoint goes on next time.
    """
    own = folder / run.name
    stages = [_train(path, grid, run, own, folder / "latents", device, first=True)] if run.variant.first else []
    stages.append(_train(path, grid, run, own, folder / "latents", device))
    recipe_path, recipe, trained = stages[-1]
    model = load_model(trained.weight, device)
    vae = load_vae(vae_file(recipe, recipe_path), device)
    clips = load_clips("val", grid.count, size=recipe.data.size, num_frames=model.config.num_frames)
    report = evaluate_scenes(Pipeline(model, vae), clips)
    metrics = report.values["families"]["all"]["model"]
    cost = count_cost(model.config)
    record = RunRecord(
        name=run.variant.name,
        group=run.variant.group,
        seed=run.seed,
        parameters=cost.parameters,
        gflops=cost.flops / 1e9,
        steps=sum(stage.result.step for stage in stages),
        clips=sum(stage.result.step * stage.recipe.optim.batch for stage in stages),
        seconds=sum(stage.result.seconds for stage in stages),
        v_error=held_out_error(model, encode(vae, [clip.frames for clip in clips], device)),
        metrics={key: metrics[key] for name in METRICS[1:] for key in (name, f"{name}_ci")},
        commit=current_commit(),
        machine=f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, {device}",
    )
    write_text(record.to_json() + "\n", own / RECORD)
    return record


class _Stage(NamedTuple):
    """One training of a run."""

    path: Path
    recipe: VDTRecipe
    result: TrainResult


def _train(path: Path, grid: Grid, run: Run, own: Path, cache: Path, device: str, *, first: bool = False) -> _Stage:
    """Train a run, or its first stage in a folder of its own; clips are encoded once for the whole grid.

    Raises KeyboardInterrupt if a signal stopped it.
    """
    output = own / FIRST if first else own
    recipe_path = write_run_recipe(grid, path, run, output, first=first)
    recipe = read_recipe(recipe_path)
    if not isinstance(recipe, VDTRecipe):
        raise ValueError(f"{grid.recipe} trains a VAE: a grid compares VDTs")
    minutes = grid.minutes * run.share(first=first) or None
    result = train_from_recipe(recipe_path, output=output, device=device, minutes=minutes, cache=cache)
    if not result.finished:
        raise KeyboardInterrupt
    return _Stage(recipe_path, recipe, result)


@torch.no_grad()
def held_out_error(model: VDT, raw: torch.Tensor, *, batch: int = 16) -> float:
    """Mean squared error of the prediction on raw latents (N, T, C, h, w), over the default mix of tasks.

    Masks, timesteps and noise are the same for every model. Values of models that predict other things, v or epsilon,
    are not to be compared.
    """
    generator = torch.Generator().manual_seed(MEASURED_SEED)
    count, frames, _, rows, columns = raw.shape
    x0 = scale_latents(raw.float(), model.config.diffusion)
    schedule = Schedule.from_config(model.config.diffusion)
    masks = sample_task_masks(count, frames, rows, columns, generator)
    t = stratified_timesteps(count, schedule.num_steps, generator)
    noise = torch.randn(raw.shape, generator=generator).to(raw.device)
    total = 0.0
    for start in range(0, count, batch):
        part = slice(start, start + batch)
        given = make_given(model.config.conditioning, x0[part], masks[part].to(raw.device))
        total += float(masked_hybrid_loss(model, x0[part], given, t[part], noise[part], schedule).mse.sum())
    return total / count


def encode(vae: Any, clips: list[np.ndarray], device: str) -> torch.Tensor:
    """Raw latents (N, T, C, h, w) of clips of one size."""
    with torch.no_grad():
        return torch.cat([vae.encode_video(frames_to_pixels(clip)[None].to(device)) for clip in clips])

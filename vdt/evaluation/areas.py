"""Parts of frames: what the model paints into them, beside pixels that simply run on from what is around."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray

from ..edges import spread
from ..sheet import Row, contact_sheet
from .compare import seam
from .evaluate import starts
from .metrics import VISIBLE_SHARE, decibels
from .networks import Frames, Sampling, model_frames, network_frames
from .plots import LABELS
from .readout import track
from .statistics import bootstrap_mean, with_bounds, with_interval

if TYPE_CHECKING:
    from ..autoencoder import AutoencoderKL
    from ..data.scenes import SceneClip
    from ..model import VDT

# T frames, H x W pixels; areas bool (T, H, W), True = generated.

Area = NDArray[np.bool_]
Size = tuple[int, int, int]  # T, H, W
SCORES = ("psnr", "seam", "centroid_px", "present")  # one number per clip, averaged over clips
ENDS = 2  # frames given whole at both ends
SHOWN = 3  # clips of each area on the sheet


def _rectangle(size: Size, rows: tuple[int, int], columns: tuple[int, int], *, ends: int = 0) -> Area:
    """A rectangle, in eighths of height and width, in all frames but the first and last `ends`."""
    area = np.zeros(size, bool)
    top, bottom = (size[1] * row // 8 for row in rows)
    left, right = (size[2] * column // 8 for column in columns)
    area[ends : size[0] - ends, top:bottom, left:right] = True
    return area


AREAS: Mapping[str, Callable[[Size], Area]] = {
    "the middle quarter": lambda size: _rectangle(size, (2, 6), (2, 6)),
    f"the middle quarter, {ENDS} frames given at both ends": lambda size: _rectangle(size, (2, 6), (2, 6), ends=ENDS),
    "the right half": lambda size: _rectangle(size, (0, 8), (4, 8)),
    "around the picture": lambda size: ~_rectangle(size, (1, 7), (1, 7)),
}


def evaluate_areas(
    model: VDT,
    vae: AutoencoderKL,
    clips: Sequence[SceneClip],
    folder: Path,
    sampling: Sampling,
    *,
    batch_size: int = 8,
    progress: bool = False,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Paint every one of AREAS in all clips, write a sheet for each to `folder`; area -> method -> record.

    The model sees a clip whose area is filled from around it, so that nothing of the truth leaks through the cells
    beside it. A record has PSNR of the generated pixels, the mean step across their edge (`seam`, 8-bit levels), and
    the error and presence of the ball in frames where it truly is inside; 95 % intervals over clips.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for number, (name, make) in enumerate(AREAS.items()):
        area = make(clips[0].frames.shape[:3])
        scores: dict[str, list[dict[str, float]]] = defaultdict(list)
        rows: list[Row] = []
        for start in starts(len(clips), batch_size, progress):
            batch = clips[start : start + batch_size]
            for index, made in enumerate(_versions(model, vae, [clip.frames for clip in batch], area, sampling, start)):
                for method, frames in made.items():
                    scores[method].append(_score(frames, batch[index], area))
                rows += _rows(made) if start + index < SHOWN else []
        found[name] = {method: _record(of_method, sampling.seed) for method, of_method in scores.items()}
        contact_sheet(rows, folder / f"area_{number + 1}.png")
    return found


def areas_table(areas: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Markdown: one row per area and method."""
    lines = [
        "| generated | method | PSNR there, dB (95 %) | step across its edge | ball inside, px (95 %) | present |",
        "|---|---|---|---|---|---|",
    ]
    for name, methods in areas.items():
        for method, record in methods.items():
            decibels = "-" if method == "truth" else with_bounds(record["psnr"], record["psnr_ci"])
            ball = "- | -"
            if record["centroid_px"] is not None:
                ball = f"{with_bounds(record['centroid_px'], record['centroid_px_ci'])} | {record['present']:.1%}"
            lines.append(f"| {name} | {LABELS[method]} | {decibels} | {record['seam']:.1f} | {ball} |")
    return "\n".join([*lines, ""])


def run_on(frames: Frames, area: Area) -> Frames:
    """The frames (T, H, W, 3) with the area filled smoothly from the pixels around it; grey where none are."""
    pixels = rearrange(torch.from_numpy(frames).float() - 128, "t h w c -> t c h w")
    given = torch.from_numpy(~area)[:, None].float()
    filled = rearrange(spread(pixels, given) + 128, "t c h w -> t h w c").round().clamp(0, 255).numpy()
    return np.where(area[..., None], filled.astype(np.uint8), frames)


def _versions(
    model: VDT, vae: AutoencoderKL, clips: Sequence[Frames], area: Area, sampling: Sampling, start: int
) -> list[dict[str, Frames]]:
    """Of every clip what each method makes of it."""
    hidden = [run_on(clip, area) for clip in clips]
    made = model_frames(model, vae, hidden, ~area, sampling, start=start)
    floor = network_frames(None, vae, clips, ~area, sampling)["vae"]
    names = ("model", "vae", "run_on", "truth")
    return [dict(zip(names, each, strict=True)) for each in zip(made, floor, hidden, clips, strict=True)]


def _score(frames: Frames, clip: SceneClip, area: Area) -> dict[str, float]:
    squared = ((frames[area].astype(np.float64) - clip.frames[area]) ** 2).mean()
    ball, inside = track(frames, clip.colours[0], clip.radius), _inside(clip, area)
    error = np.linalg.norm(ball.centres - clip.centres[0], axis=-1)
    step = seam(frames, area)
    assert step is not None, "an area has an edge"
    return {
        "psnr": float(decibels(squared)),
        "seam": step,
        "centroid_px": float(error[inside].mean()) if inside.any() else float("nan"),
        "present": float(ball.present[inside].mean()) if inside.any() else float("nan"),
    }


def _inside(clip: SceneClip, area: Area) -> NDArray[np.bool_]:
    """In which frames the ball's centre is visible and in the area, (T,)."""
    places = clip.centres[0, :, ::-1].round().astype(int)  # (T, 2) as row, column
    last = np.array(area.shape[1:]) - 1
    within = ((places >= 0) & (places <= last)).all(1) & (clip.visible[0] >= VISIBLE_SHARE)
    row, column = places.clip(0, last).T
    return within & area[np.arange(len(area)), row, column]


def _record(scores: Sequence[dict[str, float]], seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)  # the same resampled clips for every method
    record: dict[str, Any] = {"clips": len(scores)}
    for name in SCORES:
        record |= with_interval(name, bootstrap_mean([score[name] for score in scores], rng))
    return record


def _rows(made: dict[str, Frames]) -> list[Row]:
    labels = {"truth": "truth", "run_on": "given,\nrun on", "model": "VDT"}
    return [Row(label=label, frames=made[method]) for method, label in labels.items()]

"""A result compared with the truth: quality per frame, given pixels, seams and flicker, as numbers, text and sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..visualize.contact_sheet import Row, contact_sheet
from .metrics import colour_drift, frame_steps, psnr, seam_jump, ssim
from .records import Floats, Frames, Mask

# T frames, H x W pixels; masks bool (T, H, W), True = generated. Differences are in 8-bit levels, 0 to 255.

SHEET_COLUMNS = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Metrics of one result; `generated` (T,) says which frames have any generated pixel.

    given_error is the largest difference of a given pixel, None without a mask or given pixels. seam is the mean step
    between a given and a neighbouring generated pixel, in space and time. flicker is the mean second difference over
    time of generated pixels. step is the median step in time between frames that are both given or both generated in
    part. Each is None where there are no such pixels or frames, and has the value of the truth to compare it with.
    """

    generated: Mask
    psnr: Floats  # (T,) dB
    ssim: Floats | None  # (T,); None for frames smaller than its window
    given_error: int | None
    steps: Floats  # (T - 1,), see `frame_steps`
    steps_truth: Floats
    seam: float | None
    seam_truth: float | None
    step: float | None
    step_truth: float | None
    flicker: float | None
    flicker_truth: float | None
    drift: float | None  # see `colour_drift`


def compare(truth: Frames, result: Frames, mask: Mask | None = None) -> Comparison:
    """Compare frames (T, H, W, 3); without a mask all of them count as generated.

    Raises ValueError, naming both shapes, unless all are of one length and size.
    """
    if truth.shape != result.shape:
        raise ValueError(
            f"the truth is {_shown(truth)}, the result {_shown(result)}: compare clips of one length and size"
        )
    if mask is not None and mask.shape != truth.shape[:3]:
        raise ValueError(f"the mask is {_shown(mask)}, the clips {_shown(truth)}: use the mask of this result")
    pixels = np.ones(truth.shape[:3], bool) if mask is None else mask
    given = np.abs(truth.astype(np.int16) - result)[~pixels]
    generated = np.asarray(pixels.any((1, 2)))
    return Comparison(
        generated=generated,
        psnr=psnr(result, truth),
        ssim=ssim(result, truth) if min(truth.shape[1:3]) >= 11 else None,
        given_error=int(given.max()) if given.size else None,
        steps=frame_steps(result),
        steps_truth=frame_steps(truth),
        seam=seam(result, pixels),
        seam_truth=seam(truth, pixels),
        step=seam_jump(result, generated).step,
        step_truth=seam_jump(truth, generated).step,
        flicker=_flicker(result, pixels),
        flicker_truth=_flicker(truth, pixels),
        drift=colour_drift(result, truth, np.asarray(pixels.all((1, 2)))),
    )


def report(comparison: Comparison) -> str:
    """The metrics as a few lines of text."""
    generated = comparison.generated
    lines = [f"generated frames: {int(generated.sum())} of {len(generated)}"]
    if generated.any():
        worst = int(np.where(generated, comparison.psnr, np.inf).argmin())
        lines.append(
            f"PSNR: {comparison.psnr[generated].mean():.2f} dB, worst {comparison.psnr[worst]:.2f} at frame {worst}"
        )
        if comparison.ssim is not None:
            lines.append(f"SSIM: {comparison.ssim[generated].mean():.4f}")
    error = comparison.given_error
    exact = "bit-exact" if error == 0 else f"differ by up to {error} of 255"
    lines.append("known pixels: none" if error is None else f"known pixels: {exact}")
    for name, value, truth in (
        ("seam jump", comparison.seam, comparison.seam_truth),
        ("median step between frames", comparison.step, comparison.step_truth),
        ("flicker", comparison.flicker, comparison.flicker_truth),
    ):
        if value is not None:
            lines.append(f"{name}: {value:.2f} levels, the truth has {truth:.2f}")
    if comparison.drift is not None:
        lines.append(f"colour drift of still places: {comparison.drift:.2f} levels in 16 frames")
    return "\n".join(lines)


def sheet(truth: Frames, result: Frames, generated: Mask) -> NDArray[np.uint8]:
    """A contact sheet of both clips (T, H, W, 3), generated frames (T,) outlined; long clips take several rows."""
    rows: list[Row] = []
    for start in range(0, len(truth), SHEET_COLUMNS):
        part = slice(start, start + SHEET_COLUMNS)
        place = f"\nfrom {start}" if len(truth) > SHEET_COLUMNS else ""
        rows.append(Row(label=f"truth{place}", frames=truth[part]))
        rows.append(Row(label=f"result{place}", frames=result[part], generated=generated[part].tolist()))
    return contact_sheet(rows)


def seam(frames: Frames, generated: Mask) -> float | None:
    """Mean difference of neighbouring pixels of which one is given and one generated (T, H, W), in time and space."""
    steps: list[NDArray[np.int16]] = []
    for axis in range(3):
        border = np.diff(generated, axis=axis)  # of booleans: where they differ
        steps.append(np.abs(np.diff(frames.astype(np.int16), axis=axis))[border])
    every = np.concatenate([step.reshape(-1) for step in steps])
    return float(every.mean()) if every.size else None


def _flicker(frames: Frames, generated: Mask) -> float | None:
    """Mean second difference over time of pixels that are generated in the middle one of three frames."""
    steps = np.abs(np.diff(frames.astype(np.int16), n=2, axis=0))[generated[1:-1]] if len(frames) > 2 else np.empty(0)
    return float(steps.mean()) if steps.size else None


def _shown(frames: NDArray[np.generic]) -> str:
    return f"{frames.shape[0]} frames of {frames.shape[2]}x{frames.shape[1]}"

"""One result beside its truth: quality per frame, known pixels, seams and flicker, as numbers, text and a sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sheet import Row, contact_sheet
from .metrics import colour_drift, frame_steps, psnr, seam_jump, ssim
from .readout import Floats

# T frames, H x W pixels; masks bool (T, H, W), True = generated. Differences are in 8-bit levels, 0 to 255.

SHEET_COLUMNS = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Numbers of one result; `generated` (T,) says which frames have any generated pixel.

    known_error is the largest difference of a known pixel, None if there is no mask or nothing is known. seam is the
    mean step between a known and a neighbouring generated pixel, in space and time; flicker the mean second difference
    over time of generated pixels; both None where there are none, and both beside the same of the truth. step is the
    median of those between frames of which both are known or both have generated pixels; None where there are none.
    """

    generated: NDArray[np.bool_]
    psnr: Floats  # (T,) dB
    ssim: Floats | None  # (T,); None for frames smaller than its window
    known_error: int | None
    steps: Floats  # (T - 1,), see `frame_steps`
    steps_truth: Floats
    seam: float | None
    seam_truth: float | None
    step: float | None
    step_truth: float | None
    flicker: float | None
    flicker_truth: float | None
    drift: float | None  # see `colour_drift`


def compare(truth: NDArray[np.uint8], result: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None) -> Comparison:
    """Compare frames (T, H, W, 3); without a mask all of them count as generated.

    Raises ValueError, naming both shapes, unless all are of one length and size.
    """
    if truth.shape != result.shape:
        raise ValueError(
            f"the truth is {_shown(truth)}, the result {_shown(result)}: compare clips of one length and size"
        )
    if mask is not None and mask.shape != truth.shape[:3]:
        raise ValueError(f"the mask is {_shown(mask)}, the clips {_shown(truth)}: use the mask of this result")
    made = np.ones(truth.shape[:3], bool) if mask is None else mask
    known = np.abs(truth.astype(np.int16) - result)[~made]
    generated = np.asarray(made.any((1, 2)))
    return Comparison(
        generated=generated,
        psnr=psnr(result, truth),
        ssim=ssim(result, truth) if min(truth.shape[1:3]) >= 11 else None,
        known_error=int(known.max()) if known.size else None,
        steps=frame_steps(result),
        steps_truth=frame_steps(truth),
        seam=seam(result, made),
        seam_truth=seam(truth, made),
        step=seam_jump(result, ~generated).step,
        step_truth=seam_jump(truth, ~generated).step,
        flicker=_flicker(result, made),
        flicker_truth=_flicker(truth, made),
        drift=colour_drift(result, truth, np.asarray(made.all((1, 2)))),
    )


def report(comparison: Comparison) -> str:
    """The numbers in a few lines for people."""
    made = comparison.generated
    lines = [f"generated frames: {int(made.sum())} of {len(made)}"]
    if made.any():
        worst = int(np.where(made, comparison.psnr, np.inf).argmin())
        lines.append(
            f"PSNR: {comparison.psnr[made].mean():.2f} dB, worst {comparison.psnr[worst]:.2f} at frame {worst}"
        )
        if comparison.ssim is not None:
            lines.append(f"SSIM: {comparison.ssim[made].mean():.4f}")
    known = comparison.known_error
    exact = "bit-exact" if known == 0 else f"differ by up to {known} of 255"
    lines.append("known pixels: none" if known is None else f"known pixels: {exact}")
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


def sheet(truth: NDArray[np.uint8], result: NDArray[np.uint8], generated: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Both clips (T, H, W, 3) frame by frame, generated ones, bool (T,), outlined; long clips take several rows."""
    rows: list[Row] = []
    for start in range(0, len(truth), SHEET_COLUMNS):
        part = slice(start, start + SHEET_COLUMNS)
        place = f"\nfrom {start}" if len(truth) > SHEET_COLUMNS else ""
        rows.append(Row(label=f"truth{place}", frames=truth[part]))
        rows.append(Row(label=f"result{place}", frames=result[part], generated=generated[part].tolist()))
    return contact_sheet(rows)


def seam(frames: NDArray[np.uint8], made: NDArray[np.bool_]) -> float | None:
    """Mean difference of neighbours of which one is known and one generated, along time, rows and columns."""
    steps: list[NDArray[np.int16]] = []
    for axis in range(3):
        border = np.diff(made, axis=axis)  # of booleans: where they differ
        steps.append(np.abs(np.diff(frames.astype(np.int16), axis=axis))[border])
    every = np.concatenate([step.reshape(-1) for step in steps])
    return float(every.mean()) if every.size else None


def _flicker(frames: NDArray[np.uint8], made: NDArray[np.bool_]) -> float | None:
    """Mean second difference over time of pixels that are generated in the middle one of three frames."""
    steps = np.abs(np.diff(frames.astype(np.int16), n=2, axis=0))[made[1:-1]] if len(frames) > 2 else np.empty(0)
    return float(steps.mean()) if steps.size else None


def _shown(frames: NDArray[np.generic]) -> str:
    return f"{frames.shape[0]} frames of {frames.shape[2]}x{frames.shape[1]}"

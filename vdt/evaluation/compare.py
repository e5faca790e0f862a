"""One result beside its truth: quality per frame, known pixels, seams and flicker, as numbers, text and pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sheet import GENERATED, PAPER, Row, contact_sheet
from .metrics import colour_drift, psnr, ssim
from .readout import Floats

# T frames, H x W pixels; masks bool (T, H, W), True = generated. Differences are in 8-bit levels, 0 to 255.

SHEET_COLUMNS = 16
EXACT = 99.0  # dB from which frames are shown as equal
_INK, _FAINT, _LINE = (32, 34, 37), (120, 124, 130), (30, 100, 180)
_SHADE = tuple(round(0.8 * paper + 0.2 * orange) for paper, orange in zip(PAPER, GENERATED, strict=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Numbers of one result; `generated` (T,) says which frames have any generated pixel.

    known_error is the largest difference of a known pixel, None if there is no mask or nothing is known. seam is the
    mean step between a known and a neighbouring generated pixel, in space and time; flicker the mean second difference
    over time of generated pixels; both None where there are none, and both beside the same of the truth.
    """

    generated: NDArray[np.bool_]
    psnr: Floats  # (T,) dB
    ssim: Floats | None  # (T,); None for frames smaller than its window
    known_error: int | None
    seam: float | None
    seam_truth: float | None
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
    return Comparison(
        generated=np.asarray(made.any((1, 2))),
        psnr=psnr(result, truth),
        ssim=ssim(result, truth) if min(truth.shape[1:3]) >= 11 else None,
        known_error=int(known.max()) if known.size else None,
        seam=_seam(result, made),
        seam_truth=_seam(truth, made),
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
        ("flicker", comparison.flicker, comparison.flicker_truth),
    ):
        if value is not None:
            lines.append(f"{name}: {value:.2f} levels, the truth has {truth:.2f}")
    if comparison.drift is not None:
        lines.append(f"colour drift of still places: {comparison.drift:.2f} levels in 16 frames")
    return "\n".join(lines)


def plot(comparison: Comparison, *, size: tuple[int, int] = (640, 400)) -> NDArray[np.uint8]:
    """PSNR and SSIM over the frames, generated ones shaded, as a picture (height, width, 3) of that (width, height)."""
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    rows: list[tuple[str, Floats, float, float]] = [("PSNR (dB)", np.minimum(comparison.psnr, 60.0), 0.0, 60.0)]
    if comparison.ssim is not None:
        low = min(0.0, float(comparison.ssim.min()))
        rows.append(("SSIM", comparison.ssim, low, 1.0))
    height = size[1] / len(rows)
    for index, (name, values, low, high) in enumerate(rows):
        box = (56.0, index * height + 30, size[0] - 16.0, (index + 1) * height - 26)
        _draw_curve(draw, box, name, values, (low, high), comparison.generated)
    return np.asarray(sheet).copy()


def sheet(truth: NDArray[np.uint8], result: NDArray[np.uint8], generated: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Both clips (T, H, W, 3) frame by frame, generated ones, bool (T,), outlined; long clips take several rows."""
    rows: list[Row] = []
    for start in range(0, len(truth), SHEET_COLUMNS):
        part = slice(start, start + SHEET_COLUMNS)
        place = f"\nfrom {start}" if len(truth) > SHEET_COLUMNS else ""
        rows.append(Row(label=f"truth{place}", frames=truth[part]))
        rows.append(Row(label=f"result{place}", frames=result[part], generated=generated[part].tolist()))
    return contact_sheet(rows)


def _draw_curve(
    draw: object,
    box: tuple[float, float, float, float],
    name: str,
    values: Floats,
    span: tuple[float, float],
    generated: NDArray[np.bool_],
) -> None:
    from PIL import ImageDraw, ImageFont

    assert isinstance(draw, ImageDraw.ImageDraw)
    left, top, right, bottom = box
    font = ImageFont.load_default(size=13)
    step = (right - left) / len(values)
    for index in np.flatnonzero(generated).tolist():
        draw.rectangle((left + index * step, top, left + (index + 1) * step, bottom), fill=_SHADE)
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        draw.line((left, y, right, y), fill=(222, 222, 218))
        label = f"{span[0] + share * (span[1] - span[0]):g}"
        draw.text((left - 6, y), label, font=font, fill=_FAINT, anchor="rm")
    points = [
        (left + (i + 0.5) * step, bottom - (float(value) - span[0]) / (span[1] - span[0]) * (bottom - top))
        for i, value in enumerate(values)
    ]
    draw.line(points, fill=_LINE, width=2)
    for x, y in points:
        draw.ellipse((x - 2.5, y - 2.5, x + 2.5, y + 2.5), fill=_LINE)
    draw.text((left, top - 6), f"{name} by frame, generated frames shaded", font=font, fill=_INK, anchor="lb")
    for index in range(0, len(values), max(1, len(values) // 8)):
        draw.text((left + (index + 0.5) * step, bottom + 4), str(index), font=font, fill=_FAINT, anchor="ma")


def _seam(frames: NDArray[np.uint8], made: NDArray[np.bool_]) -> float | None:
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

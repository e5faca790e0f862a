"""The per-frame values of a comparison as curves: PSNR, SSIM, and the step from frame to frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..visualize.contact_sheet import GENERATED, PAPER
from .compare import Comparison
from .records import Floats

if TYPE_CHECKING:
    from PIL import ImageDraw

_INK, _FAINT, _GRID, _LINE, _TRUTH = (32, 34, 37), (120, 124, 130), (222, 222, 218), (30, 100, 180), (140, 144, 150)
_SHADE = tuple(round(0.82 * paper + 0.18 * orange) for paper, orange in zip(PAPER, GENERATED, strict=True))
_FINE = 3  # drawn this many times larger and downsampled, so that lines are smooth
_BEST_DB = 60.0  # equal frames have 100, far above anything of interest


@dataclass(frozen=True, kw_only=True)
class _Curve:
    """One panel: values from frame `first` on, on an axis from low to high, and those of the truth, if any."""

    name: str
    values: Floats
    low: float
    high: float
    first: int = 0
    truth: Floats | None = None


def plot(comparison: Comparison, *, size: tuple[int, int] = (640, 600)) -> NDArray[np.uint8]:
    """Plot PSNR, SSIM and the difference to the previous frame against the frame, with generated frames shaded.

    Returns a picture (height, width, 3) of `size`, which is (width, height).
    """
    from PIL import Image, ImageDraw

    large = (size[0] * _FINE, size[1] * _FINE)
    picture = Image.new("RGB", large, PAPER)
    draw = ImageDraw.Draw(picture)
    curves = _curves(comparison)
    height = (large[1] - 22 * _FINE) / len(curves)
    for index, curve in enumerate(curves):
        top = index * height
        box = (52.0 * _FINE, top + 30 * _FINE, large[0] - 16.0 * _FINE, top + height - 8 * _FINE)
        _draw_curve(draw, box, curve, comparison.generated)
        _draw_title(draw, box, curve, shaded=index == 0)
    _draw_numbers(draw, box, len(comparison.generated))
    return np.asarray(picture.resize(size, Image.Resampling.BOX)).copy()


def _curves(comparison: Comparison) -> list[_Curve]:
    curves = [_Curve(name="PSNR, dB", values=np.minimum(comparison.psnr, _BEST_DB), low=0.0, high=_BEST_DB)]
    if comparison.ssim is not None:
        low = min(0.0, float(comparison.ssim.min()))
        curves.append(_Curve(name="SSIM", values=comparison.ssim, low=low, high=1.0))
    if len(comparison.steps):
        high = _round_up(max(comparison.steps.max(), comparison.steps_truth.max()))
        name, truth = "difference to the frame before, of 255", comparison.steps_truth
        curves.append(_Curve(name=name, values=comparison.steps, low=0.0, high=high, first=1, truth=truth))
    return curves


def _round_up(value: float) -> float:
    """The next of 1, 2, 3, 4, 6, 8 and 10 times a power of ten; 0.1 for a value of 0."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 0.1
    return next(factor * power for factor in (1, 2, 3, 4, 6, 8, 10) if factor * power >= value or factor == 10)


def _draw_curve(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], curve: _Curve, generated: NDArray[np.bool_]
) -> None:
    left, top, right, bottom = box
    step = (right - left) / len(generated)
    for index in np.flatnonzero(generated).tolist():
        draw.rectangle((left + index * step, top, left + (index + 1) * step, bottom), fill=_SHADE)
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        draw.line((left, y, right, y), fill=_GRID, width=_FINE)
        label = f"{curve.low + share * (curve.high - curve.low):.3g}"
        draw.text((left - 6 * _FINE, y), label, font=_font(), fill=_FAINT, anchor="rm")

    def points(values: Floats) -> list[tuple[float, float]]:
        heights = (values - curve.low) / (curve.high - curve.low) * (bottom - top)
        return [(left + (curve.first + i + 0.5) * step, bottom - y) for i, y in enumerate(heights.tolist())]

    if curve.truth is not None:
        _draw_dashes(draw, points(curve.truth))
    draw.line(points(curve.values), fill=_LINE, width=2 * _FINE, joint="curve")
    radius = min(2.5 * _FINE, 0.3 * step)
    for x, y in points(curve.values):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_LINE)


def _draw_title(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], curve: _Curve, *, shaded: bool
) -> None:
    """The name of a panel, and at the right the legend of the shade or the dashes."""
    left, top, right, _ = box
    y = top - 12 * _FINE
    draw.text((left, y), curve.name, font=_font(), fill=_INK, anchor="lm")
    text = "generated" if shaded else "truth" if curve.truth is not None else ""
    end = right - draw.textlength(text, font=_font()) - 7 * _FINE
    draw.text((right, y), text, font=_font(), fill=_FAINT, anchor="rm")
    if shaded:
        draw.rectangle((end - 20 * _FINE, y - 5 * _FINE, end, y + 5 * _FINE), fill=_SHADE)
    elif text:
        _draw_dashes(draw, [(end - 20 * _FINE, y), (end, y)])


def _draw_numbers(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], count: int) -> None:
    """Frame numbers below the last panel, about a dozen of them."""
    left, _, right, bottom = box
    draw.text((left - 6 * _FINE, bottom + 5 * _FINE), "frame", font=_font(), fill=_FAINT, anchor="ra")
    every = next(n for n in (1, 2, 4, 8, *range(16, count + 16, 16)) if n * 12 >= count)
    for index in range(0, count, every):
        x = left + (index + 0.5) * (right - left) / count
        draw.text((x, bottom + 5 * _FINE), str(index), font=_font(), fill=_FAINT, anchor="ma")


def _draw_dashes(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]]) -> None:
    """A dashed line through points; dashes and gaps go on around the corners."""
    dash, corners = 4.0 * _FINE, np.array(points)
    walked = np.concatenate([[0.0], np.hypot(*np.diff(corners, axis=0).T).cumsum()])
    cuts = np.union1d(walked, np.arange(0.0, walked[-1], dash))
    places = np.stack([np.interp(cuts, walked, corners[:, axis]) for axis in (0, 1)], axis=1).tolist()
    for start, end, middle in zip(places, places[1:], (cuts[1:] + cuts[:-1]) / 2, strict=False):
        if middle // dash % 2 == 0:
            draw.line((*start, *end), fill=_TRUTH, width=round(1.4 * _FINE))


def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=12 * _FINE)

"""Contact sheets of clips, one row each with given and generated frames outlined, and animated previews."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..media.files import atomic_path

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_FRAME_SIDE = 128  # default length of a frame's longer side on a contact sheet, in pixels
_MARGIN, _GAP, _BORDER, _FONT_SIZE = 28, 8, 3, 17
PAPER, _INK, _FAINT = (250, 250, 248), (32, 34, 37), (120, 124, 130)
GIVEN, GENERATED = (168, 172, 178), (240, 128, 20)
_IMAGE_OPTIONS: dict[str, dict[str, Any]] = {
    ".png": {"compress_level": 6},  # 9 takes three to ten times as long and saves 4 %
    ".jpg": {"quality": 92, "subsampling": 0},
    ".jpeg": {"quality": 92, "subsampling": 0},
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One clip on a contact sheet."""

    label: str  # may have several lines
    frames: np.ndarray  # uint8 (T, H, W, 3)
    generated: Sequence[bool] | None = None  # per frame: outlined as generated or given; None leaves the frames bare


@dataclass(frozen=True, kw_only=True)
class _Layout:
    label_width: int
    columns: int
    cell_width: int
    row_heights: tuple[int, ...]
    header: int
    footer: int

    @property
    def left(self) -> int:
        return _MARGIN + self.label_width

    @property
    def size(self) -> tuple[int, int]:
        width = self.left + self.columns * (self.cell_width + _GAP) - _GAP + _MARGIN
        height = _MARGIN + self.header + sum(self.row_heights) + _GAP * (len(self.row_heights) - 1) + self.footer
        return width, height + _MARGIN


def contact_sheet(
    rows: Sequence[Row],
    path: str | Path | None = None,
    *,
    scale: float | None = None,
    numbers: Sequence[int] | None = None,
) -> np.ndarray:
    """Draw clips as rows of numbered frames, generated ones outlined in orange; returns uint8 (H, W, 3).

    Args:
        rows: one clip each; lengths and sizes may differ.
        path: also written there, as .png or .jpg.
        scale: by how much frames are enlarged; by default their longer side becomes 128 pixels.
        numbers: printed above the columns, where rows show only some frames of a clip; by default 0, 1, 2, …

    Raises:
        ValueError: no rows, frames that are not uint8 (T, H, W, 3), `generated` or `numbers` of another length.
    """
    from PIL import Image, ImageDraw

    if not rows:
        raise ValueError("a contact sheet needs at least one row")
    for row in rows:
        _check_row(row)
    images = [[_scaled(frame, _scale_of(row.frames, scale)) for frame in row.frames] for row in rows]
    layout = _layout(rows, images)
    if numbers is not None and len(numbers) != layout.columns:
        raise ValueError(f"a contact sheet of {layout.columns} columns got {len(numbers)} numbers: pass one for each")
    sheet = Image.new("RGB", layout.size, PAPER)
    draw = ImageDraw.Draw(sheet)
    _draw_header(draw, layout, range(layout.columns) if numbers is None else numbers)
    top = _MARGIN + layout.header
    for row, cells, height in zip(rows, images, layout.row_heights, strict=True):
        _draw_row(sheet, draw, row, cells, layout, top)
        top += height + _GAP
    if layout.footer:
        _draw_legend(draw, layout)
    if path is not None:
        _save(sheet, Path(path))
    return np.asarray(sheet).copy()


def animated_preview(frames: np.ndarray, path: str | Path, fps: float, *, scale: float | None = None) -> None:
    """Write uint8 frames (T, H, W, 3) as an endless .gif or .webp.

    Args:
        frames: the clip.
        path: ends in .gif (256 colours, times in 1/100 s) or .webp.
        fps: frames per second; GIF players slow down above 50.
        scale: of the picture; by default the longer side becomes at least 128 pixels.
    """
    path = Path(path)
    _check_frames(frames)
    if path.suffix.lower() not in (".gif", ".webp"):
        raise ValueError(f"cannot write '{path}': animated previews are .gif or .webp files")
    if not 0 < fps <= 100:
        raise ValueError(f"fps must be more than 0 and at most 100, got {fps}")
    images = [_scaled(frame, scale or max(1.0, _scale_of(frames, None))) for frame in frames]
    unit = 10 if path.suffix.lower() == ".gif" else 1  # milliseconds a file can count in
    ticks = [round(1000 / unit * index / fps) * unit for index in range(len(images) + 1)]
    options: dict[str, Any] = {"quality": 90, "method": 4} if unit == 1 else {"disposal": 1}
    if unit == 10:
        images = _one_palette(images)
    options["duration"] = [end - start for start, end in pairwise(ticks)]
    with atomic_path(path) as temporary:
        images[0].save(temporary, save_all=True, append_images=images[1:], loop=0, **options)


def _check_row(row: Row) -> None:
    _check_frames(row.frames)
    if row.generated is not None and len(row.generated) != len(row.frames):
        raise ValueError(f"row '{row.label}' has {len(row.frames)} frames, but {len(row.generated)} generated flags")


def _check_frames(frames: np.ndarray) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not frames.size:
        raise ValueError(f"expected uint8 frames (T, H, W, 3), got {frames.dtype} {frames.shape}")


def _scale_of(frames: np.ndarray, scale: float | None) -> float:
    if scale is not None and not 0 < scale < math.inf:
        raise ValueError(f"scale must be more than 0, got {scale}")
    return scale or _FRAME_SIDE / max(frames.shape[1:3])


def _scaled(frame: np.ndarray, scale: float) -> Image.Image:
    """Whole multiples keep hard pixel edges, so that single pixels can be judged; other scales are smoothed."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(frame))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST if scale == int(scale) else Image.Resampling.LANCZOS)


def _layout(rows: Sequence[Row], images: list[list[Image.Image]]) -> _Layout:
    measured = [_text_size(row.label) for row in rows]
    label_width = max(width for width, _ in measured)
    line = _text_size("0")[1]
    return _Layout(
        label_width=label_width + 2 * _GAP if label_width else 0,
        columns=max(len(cells) for cells in images),
        cell_width=max(cells[0].width for cells in images) + 2 * _BORDER,
        row_heights=tuple(
            max(cells[0].height + 2 * _BORDER, height) for cells, (_, height) in zip(images, measured, strict=True)
        ),
        header=line + _GAP,
        footer=line + 2 * _GAP if any(row.generated is not None for row in rows) else 0,
    )


def _draw_header(draw: ImageDraw.ImageDraw, layout: _Layout, numbers: Sequence[int]) -> None:
    for column, number in enumerate(numbers):
        centre = layout.left + column * (layout.cell_width + _GAP) + layout.cell_width / 2
        draw.text((centre, _MARGIN), str(number), font=font(), fill=_FAINT, anchor="ma")


def _draw_row(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, row: Row, cells: list[Image.Image], layout: _Layout, top: int
) -> None:
    height = max(cells[0].height + 2 * _BORDER, _text_size(row.label)[1])
    draw.multiline_text((_MARGIN, top + height / 2), row.label, font=font(), fill=_INK, anchor="lm", spacing=4)
    for column, cell in enumerate(cells):
        left = layout.left + column * (layout.cell_width + _GAP) + (layout.cell_width - cell.width) // 2
        upper = top + (height - cell.height) // 2
        if row.generated is not None:
            corner = (left + cell.width + _BORDER - 1, upper + cell.height + _BORDER - 1)
            colour = GENERATED if row.generated[column] else GIVEN
            draw.rectangle(((left - _BORDER, upper - _BORDER), corner), fill=colour)
        sheet.paste(cell, (left, upper))


def _draw_legend(draw: ImageDraw.ImageDraw, layout: _Layout) -> None:
    left, line = layout.left, _text_size("0")[1]
    top = layout.size[1] - _MARGIN - line
    for text, colour in (("given", GIVEN), ("generated", GENERATED)):
        draw.rectangle(((left, top), (left + line - 1, top + line - 1)), outline=colour, width=_BORDER)
        draw.text((left + line + _GAP, top + line / 2), text, font=font(), fill=_FAINT, anchor="lm")
        left += line + _text_size(text)[0] + 4 * _GAP


def _text_size(text: str) -> tuple[int, int]:
    from PIL import Image, ImageDraw

    box = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), text, font=font(), spacing=4)
    lines = text.count("\n") + 1
    return math.ceil(box[2]), lines * (_FONT_SIZE + 4) - 4


def font() -> Any:
    """The font of labels."""
    from PIL import ImageFont

    return ImageFont.load_default(size=_FONT_SIZE)


def _one_palette(images: list[Image.Image]) -> list[Image.Image]:
    """Reduce to 256 colours chosen over the whole clip: a palette per frame would flicker."""
    from PIL import Image

    step = max(1, len(images) // 16)
    strip = Image.fromarray(np.concatenate([np.asarray(image) for image in images[::step]]))
    palette = strip.quantize(256, method=Image.Quantize.MEDIANCUT)
    return [image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for image in images]


def _save(sheet: Image.Image, path: Path) -> None:
    options = _IMAGE_OPTIONS.get(path.suffix.lower())
    if options is None:
        raise ValueError(f"cannot write '{path}': contact sheets are .png or .jpg files")
    with atomic_path(path) as temporary:
        sheet.save(temporary, **options)

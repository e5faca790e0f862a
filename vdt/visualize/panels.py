"""Clips played side by side, large: above what a model is given, below what it makes of it, each with its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .contact_sheet import GENERATED, GIVEN, PAPER, font

INK, HIDDEN = (32, 34, 37), (56, 58, 62)
GAP, BORDER, LINE = 16, 4, 26  # pixels
STRIPE = 12  # pixels from one stripe of what is hidden to the next


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """One clip: frames uint8 (T, H, W, 3) that were made, and where they were generated, bool (T, H, W)."""

    label: str
    given: np.ndarray  # what the model was given, of the same shape; what is generated is not shown of it
    frames: np.ndarray
    generated: np.ndarray

    @property
    def is_made(self) -> np.ndarray:
        """Whether something of a frame is generated, bool (T,)."""
        return np.asarray(self.generated.reshape(len(self.frames), -1).max(1), bool)


def play_panels(panels: Sequence[Panel], *, scale: int) -> np.ndarray:
    """The frames of clips of one shape, uint8 (T, H', W', 3), every pixel of theirs `scale` pixels wide."""
    columns = [_column(panel, scale) for panel in panels]
    joined = np.concatenate(columns, axis=2)
    odd = [(0, size % 2) for size in joined.shape[1:3]]  # H.264 takes even sides
    return np.pad(joined, ((0, 0), *odd, (0, 0)), mode="edge")


def _column(panel: Panel, scale: int) -> np.ndarray:
    hidden = np.where(panel.generated[..., None], np.array(HIDDEN, np.uint8), panel.given)
    seen = _striped(hidden, panel.generated, scale)
    above, below = (
        on_paper(bordered(frames, panel.is_made, BORDER), above=0, below=GAP // 2, beside=GAP)
        for frames in (seen, enlarged(panel.frames, scale))
    )
    words = [_words(text, above.shape[2]) for text in (panel.label, "what the model is given", "what it makes")]
    parts = [words[0], words[1], above, words[2], below]
    count = len(panel.frames)
    return np.concatenate([part if part.ndim == 4 else np.repeat(part[None], count, axis=0) for part in parts], axis=1)


def enlarged(frames: np.ndarray, scale: int) -> np.ndarray:
    """Frames (T, H, W, C), every pixel `scale` pixels wide."""
    return frames.repeat(scale, axis=1).repeat(scale, axis=2)


def bordered(frames: np.ndarray, is_made: np.ndarray, width: int) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) within a border that says which of them are generated, bool (T,)."""
    count, rows, columns, _ = frames.shape
    colours = np.where(is_made[:, None], np.array(GENERATED), np.array(GIVEN)).astype(np.uint8)
    canvas = np.empty((count, rows + 2 * width, columns + 2 * width, 3), np.uint8)
    canvas[:] = colours[:, None, None]
    canvas[:, width:-width, width:-width] = frames
    return canvas


def on_paper(frames: np.ndarray, *, above: int, below: int, beside: int) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) with so much paper around them."""
    count, rows, columns, _ = frames.shape
    canvas = np.empty((count, above + rows + below, columns + 2 * beside, 3), np.uint8)
    canvas[:] = PAPER
    canvas[:, above : above + rows, beside : beside + columns] = frames
    return canvas


def _striped(frames: np.ndarray, generated: np.ndarray, scale: int) -> np.ndarray:
    """Enlarged, with stripes over what is generated."""
    large, mask = enlarged(frames, scale), enlarged(generated[..., None], scale)[..., 0]
    y, x = np.indices(large.shape[1:3])
    stripes = mask & (((x + y) // (STRIPE // 4)) % 4 == 0)
    large[stripes] = GENERATED
    return large


def _words(text: str, width: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    line = Image.new("RGB", (width, LINE), PAPER)
    ImageDraw.Draw(line).text((GAP, 3), text, fill=INK, font=font())
    return np.asarray(line)

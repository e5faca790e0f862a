"""Batches of images to files and back: [0, 1] floats of shape (N, H, W, C), truncated to bytes as ComfyUI does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vdt.media.pictures import UNREADABLE

from ..limits import MAX_PIXELS, LimitError, check_picture
from ..paths import save_slot

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo


@dataclass(frozen=True, kw_only=True)
class SavedFile:
    """A file below one of the studio's folders."""

    name: str
    subfolder: str


def to_bytes(images: Tensor) -> np.ndarray:
    """uint8 (N, H, W, C) of a batch in [0, 1], values beyond it clipped; ValueError for NaN, which would turn black."""
    if images.ndim != 4 or not images.shape[0]:
        raise ValueError(f"got images {tuple(images.shape)}, expected (frames, height, width, channels)")
    values = images.detach().float().cpu()
    if not torch.isfinite(values).all():
        raise ValueError("the images hold NaN or infinite values: compute in float32 instead of half precision")
    return values.clamp(0, 1).mul(255).to(torch.uint8).numpy()


def as_tags(metadata: Mapping[str, Any] | None) -> dict[str, str]:
    """Metadata as files store it: one JSON text per entry."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in (metadata or {}).items()}


def png_texts(metadata: Mapping[str, Any] | None) -> PngInfo:
    """Metadata as Pillow writes it into a PNG."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in as_tags(metadata).items():
        info.add_text(key, value)
    return info


def save_pngs(
    images: Tensor, root: str | Path, prefix: str, *, metadata: Mapping[str, Any] | None = None, compression: int = 4
) -> list[SavedFile]:
    """Write a batch as numbered PNG files that appear together or not at all; PathError if the prefix leads out."""
    from PIL import Image

    from vdt.media.files import atomic_path

    batch = to_bytes(images)
    info = png_texts(metadata)
    slot = save_slot(Path(root), prefix, width=batch.shape[2], height=batch.shape[1])
    names = [slot.name("png", index) for index in range(len(batch))]
    with ExitStack() as stack:
        for name, pixels in zip(names, batch, strict=True):
            temporary = stack.enter_context(atomic_path(slot.folder / name))
            Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(
                temporary, pnginfo=info, compress_level=compression
            )
    return [SavedFile(name=name, subfolder=slot.subfolder) for name in names]


def save_webp(
    images: Tensor, root: str | Path, prefix: str, *, fps: float, lossless: bool, quality: int, effort: int
) -> SavedFile:
    """Write a batch as one animated WEBP file."""
    from PIL import Image

    from vdt.media.files import atomic_path

    frames = [Image.fromarray(pixels) for pixels in to_bytes(images)]
    slot = save_slot(Path(root), prefix, width=frames[0].width, height=frames[0].height)
    with atomic_path(slot.folder / slot.name("webp")) as temporary:
        frames[0].save(
            temporary,
            save_all=True,
            append_images=frames[1:],
            duration=round(1000 / fps),
            lossless=lossless,
            quality=quality,
            method=effort,
        )
    return SavedFile(name=slot.name("webp"), subfolder=slot.subfolder)


@contextmanager
def opened(path: str | Path, *, name: str = "") -> Iterator[Any]:
    """A Pillow image whose size is within the studio's limits.

    ValueError names the file for what cannot be read as an image, there or where it is decoded in the body.
    """
    from PIL import Image

    shown = name or Path(path).name
    try:
        with Image.open(path) as image:
            check_picture(shown, image.width, image.height, _frame_count(image))
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"'{shown}' has more than {MAX_PIXELS / 1e6:.0f} million pixels: make it smaller") from error
    except LimitError:
        raise
    except (*UNREADABLE, MemoryError) as error:
        raise ValueError(f"'{shown}' cannot be read as an image: {error}") from error


def load_rgba(path: str | Path) -> tuple[np.ndarray, bool]:
    """The upright frames of an image file, uint8 (N, H, W, 4), and whether they have an alpha channel of their own."""
    from PIL import ImageOps, ImageSequence

    with opened(path) as image:
        transparent = "A" in image.getbands() or "transparency" in image.info
        frames = [_rgba(ImageOps.exif_transpose(frame)) for frame in ImageSequence.Iterator(image)]
    return np.stack([frame for frame in frames if frame.shape == frames[0].shape]), transparent


def _frame_count(image: Any) -> int:
    """Frames that the header, or a look at all of them, states; a file says so without decoding."""
    return max(1, int(getattr(image, "n_frames", 1)))


def _rgba(image: Any) -> np.ndarray:
    if image.mode.startswith("I"):  # 16-bit grey, which PIL would clip
        scaled = np.array(image, np.float64) / 257
        from PIL import Image

        image = Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8))
    return np.array(image.convert("RGBA"))

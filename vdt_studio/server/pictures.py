"""Pictures for the editor: small previews, and images with the alpha that was painted on them."""

from __future__ import annotations

import io
from pathlib import Path

from aiohttp import web

from ..limits import MAX_PREVIEW
from ..media.images import opened, png_texts

_QUALITY = 90


def preview(path: Path, wish: str) -> bytes:
    """An image as WEBP of the quality in a wish such as "webp;90", no larger than previews need to be."""
    buffer = io.BytesIO()
    try:
        with opened(path) as image:
            image.draft("RGB", (MAX_PREVIEW, MAX_PREVIEW))  # decodes large photos to a part of their size
            has_alpha = "A" in image.getbands() or "transparency" in image.info
            small = image.convert("RGBA" if has_alpha else "RGB")
            small.thumbnail((MAX_PREVIEW, MAX_PREVIEW))
            small.save(buffer, format="WEBP", quality=_quality(wish), method=2)
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    return buffer.getvalue()


def put_alpha(original: Path, painted: Path) -> None:
    """Replace the file `painted` by the image `original`, its texts kept, with the alpha of `painted`."""
    try:
        with opened(original) as image, opened(painted, name="the mask") as mask:
            if image.size != mask.size:
                raise web.HTTPBadRequest(text=f"the mask is {mask.size}, its image {image.size}: paint it again")
            texts = png_texts(getattr(image, "text", None))
            merged = image.convert("RGBA")
            merged.putalpha(mask.convert("RGBA").getchannel("A"))
        merged.save(painted, format="PNG", pnginfo=texts)
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from error


def _quality(wish: str) -> int:
    text = wish.partition(";")[2]
    return min(100, int(text)) if text.isascii() and text.isdigit() and len(text) <= 3 else _QUALITY

"""A request of players: clips that they show as a file, written here because the encoders are here.

POST /vdt/export {"clips": […], "format": "mp4" | "gif" | "webp" | "png", "scale": n, "fps": f, "order": [frame, …]};
clips are as `previews.player_ui` describes them, several become one grid. The answer is the file.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ...vdt.media.video import read_frames, write_video
from ...vdt.visualize.animation import write_gif, write_png_zip, write_webp
from . import compat, files

ROUTE = "/vdt/export"
MAX_PIXELS = 1 << 30  # of all frames of a file
MAX_CLIPS = 64
TYPES = {"mp4": "video/mp4", "gif": "image/gif", "webp": "image/webp", "png": "application/zip"}
GAP = 4  # pixels between the clips of a grid

Frame = Callable[[int], np.ndarray]  # the frame of a number, uint8 (H, W, 3)


@dataclass(frozen=True, kw_only=True)
class Export:
    """What a player asks for, checked: see the top of this file."""

    clips: tuple[dict[str, Any], ...]
    format: str
    scale: int
    fps: float
    order: tuple[int, ...]

    @classmethod
    def of(cls, body: Any) -> Export:
        """From the JSON of a request; ValueError for anything else, or for a file that would be too large."""
        try:
            clips = tuple(dict(clip) for clip in body["clips"])
            order = tuple(int(frame) for frame in body["order"])
            wish = cls(
                clips=clips,
                format=str(body["format"]),
                scale=int(body.get("scale", 1)),
                fps=float(body["fps"]),
                order=order,
            )
            sizes = {(int(clip["frames"]), int(clip["height"]), int(clip["width"])) for clip in clips}
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"this is no request for an export: {error}") from error
        if wish.format not in TYPES or not 1 <= wish.scale <= 64 or not 0 < wish.fps <= 1000 or len(sizes) != 1:
            raise ValueError("expected clips of one size, a format of mp4, gif, webp, png, a scale of 1 to 64, and fps")
        ((count, height, width),) = sizes
        if min(count, height, width) < 1 or not order or not all(0 <= frame < count for frame in order):
            raise ValueError(f"expected frames of 0 to {count - 1}")
        pixels = len(order) * len(clips) * height * width * wish.scale**2
        if pixels > MAX_PIXELS or len(clips) > MAX_CLIPS:
            raise ValueError(f"this would be {pixels / 1e6:.0f} million pixels: choose a smaller size or fewer frames")
        return wish


def write(wish: Export) -> bytes:
    """The file."""
    frames = _frames(wish)
    if wish.format == "gif":
        return write_gif(frames, wish.fps)
    if wish.format == "webp":
        return write_webp(frames, wish.fps)
    if wish.format == "png":
        return write_png_zip(frames, "vdt")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vdt.mp4"
        write_video(file, frames, wish.fps)
        return file.read_bytes()


def register() -> None:
    """Let the host answer; one without a server has nothing to answer."""
    compat.add_post_route(ROUTE, _answer)


async def _answer(request: Any) -> Any:
    from aiohttp import web

    try:
        wish = Export.of(await request.json())
        body = await asyncio.get_running_loop().run_in_executor(None, write, wish)
    except ValueError as error:
        return web.Response(status=400, text=str(error))
    return web.Response(body=body, content_type=TYPES[wish.format])


def _frames(wish: Export) -> Iterator[np.ndarray]:
    """Frames uint8 (H, W, 3) in their order, clips side by side, enlarged by whole pixels."""
    sources = [_source(clip) for clip in wish.clips]
    for index in wish.order:
        frame = _grid([source(index) for source in sources])
        yield np.ascontiguousarray(frame.repeat(wish.scale, axis=0).repeat(wish.scale, axis=1))


def _grid(frames: Sequence[np.ndarray]) -> np.ndarray:
    if len(frames) == 1:
        return frames[0]
    height, width, _ = frames[0].shape
    columns = math.ceil(math.sqrt(len(frames) * height / width))
    rows = math.ceil(len(frames) / columns)
    whole = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), np.uint8)
    for place, frame in enumerate(frames):
        top, left = place // columns * (height + GAP), place % columns * (width + GAP)
        whole[top : top + height, left : left + width] = frame
    return whole


def _source(clip: dict[str, Any]) -> Frame:
    """How to get the frames of a clip; ValueError where its files are no longer there."""
    count, height, width = (int(clip[key]) for key in ("frames", "height", "width"))
    if "video" in clip:
        film = list(read_frames(files.named_file(clip["video"]), max_frames=count))
        return lambda index: film[min(index, len(film) - 1)][:height, :width]
    pages = [files.named_file(page) for page in clip.get("pages") or ()]
    columns, rows = int(clip.get("columns", 1)), int(clip.get("rows", 1))
    page_at = lru_cache(maxsize=1)(_page)  # of this clip: frames come in order

    def frame(index: int) -> np.ndarray:
        page, place = divmod(index, columns * rows)
        if not 0 <= page < len(pages):
            raise ValueError(f"frame {index} is on none of the {len(pages)} pages")
        top, left = place // columns * height, place % columns * width
        found = page_at(pages[page])[top : top + height, left : left + width]
        if found.shape != (height, width, 3):
            raise ValueError(f"frame {index} is not on its page")
        return found

    return frame


def _page(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path.name} cannot be read: run the graph again") from error

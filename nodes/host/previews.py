"""What nodes send to the editor to be played: frames while they are sampled, and finished clips.

A finished clip is written into the temp folder as pages of frames, PNG and so exact, or it is a video where pages would
be too large for a browser. web/js/player plays both; `player_ui` is the wire format.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ...vdt.evaluation.advice import motion_advice
from ...vdt.masks.timeline import frame_states
from ...vdt.media.frames import DEFAULT_FPS, is_placeholder
from ...vdt.media.types import VideoError
from ...vdt.media.video import write_video
from ...vdt.visualize.live_preview import LivePreview, page_grid, picture_of
from . import batches, convert, files

if TYPE_CHECKING:
    from PIL import Image

# T frames, H x W pixels, N clips.

PLAYER_KEY = "vdt_player"  # in what a node shows
FPS_KEY = "vdt_fps"  # in a LATENT: frames a second of what it was made of
SEEDS_KEY = "vdt_seeds"  # in a LATENT: the seed of each of its clips
MAX_PIXELS = 24 << 20  # of the pages of a node: the browser keeps four bytes of each
NOWHERE = {"filename": "", "subfolder": "", "type": "temp"}  # what could not be written
SHARE = 0.05  # of the time of sampling that previews may take


# ---- While a node samples --------------------------------------------------------------------------------------------


class PacedPreview:
    """Pictures of x0 (T, C, h, w) in no more than a share of the time: those that would take more are left out.

    The first one, which is not counted, comes in any case.
    """

    def __init__(self, preview: LivePreview, clock: Callable[[], float] = time.perf_counter) -> None:
        self._preview, self._clock = preview, clock
        self._start, self._spent, self._last = clock(), 0.0, 0.0
        self._is_first = True

    def __call__(self, latents: Tensor, label: str) -> tuple[str, Image.Image, None] | None:
        """As a progress bar takes it: all frames in one JPEG, see `picture_of`; None where it is left out."""
        if self._spent + self._last > SHARE * (self._clock() - self._start):
            return None
        latents = latents.detach().cpu()  # waits for the step on a GPU, which is not the preview's time
        before = self._clock()
        picture = picture_of(self._preview(latents), label)
        if not self._is_first:
            self._last = self._clock() - before
            self._spent += self._last
        self._is_first = False
        return "JPEG", picture, None  # with a size hosts would enlarge it


# ---- Finished clips --------------------------------------------------------------------------------------------------


class PageWriter:
    """Writes frames uint8 (H, W, 3) into the temp folder as they come, so many to a page."""

    def __init__(self, count: int, size: tuple[int, int]) -> None:
        self._count, self._size = count, size
        self._columns, self._rows = page_grid(count, size)
        self._waiting: list[np.ndarray] = []
        self._pages: list[dict[str, str]] = []

    def passing(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same frames; what passes is written."""
        for frame in frames:
            self._waiting.append(frame)
            if len(self._waiting) == self._columns * self._rows:
                self._write()
            yield frame
        self._write()

    def describe(self) -> dict[str, Any]:
        """Where the frames are, as `player_ui` says it."""
        height, width = self._size
        grid = {"columns": self._columns, "rows": self._rows, "pages": self._pages}
        return {"frames": self._count, "width": width, "height": height, **grid}

    def _write(self) -> None:
        from PIL import Image

        if not self._waiting:
            return
        height, width = self._size
        rows = -(-len(self._waiting) // self._columns)
        page = np.zeros((rows * height, self._columns * width, 3), np.uint8)
        for place, frame in enumerate(self._waiting):
            top, left = place // self._columns * height, place % self._columns * width
            page[top : top + height, left : left + width] = frame
        named = NOWHERE
        with _never_in_the_way():
            file = files.temp_file("vdt_player", "png")
            Image.fromarray(page).save(file, compress_level=1)
            named = files.shown_in_temp(file)
        self._pages.append(named)
        self._waiting.clear()


def fits_pages(count: int, size: tuple[int, int]) -> bool:
    """Whether so many frames, of all clips of a node, may be written as pages."""
    return count * size[0] * size[1] <= MAX_PIXELS


def write_pages(frames: np.ndarray) -> dict[str, Any]:
    """Frames uint8 (T, H, W, 3) as pages."""
    writer = PageWriter(len(frames), (frames.shape[1], frames.shape[2]))
    for _ in writer.passing(frames):
        pass
    return writer.describe()


def write_film(frames: np.ndarray, fps: float) -> dict[str, Any]:
    """Frames uint8 (T, H, W, 3) as a video of the temp folder."""
    named = NOWHERE
    with _never_in_the_way():
        file = files.temp_file("vdt_player", "mp4")
        write_video(file, frames, fps)
        named = files.shown_in_temp(file)
    return describe_film(named, len(frames), (frames.shape[1], frames.shape[2]), fps)


def describe_film(file: dict[str, str], count: int, size: tuple[int, int], fps: float) -> dict[str, Any]:
    """A video that is there already, as `player_ui` says it."""
    return {"frames": count, "width": size[1], "height": size[0], "fps": fps, "video": dict(file)}


class Watched:
    """Clips that are written into files, and as pages on their way there where these are not too large."""

    def __init__(self, size: tuple[int, int], frames: int, count: int) -> None:
        self._size, self._frames = size, frames
        self._writers = [PageWriter(frames, size) for _ in range(count)] if fits_pages(count * frames, size) else []

    def passing(self, videos: Iterable[Iterator[np.ndarray]]) -> Iterator[Iterator[np.ndarray]]:
        """The same frames of each clip."""
        if not self._writers:
            return iter(videos)
        return (writer.passing(video) for writer, video in zip(self._writers, videos, strict=True))

    def describe(self, saved: Sequence[dict[str, str]], fps: float) -> list[dict[str, Any]]:
        """For `decoded_ui`: the pages of each clip, else the file that it was written to."""
        if self._writers:
            return [writer.describe() for writer in self._writers]
        return [describe_film(file, self._frames, self._size, fps) for file in saved]


def clips_of(finished: Tensor, latent: dict[str, Any]) -> list[np.ndarray]:
    """The clips uint8 (T, H, W, 3) of the IMAGE that a LATENT was decoded to."""
    frames, count = convert.to_frames(finished), batches.frames_of(latent)
    return [frames[start : start + count] for start in range(0, len(frames), count)]


def decoded_images_ui(
    clips: Sequence[np.ndarray], latent: dict[str, Any], mask: Tensor | None, images: Tensor | None
) -> dict[str, Any]:
    """`decoded_ui` of clips of one length, uint8 (T, H, W, 3) each."""
    fps, (height, width) = latent.get(FPS_KEY) or DEFAULT_FPS, clips[0].shape[1:3]
    as_pages = fits_pages(sum(map(len, clips)), (height, width))
    shown = [write_pages(clip) if as_pages else write_film(clip, fps) for clip in clips]
    return decoded_ui(shown, latent, mask, images, fps)


def motion_note(clips: Sequence[np.ndarray], latent: dict[str, Any], mask: Tensor | None) -> str:
    """`motion_advice` on the clips of a LATENT, uint8 (T, H, W, 3) each; every different sentence once."""
    masks = batches.split(mask, len(clips), len(clips[0]))
    notes = []
    for clip, part, white in zip(clips, batches.split_latent(latent), masks, strict=True):
        generated = _generated(part, white)
        if generated is not None and len(generated) == len(clip):
            notes.append(motion_advice(clip, generated.cpu().numpy()))
    return "; ".join(dict.fromkeys(filter(None, notes)))


def compared_ui(clips: Sequence[np.ndarray], truth: np.ndarray, generated: Tensor | None) -> dict[str, Any]:
    """The player of clips (T, H, W, 3) as long as the truth, and of it; generated is bool (T, H, W)."""
    if not fits_pages(len(clips) * len(truth), (truth.shape[1], truth.shape[2])):
        return player_ui([write_film(clip, DEFAULT_FPS) for clip in clips])
    states, before = "" if generated is None else frame_states(generated), before_ui(truth, "truth")
    return player_ui([{**write_pages(clip), "states": states, "before": before} for clip in clips])


def decoded_ui(
    shown: Sequence[dict[str, Any]],
    latent: dict[str, Any],
    mask: Tensor | None,
    images: Tensor | None,
    fps: float | None = None,
) -> dict[str, Any]:
    """The player of the clips of a LATENT: with given and generated frames, seeds, and the connected images as source.

    `shown` has the finished frames of each clip, from `PageWriter`, `write_pages` or `describe_film`.
    """
    parts, frames = batches.split_latent(latent), batches.frames_of(latent)
    masks, sources = (batches.split(values, len(parts), frames) for values in (mask, images))
    seeds = latent.get(SEEDS_KEY) or []
    befores: dict[int, _Source] = {}  # clips of one source share its pages
    clips = []
    for index, (part, white, source) in enumerate(zip(parts, masks, sources, strict=True)):
        states = _states(part, white, frames)
        told = {**shown[index], "states": states}
        if len(seeds) == len(parts):
            told["seed"] = seeds[index]
        if source is not None and "pages" in shown[index]:
            before = befores.setdefault(id(source), _Source(source))
            if before.is_worth_showing(states):
                told["before"] = before.shown
        clips.append(told)
    return player_ui(clips, fps or latent.get(FPS_KEY))


def before_ui(frames: np.ndarray, label: str) -> dict[str, Any]:
    """What a clip is compared with; `missing` is 1 for each frame that is the grey of frames which are not there."""
    return {**write_pages(frames), "label": label, "missing": _grey_frames(frames)}


def player_ui(clips: Sequence[dict[str, Any]], fps: float | None = None) -> dict[str, Any]:
    """What a node shows, for web/js/player: clips of one length and size, at so many frames a second."""
    return {PLAYER_KEY: [{"clips": list(clips), "fps": float(fps or DEFAULT_FPS)}]}


class _Source:
    """An IMAGE that clips were made of; its pages are written once, and only where they are shown."""

    def __init__(self, images: Tensor) -> None:
        self._images = images

    @cached_property
    def _frames(self) -> np.ndarray:
        return convert.to_frames(self._images)

    @cached_property
    def shown(self) -> dict[str, Any]:
        """`before_ui` of it."""
        return before_ui(self._frames, "source")

    def is_worth_showing(self, states: str) -> bool:
        """Whether it has a frame that was generated."""
        pairs = zip(states or "1" * len(self._missing), self._missing, strict=False)
        return any(state != "0" and missing == "0" for state, missing in pairs)

    @cached_property
    def _missing(self) -> str:
        return _grey_frames(self._frames)


def _grey_frames(frames: np.ndarray) -> str:
    """1 for each frame that is the grey of frames which are not there, else 0."""
    return "".join("1" if is_placeholder(frame) else "0" for frame in frames)


def _states(latent: dict[str, Any], mask: Tensor | None, frames: int) -> str:
    """`frame_states` of a clip; "" where nothing is known of it."""
    generated = _generated(latent, mask)
    if generated is None or len(generated) not in (1, frames):
        return ""
    states = frame_states(generated)
    return states if len(states) == frames else states * frames


def _generated(latent: dict[str, Any], mask: Tensor | None) -> Tensor | None:
    """`convert.mask_of`; None for a mask that does not fit, since what a node shows or says never stops a run."""
    try:
        return convert.mask_of(latent, mask)
    except ValueError:
        return None


@contextmanager
def _never_in_the_way() -> Iterator[None]:
    """A preview that cannot be written, as on a full disk, is no reason to lose the run: the player says it is gone."""
    try:
        yield
    except (OSError, VideoError) as error:
        logging.getLogger(__name__).warning("VDT: the preview of the result cannot be written: %s", error)

"""Clips of a recipe: scenes rendered in this process's part, or windows of the videos of a folder, with captions."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...inference.memory import check_memory
from ...media.frames import fit_frames
from ...media.video_folder import folder_clips, folder_windows
from ...physics.language import SceneFacts, captions, facts_of_windows
from ...physics.scenes import scene_clips, scene_seeds, stream_clips
from ...ranks import Ranks
from ..recipe import BucketRecipe, DataRecipe

NUM_SHOWN = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Clips:
    """This process's part of the clips: frames uint8 (n, T, H, W, 3), and where it lies among `total` of them.

    captions has the phrasings of each of its `windows`, and mirrored those of its mirror image; both are empty where
    none are wanted.
    """

    frames: NDArray[np.uint8]
    total: int
    start: int = 0
    captions: Sequence[Sequence[str]] = ()
    mirrored: Sequence[Sequence[str]] = ()
    windows: int = 1


def read_clips(data: DataRecipe, bucket: BucketRecipe, path: Path, ranks: Ranks, *, texts: int = 0) -> Clips:
    """The clips of one length and shape of the recipe at `path`.

    `texts` is the number of frames that a model which reads captions sees, 0 for one that reads none.
    """
    count = bucket.clips or data.clips
    if data.source == "scenes":
        return _scenes(data.split, count, bucket, ranks, texts=texts)
    return _folder(path.parent / data.folder, count, bucket, data.fps, ranks, texts=bool(texts))


def read_pictures(folder: Path, count: int, bucket: BucketRecipe, ranks: Ranks, *, texts: int = 0) -> Clips:
    """The pictures of a folder, as clips of one frame."""
    single = BucketRecipe(frames=1, height=bucket.shape[0], width=bucket.shape[1])
    return _folder(folder, count, single, 1.0, ranks, texts=bool(texts))


def shown_clips(data: DataRecipe, clips: Clips, bucket: BucketRecipe) -> NDArray[np.uint8]:
    """Clips for contact sheets: scenes of the validation split; a folder has no other than its own."""
    if data.source == "folder":
        return clips.frames[:NUM_SHOWN]
    height, width = bucket.shape
    frames = scene_clips("val", NUM_SHOWN, size=max(bucket.shape), num_frames=bucket.frames)
    return np.stack([fit_frames(clip, (height, width), "crop") for clip in frames])


def _scenes(split: str, count: int, bucket: BucketRecipe, ranks: Ranks, *, texts: int) -> Clips:
    """Rendered at the longer side and cropped to the shape."""
    part = ranks.share(count)
    (height, width), frames = bucket.shape, bucket.frames
    check_memory((part.stop - part.start) * frames * height * width * 3)
    seeds = scene_seeds(split, count)[part]
    workers = None if ranks.world == 1 else max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
    clips = np.empty((len(seeds), frames, height, width, 3), np.uint8)  # one copy only: many scenes fill the memory
    facts: list[SceneFacts | None] = []  # of all windows of each scene
    options = {"size": max(height, width), "num_frames": frames, "progress": ranks.is_first}
    for index, scene in enumerate(stream_clips(seeds, workers=workers, **options)):  # type: ignore[arg-type]
        clips[index] = fit_frames(scene.frames, (height, width), "crop")
        if texts:
            facts += facts_of_windows(scene, texts)
    return Clips(
        frames=clips,
        total=count,
        start=part.start,
        captions=[captions(each) if each else () for each in facts],
        mirrored=[captions(each.mirrored()) if each else () for each in facts],
        windows=max(1, frames - texts + 1) if texts else 1,
    )


def _folder(folder: Path, count: int, bucket: BucketRecipe, fps: float, ranks: Ranks, *, texts: bool) -> Clips:
    """Every process reads all of it and keeps its part."""
    check_memory(bucket.frames * bucket.shape[0] * bucket.shape[1] * 3)  # one window: how many, only reading tells
    options = {"size": bucket.shape, "num_frames": bucket.frames, "fps": fps}
    if not texts:
        frames = folder_clips(folder, count, **options)  # type: ignore[arg-type]
        part = ranks.share(len(frames))
        return Clips(frames=frames[part], total=len(frames), start=part.start)
    frames, files = folder_windows(folder, count, **options)  # type: ignore[arg-type]
    part = ranks.share(len(frames))
    found = [_beside(file) for file in files[part]]
    return Clips(
        frames=frames[part],
        total=len(frames),
        start=part.start,
        captions=found,
        mirrored=[tuple(_mirrored(text) for text in each) for each in found],
    )


def _beside(file: Path) -> tuple[str, ...]:
    """The lines of the .txt of a video's name; none where there is no such file."""
    path = file.with_suffix(".txt")
    try:
        text = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not encoded in UTF-8 ({error.reason}): save it again as UTF-8") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _mirrored(text: str) -> str:
    """A caption of a clip seen in a mirror: left is right."""
    other = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
    return re.sub(r"\b(?:left|right|Left|Right)\b", lambda match: other[match[0]], text)

"""Clips as arrays for training: simulated scenes, or windows cut from any folder of videos."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..frames import fit_frames
from ..video import VideoError, read_frames

CHUNK = 512  # scenes at once
VIDEO_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".gif", ".mpg", ".mpeg"}


def scene_clips(split: str, count: int, *, size: int, num_frames: int, cache: Path | None = None) -> np.ndarray:
    """Scenes without their annotations, uint8 (N, T, H, W, 3)."""
    from .scenes import scene_seeds, stream_clips

    scenes = stream_clips(scene_seeds(split, count), size=size, num_frames=num_frames, cache=cache)
    clips = np.empty((count, num_frames, size, size, 3), np.uint8)  # one copy only: many scenes fill the memory
    for index, scene in enumerate(scenes):
        clips[index] = scene.frames
    return clips


def scene_chunks(
    split: str, count: int, *, size: int, num_frames: int, cache: Path | None = None
) -> Iterator[np.ndarray]:
    """The same in pieces (n, T, H, W, 3), for what does not need them all at once."""
    from .scenes import scene_seeds, stream_clips

    scenes = stream_clips(scene_seeds(split, count), size=size, num_frames=num_frames, cache=cache, progress=False)
    while frames := [scene.frames for scene in islice(scenes, CHUNK)]:
        yield np.stack(frames)


def folder_clips(folder: Path, count: int, *, size: int, num_frames: int, fps: float) -> np.ndarray:
    """Windows from every video below a folder, uint8 (N, T, H, W, 3), at most `count`.

    The format is just files. Each video is resampled to `fps`, scaled to cover size x size and cropped at its centre,
    and cut into windows that follow one another; files are taken in the order of their names and unreadable ones
    are passed over. With more windows than `count`, an evenly spaced choice is kept, so that every video has a part.
    Raises ValueError if the folder holds no window at all.
    """
    if not folder.is_dir():
        raise ValueError(f"no folder of videos at {folder}")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    windows: list[np.ndarray] = []
    for path in tqdm(files, unit="file", desc="videos", disable=len(files) < 2):
        windows.extend(_windows(path, size, num_frames, fps))
    if not windows:
        raise ValueError(
            f"found no window of {num_frames} frames at {fps:g} fps in the {len(files)} video files below {folder}: "
            f"add longer clips, or ask for fewer frames or a higher fps"
        )
    kept = np.unique(np.linspace(0, len(windows) - 1, min(count, len(windows))).round().astype(int))
    return np.stack([windows[index] for index in kept])


def _windows(path: Path, size: int, num_frames: int, fps: float) -> Iterator[np.ndarray]:
    window: list[np.ndarray] = []
    try:
        for frame in read_frames(path, fps=fps):
            window.append(fit_frames(frame[None], (size, size), "crop")[0])
            if len(window) == num_frames:
                yield np.stack(window)
                window = []
    except VideoError:
        return  # a folder of real life holds broken files


def fingerprint(clips: np.ndarray) -> str:
    """Short hash of the clips, for cache keys: every 97th byte is enough to tell two sets apart."""
    found = np.ascontiguousarray(clips).reshape(-1)[::97].tobytes() + str(clips.shape).encode()
    return hashlib.sha256(found).hexdigest()[:16]

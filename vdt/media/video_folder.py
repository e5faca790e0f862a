"""Windows of frames cut from every video below a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .frames import fit_frames
from .types import VideoError
from .video import read_frames

VIDEO_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".gif", ".mpg", ".mpeg"}


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

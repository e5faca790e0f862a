"""Videos of the input folder, which VDT Sample Clip offers after the pack's own, and what of one is held as images."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import folder_paths
import numpy as np

from ...vdt.media.video import VideoInfo, read_frames

HELD_BYTES = 1 << 30  # of one's own clip as IMAGE, which is float32; as VIDEO it is read when and where it is needed


def own_clips() -> list[str]:
    """The names of the videos in the input folder, sorted."""
    folder = Path(folder_paths.get_input_directory())
    files = [path.name for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    return sorted(folder_paths.filter_files_content_types(files, ["video"]))


def own_clip_file(name: str | None) -> Path | None:
    """The file that a widget names, such as "a.mp4" or "a.mp4 [output]"; None if it is none of these folders."""
    if not name:
        return None
    inner, base = folder_paths.annotated_filepath(name)
    folder = Path(base or folder_paths.get_input_directory()).absolute()
    path = Path(os.path.normpath(folder / inner))  # links in the folder may lead out of it, names may not
    return path if path.is_relative_to(folder) and path.is_file() else None


def held_frames(path: Path, info: VideoInfo) -> tuple[np.ndarray, bool]:
    """The first frames of a file, uint8 (T, H, W, 3), as many as HELD_BYTES take, and whether there are more."""
    most = max(1, HELD_BYTES // (info.width * info.height * 12))  # 3 colours of 4 bytes
    frames = list(islice(read_frames(path, max_frames=most + 1), most + 1))
    return np.stack(frames[:most]), len(frames) > most

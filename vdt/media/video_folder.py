"""Windows of frames cut from every video below a folder, each within one scene."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import bounds
from ..bounds import GIBI, LOOKED_AT
from .frames import fit_frames
from .types import VideoError
from .video import probe, read_scenes

# The suffix of a file that is a broken video if it cannot be read; with any other one it is no video.
_VIDEO_NAME = re.compile(
    r"\.(3g[2p]|asf|avi|divx|dv|f4v|flv|gif|m2?ts|m[24]v|mkv|mov|mp4|mpe?g|mxf|nut|og[mv]|rm|rmvb|ts|vob|webm|wmv)",
    re.IGNORECASE,
)
_MOST_NAMED = 20  # files that a message names
CAPTIONS = ".txt"  # of a video, beside it; FFmpeg would take some of them for text screens

_log = logging.getLogger(__name__)


def folder_clips(folder: Path, count: int, *, size: int | tuple[int, int], num_frames: int, fps: float) -> np.ndarray:
    """Windows from every video below a folder, uint8 (N, T, H, W, 3), at most `count`; see `folder_windows`."""
    return folder_windows(folder, count, size=size, num_frames=num_frames, fps=fps)[0]


def folder_windows(
    folder: Path, count: int, *, size: int | tuple[int, int], num_frames: int, fps: float
) -> tuple[np.ndarray, list[Path]]:
    """Windows from every video below a folder, uint8 (N, T, H, W, 3), at most `count`, and the file of each.

    The format is just files, any that FFmpeg opens. Each video is resampled to `fps`, scaled to cover the size (a side,
    or height and width) and cropped at its centre, and cut into windows that follow one another, none of them across a
    cut between scenes; files are taken in the order of their names. With more windows than `count`, an evenly spaced
    choice is kept, so that every video has a part. What is not used is logged as a warning. Raises ValueError if the
    folder holds no window.
    """
    if not folder.is_dir():
        raise ValueError(f"no folder of videos at {folder}")
    shape = (size, size) if isinstance(size, int) else size
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path, folder))
    files = [path for path in files if path.suffix.lower() != CAPTIONS]
    windows: list[np.ndarray] = []
    sources: list[Path] = []
    videos: list[_Video] = []
    for path in tqdm(files, unit="file", desc="videos", disable=len(files) < 2):
        video = _Video(path, num_frames)
        for window in video.windows(shape=shape, fps=fps):
            windows.append(window)
            sources.append(path)
            _check_room(windows)
        videos.append(video)
    videos = [video for video in videos if video.is_video]
    report = _report(folder, videos)
    if not windows:
        raise ValueError(
            f"found no window of {num_frames} frames at {fps:g} fps in the {len(videos)} video files below {folder}: "
            f"add longer clips, or ask for fewer frames or a higher fps; {report}"
        )
    _log.log(logging.WARNING if any(video.problem for video in videos) else logging.INFO, report)
    kept = np.unique(np.linspace(0, len(windows) - 1, min(count, len(windows))).round().astype(int))
    return np.stack([windows[index] for index in kept]), [sources[index] for index in kept]


class _Video:
    """One file of a folder: its windows, and once these are read what was wrong with it."""

    def __init__(self, path: Path, num_frames: int) -> None:
        self.path = path
        self.is_video = True  # and no text, music, picture or anything else that lies beside videos
        self.count = 0  # windows
        self.problem = ""
        self._num_frames = num_frames

    def windows(self, *, shape: tuple[int, int], fps: float) -> Iterator[np.ndarray]:
        """Windows uint8 (T, height, width, 3) that follow one another, each within one scene; none of a broken file."""
        window: list[np.ndarray] = []
        scene = longest = 0
        try:
            if self._num_frames > 1 and probe(self.path).fps is None:  # a picture
                self.is_video = False
                return
            for number, frame in read_scenes(self.path, fps=fps):
                window, scene = (window if number == scene else []), number
                window.append(fit_frames(frame[None], shape, "crop")[0])
                longest = max(longest, len(window))
                if len(window) == self._num_frames:
                    self.count += 1
                    yield np.stack(window)
                    window = []
        except VideoError as error:
            self.is_video = bool(self.count) or _VIDEO_NAME.fullmatch(self.path.suffix) is not None
            self.problem = str(error)
        if not self.count and not self.problem:
            cuts = f", {scene + 1} scenes" if scene else ""
            self.problem = f"'{self.path}' has {longest} of {self._num_frames} frames{cuts}"


def _report(folder: Path, videos: list[_Video]) -> str:
    """Such as "used 2 of 4 videos below clips: 'a.mp4' has 5 of 16 frames; 'b.mp4' cannot be read as a video: ..."."""
    problems = [v.problem.replace(str(v.path), str(v.path.relative_to(folder))) for v in videos if v.problem]
    if len(problems) > _MOST_NAMED:
        problems = [*problems[:_MOST_NAMED], f"and {len(problems) - _MOST_NAMED} more"]
    named = "; ".join(problems)
    head = f"used {sum(v.count > 0 for v in videos)} of {len(videos)} videos below {folder}"
    return f"{head}: {named}" if named else head


def _check_room(windows: list[np.ndarray]) -> None:
    """Refuse to read on when what was read does not fit into memory a second time, as one array, with one window more.

    Small windows are looked at together, so that looking takes no time.
    """
    size, count = windows[0].nbytes, len(windows)
    if count % max(1, LOOKED_AT // size):
        return
    free = bounds.free_bytes()
    if free is not None and (count + 1) * size > free:
        _, height, width, _ = windows[0].shape
        raise ValueError(
            f"{count} windows of {width}x{height} are {count * size / GIBI:.1f} GiB, and {free / GIBI:.1f} GiB of "
            f"memory are left: use a smaller size, fewer frames or fewer videos"
        )


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)

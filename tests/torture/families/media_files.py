"""Damaged video, sound and picture files: whatever reads them ends, with frames or with a sentence."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path
from typing import Any

from ..family import Family
from ..mutate import damaged_bytes
from ..outcomes import check
from .media_samples import make_samples

MOST = 3000  # frames: the samples have 16 or 24, and a gap of an hour at 8 fps has more than any of them may grow to
READERS = ("video", "frames", "resampled", "sound", "scenes", "studio", "copy", "picture", "folder")
UNDAMAGED = 0.05  # share of files that are as they were


class MediaFiles(Family):
    name = "media files"
    small = 250
    full = 4000
    piece = 1000
    seconds = 120.0

    def prepare(self, folder: Path) -> Any:
        import logging

        from vdt_studio.media import video as media  # noqa: F401 - everything is loaded before the first case

        logging.disable(logging.WARNING)
        return folder / "case", [(path.suffix, path.read_bytes()) for path in make_samples(folder / "samples")]

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        folder, samples = shared
        folder.mkdir(exist_ok=True)
        suffix, data = samples[number % len(samples)]
        path = folder / f"case{suffix if rng.random() < 0.9 else rng.choice(('.mp4', '.png', '', '.gif', '.ts'))}"
        path.write_bytes(data if rng.random() < UNDAMAGED else damaged_bytes(data, rng))
        try:
            getattr(self, f"_{rng.choice(READERS)}")(path, rng)
        finally:
            for left in list(folder.iterdir()):
                left.unlink()
        return None

    def _video(self, path: Path, rng: random.Random) -> None:
        from vdt.media import read_video

        size = rng.choice((None, 16, (24, 40)))
        clip = read_video(
            path, size=size, frames=rng.choice((None, 1, 5, 40)), fit=rng.choice(("crop", "fit", "stretch"))
        )
        check(1 <= len(clip) <= MOST and clip.frames.ndim == 4, f"{len(clip)} frames of a small file")

    def _frames(self, path: Path, rng: random.Random) -> None:
        from vdt.media.video import probe, read_frames

        info = probe(path)
        count = sum(1 for _ in islice(read_frames(path, start=rng.choice((0.0, 0.3, 100.0))), MOST + 1))
        check(1 <= count <= MOST, f"{count} frames of a small file that states {info.frames}")

    def _resampled(self, path: Path, rng: random.Random) -> None:
        from vdt.media.video import read_frames

        shapes = {frame.shape for frame in islice(read_frames(path, fps=rng.choice((1, 8, 23.976))), MOST)}
        check(1 <= len(shapes) <= 3, f"frames of the shapes {shapes}")

    def _sound(self, path: Path, rng: random.Random) -> None:
        from vdt.media.audio import read_sound

        sound = read_sound(path, start=rng.choice((0.0, 0.5)), seconds=rng.choice((None, 0.3, 2.0)))
        check(sound is None or sound.samples.ndim == 2, "sound of some channels")

    def _scenes(self, path: Path, rng: random.Random) -> None:
        from vdt.media.video import read_scenes

        numbers = [number for number, _ in islice(read_scenes(path, fps=8), MOST)]
        check(numbers == sorted(numbers), "numbers of scenes grow")

    def _studio(self, path: Path, rng: random.Random) -> None:
        from vdt_studio.media import video as media

        read = media.read(path)
        check(len(read.frames) <= MOST and read.rate > 0, "frames with a rate")
        media.encoding(path), media.container_format(path)

    def _copy(self, path: Path, rng: random.Random) -> None:
        from vdt_studio.shim.comfy_api.latest import InputImpl

        target = path.with_name("copy.mp4")
        video = InputImpl.VideoFromFile(str(path))
        try:
            video.save_to(str(target), metadata={"prompt": {"1": 2}})
        finally:
            left = {each.name for each in path.parent.iterdir()} - {path.name, target.name}
            check(not left, f"nothing is left behind, found {left}")
        video.get_dimensions(), video.get_duration(), video.get_frame_count(), video.get_frame_rate()

    def _picture(self, path: Path, rng: random.Random) -> None:
        from vdt_studio.media.images import load_rgba
        from vdt_studio.server.pictures import preview

        load_rgba(path)
        preview(path, "webp;50")

    def _folder(self, path: Path, rng: random.Random) -> None:
        """Training on a folder passes over what it cannot use, and does not stop."""
        from vdt.media.video_folder import folder_clips

        clips = folder_clips(path.parent, 4, size=16, num_frames=4, fps=8)
        check(clips.shape[1:] == (4, 16, 16, 3), "windows of the size")

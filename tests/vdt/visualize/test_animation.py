"""Files that play without a player."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from vdt.media.types import VideoError
from vdt.visualize.animation import write_gif, write_png_zip, write_webp

FRAMES = np.random.default_rng(0).integers(0, 4, (6, 16, 20, 3), np.uint8) * 80


def opened(data):
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(("write", "kind"), [(write_gif, "GIF"), (write_webp, "WEBP")])
def test_an_animation_loops_with_all_frames_at_the_rate(write, kind):
    for fps in (3.0, 8.0, 30.0, 50.0):
        moving = opened(write(iter(FRAMES), fps))
        assert (moving.format, moving.n_frames, moving.size, moving.info["loop"]) == (kind, 6, (20, 16), 0)
        total = 0
        for index, frame in enumerate(FRAMES):
            moving.seek(index)
            moving.load()
            total += moving.info["duration"]
            assert np.array_equal(np.asarray(moving.convert("RGB")), frame), (fps, index)
        assert abs(total - 6000 / fps) <= 10


def test_large_frames_become_small_files():
    frames = np.random.default_rng(1).integers(0, 256, (2, 520, 520, 3), np.uint8)
    assert len(write_webp(frames, 8)) < frames.nbytes / 2


def test_png_files_are_exact():
    with zipfile.ZipFile(io.BytesIO(write_png_zip(FRAMES, "a"))) as archive:
        assert archive.namelist()[-1] == "a_00005.png"
        assert np.array_equal([np.asarray(opened(archive.read(name))) for name in archive.namelist()], FRAMES)


def test_nothing_is_made_of_nothing():
    for write in (
        lambda frames: write_gif(frames, 8),
        lambda frames: write_webp(frames, 8),
        lambda f: write_png_zip(f, "a"),
    ):
        with pytest.raises(VideoError, match="no frames"):
            write([])
    with pytest.raises(ValueError, match="fps must be more than 0"):
        write_gif(FRAMES, 0)

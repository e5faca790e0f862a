"""A file as a clip in memory: one size, one rate, one length, and the sound that belongs to it."""

import numpy as np
import pytest
from PIL import Image

from vdt.media import Sound, VideoError, read_video, write_video


@pytest.fixture
def path(tmp_path):
    """Two seconds of 20 frames of 40x24, each a flat grey of its own, with a sound of one channel."""
    frames = [np.full((24, 40, 3), 10 + 10 * index, np.uint8) for index in range(20)]
    sound = Sound(samples=0.5 * np.sin(np.arange(16000) / 20)[None].astype(np.float32), rate=8000)
    write_video(tmp_path / "clip.mp4", frames, 10, sound=sound)
    return tmp_path / "clip.mp4"


def numbers(clip):
    return [round((float(frame.mean()) - 10) / 10) for frame in clip.frames]


def test_a_clip_is_the_files_own_unless_asked_otherwise(path):
    clip = read_video(path)
    assert (len(clip), clip.size, clip.fps, clip.sound) == (20, (24, 40), 10.0, None)
    assert clip.frames.dtype == np.uint8 and numbers(clip) == list(range(20))


def test_size_length_rate_and_start(path):
    assert read_video(path, size=16).size == (16, 16)
    assert read_video(path, size=(8, 32), fit="stretch").size == (8, 32)
    assert numbers(read_video(path, frames=5)) == [0, 1, 2, 3, 4]
    slow = read_video(path, fps=5)
    assert slow.fps == 5 and numbers(slow) == list(range(0, 20, 2))
    assert numbers(read_video(path, start=1.5)) == [15, 16, 17, 18, 19]


def test_sound_is_as_long_as_the_frames(path):
    sound = read_video(path, frames=5, start=0.5, sound=True).sound
    assert sound.samples.shape == (1, 4000) and sound.rate == 8000
    assert np.abs(sound.samples).max() > 0.3


def test_an_image_is_one_frame_at_the_usual_rate(tmp_path):
    Image.fromarray(np.full((10, 12, 3), 99, np.uint8)).save(tmp_path / "still.png")
    clip = read_video(tmp_path / "still.png", sound=False)
    assert (len(clip), clip.size, clip.fps) == (1, (10, 12), 8.0) and (clip.frames == 99).all()


def test_what_cannot_be_read_is_one_sentence(path, tmp_path):
    with pytest.raises(VideoError, match="no such file"):
        read_video(tmp_path / "none.mp4")
    with pytest.raises(VideoError, match="nothing to read from 9"):
        read_video(path, start=9.0)
    with pytest.raises(ValueError, match="the fit mode must be one of"):
        read_video(path, size=16, fit="cover")


def test_a_clip_that_was_written_is_read_again(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (6, 1, 1, 3), dtype=np.uint8).repeat(32, 1).repeat(32, 2)
    write_video(tmp_path / "clip.mp4", frames, 12.5)
    clip = read_video(tmp_path / "clip.mp4")
    assert clip.fps == 12.5 and np.abs(clip.frames.astype(int) - frames).max() <= 4
    assert read_video(tmp_path / "clip.mp4", sound=True).sound is None

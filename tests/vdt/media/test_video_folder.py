"""Windows of every video below a folder: in order, of one size and rate, an even choice, and broken files skipped."""

import numpy as np
import pytest

from vdt.media.video import write_video
from vdt.media.video_folder import folder_clips

LEVELS = {"a.mp4": 40, "deep/b.mp4": 120, "deep/er/c.mp4": 200}


@pytest.fixture
def folder(tmp_path):
    """Three videos of 9 frames at 8 fps, each of one grey, with a broken file and one of another kind between them."""
    for name, level in LEVELS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, np.full((9, 24, 40, 3), level, np.uint8), 8)
    (tmp_path / "deep/broken.mp4").write_bytes(b"nothing")
    (tmp_path / "notes.txt").write_text("no video")
    return tmp_path


def levels(clips):
    return [int(clip.mean().round()) for clip in clips]


def test_windows_follow_one_another_in_the_order_of_names(folder):
    clips = folder_clips(folder, 100, size=16, num_frames=4, fps=8)
    assert clips.shape == (6, 4, 16, 16, 3) and clips.dtype == np.uint8  # two of each, the ninth frames left over
    assert np.abs(np.array(levels(clips)) - [40, 40, 120, 120, 200, 200]).max() <= 3


def test_a_choice_is_even_so_that_every_video_has_a_part(folder):
    clips = folder_clips(folder, 3, size=16, num_frames=4, fps=8)
    assert np.abs(np.array(levels(clips)) - [40, 120, 200]).max() <= 3


def test_videos_are_resampled(folder):
    assert len(folder_clips(folder, 100, size=16, num_frames=4, fps=16)) == 12
    assert len(folder_clips(folder, 100, size=16, num_frames=4, fps=4)) == 3


def test_a_folder_without_a_window_is_one_sentence(folder):
    with pytest.raises(ValueError, match="no window of 64 frames at 8 fps in the 4 video files"):
        folder_clips(folder, 2, size=16, num_frames=64, fps=8)
    with pytest.raises(ValueError, match="no folder of videos"):
        folder_clips(folder / "none", 2, size=16, num_frames=4, fps=8)

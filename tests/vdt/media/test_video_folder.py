"""Windows of every video below a folder: in order, of one size and rate, an even choice, and broken files skipped."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


def test_what_is_used_and_what_is_not_is_said(folder, caplog):
    """A broken video, a short one and a picture with a suffix of videos; text, pictures and music are no videos."""
    write_video(folder / "short.mp4", np.full((3, 24, 40, 3), 90, np.uint8), 8)
    (folder / "whole.mp4").write_bytes((folder / "a.mp4").read_bytes())
    (folder / "a.mp4").write_bytes((folder / "a.mp4").read_bytes()[:400])
    Image.new("RGB", (40, 24)).save(folder / "thumbnail.png")
    (folder / ".hidden.mp4").write_bytes(b"nothing")
    assert len(folder_clips(folder, 100, size=16, num_frames=4, fps=8)) == 6
    (said,) = [record.message for record in caplog.records]
    assert said.startswith("used 3 of 6 videos below ") and "\n" not in said
    for words in ("'a.mp4' cannot be read", "'deep/broken.mp4' cannot be read", "'short.mp4' has 3 of 4 frames"):
        assert words.replace("/", os.sep) in said, said
    for words in ("notes.txt", "thumbnail.png", "hidden", "whole.mp4"):
        assert words not in said
    caplog.clear()
    expected = r"in the 6 video files below .*; used 0 of 6 .*'short.mp4' has 3 of 64 frames"
    with pytest.raises(ValueError, match=expected):
        folder_clips(folder, 2, size=16, num_frames=64, fps=8)


def test_nothing_is_said_where_all_is_used(tmp_path, caplog):
    write_video(tmp_path / "a.mp4", np.full((9, 24, 40, 3), 40, np.uint8), 8)
    folder_clips(tmp_path, 9, size=16, num_frames=4, fps=8)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_any_file_that_ffmpeg_opens_is_taken(tmp_path, make, media):
    names = ("a.ts", "b.wmv", "c.flv", "d.3gp", "e.vob", "f.mts", "g.mxf", "h", "i.data", "j.webp")
    kinds = {".wmv": "wmv2", ".3gp": "h263", ".vob": "mpeg2video", ".mxf": "mpeg2video"}
    formats = {".mts": "mpegts", "": "mp4", ".data": "matroska", ".vob": "vob"}
    for name in names[:-1]:
        suffix = Path(name).suffix
        options = {"format": formats.get(suffix), "codec": kinds.get(suffix, "libx264")}
        make(name, media.flat(12, 144, 176, step=1), rate=25, **options)
    frames = [Image.fromarray(frame) for frame in media.flat(12, 144, 176, step=1)]
    frames[0].save(tmp_path / "j.webp", save_all=True, append_images=frames[1:], duration=40)
    assert len(folder_clips(tmp_path, 100, size=16, num_frames=10, fps=25)) == len(names)


def texture(seed, count, step=1):
    """A smooth random picture that moves a little."""
    grain = np.random.default_rng(seed).integers(0, 256, (6, 8 + count, 3), dtype=np.uint8)
    picture = np.repeat(np.repeat(grain, 8, 0), 8, 1)
    for index in range(count):
        yield np.ascontiguousarray(picture[:, step * index : step * index + 64])


def test_no_window_goes_across_a_cut(tmp_path, caplog):
    """Scenes of 10, 3 and 11 frames: windows of 4 within them, at the rate of the video and at half of it."""
    scenes = [list(texture(seed, count)) for seed, count in ((1, 10), (2, 3), (3, 11))]
    write_video(tmp_path / "cuts.mp4", [frame for scene in scenes for frame in scene], 8, crf=4)
    clips = folder_clips(tmp_path, 100, size=48, num_frames=4, fps=8)
    expected = [scenes[0][0:4], scenes[0][4:8], scenes[2][0:4], scenes[2][4:8]]
    assert len(clips) == 4
    for clip, frames in zip(clips, expected, strict=True):
        assert np.abs(clip.astype(int) - np.stack(frames)[:, :, 8:56]).mean() < 12
    assert len(folder_clips(tmp_path, 100, size=48, num_frames=4, fps=4)) == 2
    with pytest.raises(ValueError, match=r"'cuts.mp4' has 11 of 16 frames, 3 scenes"):
        folder_clips(tmp_path, 100, size=48, num_frames=16, fps=8)


def test_motion_is_no_cut(tmp_path):
    """Fast motion, noise, and a clip whose second frame already differs much."""
    noise = np.random.default_rng(0).integers(0, 256, (16, 48, 64, 3), dtype=np.uint8)
    for frames in (list(texture(5, 16, step=3)), list(noise)):
        write_video(tmp_path / "a.mp4", frames, 8)
        assert len(folder_clips(tmp_path, 9, size=48, num_frames=16, fps=8)) == 1


def test_joined_recordings_fill_no_memory(tmp_path, make, media):
    path = make("a.ts", media.flat(20, step=1), rate=8)
    path.write_bytes(path.read_bytes() * 2)
    make("b.avi", media.flat(20, step=1), rate=8, codec_options={"bf": "3", "b-adapt": "0"})
    assert len(folder_clips(tmp_path, 100, size=16, num_frames=4, fps=8)) == 15

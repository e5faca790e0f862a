"""Contact sheets show the right frames with the right outlines; previews keep count and timing."""

import numpy as np
import pytest
from PIL import Image

from vdt.visualize.contact_sheet import Row, animated_preview, contact_sheet

ORANGE, GREY = (240, 128, 20), (168, 172, 178)


def clip(count=6, height=64, width=64):
    """Frames of one flat colour each, blue with a red level of 20 per frame."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames[..., 0] = (20 * np.arange(count))[:, None, None]
    frames[..., 2] = 255
    return frames


def pixels_of(sheet, colour):
    return int((sheet == colour).all(-1).sum())


def test_every_frame_is_shown_at_twice_its_size():
    sheet = contact_sheet([Row(label="clip", frames=clip())])
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3
    for index in range(6):
        assert pixels_of(sheet, (20 * index, 0, 255)) == 128 * 128
    assert pixels_of(sheet, ORANGE) == pixels_of(sheet, GREY) == 0


def test_generated_frames_are_orange_and_given_ones_grey():
    generated = [False, False, True, True, True, True]
    sheet = contact_sheet([Row(label="model", frames=clip(), generated=generated)])
    for index in range(6):
        rows, columns = np.nonzero((sheet == (20 * index, 0, 255)).all(-1))
        edge = sheet[rows.min() - 2, columns.min() : columns.max() + 1]
        assert (edge == (ORANGE if generated[index] else GREY)).all()


def test_columns_line_up_and_margins_are_even():
    rows = [Row(label=name, frames=clip(count)) for name, count in (("a", 6), ("a longer name\nof two lines", 3))]
    sheet = contact_sheet(rows)
    ys, xs = np.nonzero((sheet == (20, 0, 255)).all(-1))
    assert np.ptp(xs) == 127 and np.ptp(ys) > 256
    content = np.argwhere((sheet != sheet[0, 0]).any(-1))
    before, after = content.min(0), sheet.shape[:2] - content.max(0) - 1
    assert abs(before - after).max() <= 6


def test_default_scale_makes_any_size_readable():
    for size in ((48, 96), (96, 48), (128, 128), (17, 400)):
        sheet = contact_sheet([Row(label="", frames=clip(2, *size))])
        ys, xs = np.nonzero((np.abs(sheet.astype(int) - (20, 0, 255)) < 3).all(-1))
        assert max(np.ptp(ys), np.ptp(xs)) + 1 == 128, size


def test_some_frames_of_a_clip_keep_their_numbers():
    rows = [Row(label="clip", frames=clip(3))]
    counted, numbered = contact_sheet(rows), contact_sheet(rows, numbers=[0, 40, 99])
    assert np.array_equal(contact_sheet(rows, numbers=[0, 1, 2]), counted)
    ys, xs = np.nonzero((counted != numbered).any(-1))
    first_frame = np.nonzero((counted == (0, 0, 255)).all(-1))
    assert ys.max() < first_frame[0].min() and xs.min() > first_frame[1].max()  # above the second and the third


def test_rows_of_other_sizes_and_scales_fit_on_one_sheet():
    rows = [Row(label="tall", frames=clip(3, 96, 32)), Row(label="small", frames=clip(5, 16, 16))]
    assert contact_sheet(rows, scale=1.5).shape[1] < contact_sheet(rows, scale=4).shape[1]


def test_a_sheet_is_written_whole(tmp_path):
    for name in ("sheet.png", "sheet.jpg"):
        sheet = contact_sheet([Row(label="clip", frames=clip())], tmp_path / name)
        with Image.open(tmp_path / name) as image:
            written = np.asarray(image)
        assert written.shape == sheet.shape
        assert np.array_equal(written, sheet) or name.endswith("jpg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sheet.jpg", "sheet.png"]


def test_bad_input_is_one_sentence_and_leaves_no_file(tmp_path):
    row = Row(label="clip", frames=clip())
    with pytest.raises(ValueError, match="at least one row"):
        contact_sheet([])
    with pytest.raises(ValueError, match="6 frames, but 2 generated flags"):
        contact_sheet([Row(label="clip", frames=clip(), generated=[True, False])])
    with pytest.raises(ValueError, match="6 columns got 2 numbers"):
        contact_sheet([row], numbers=[0, 1])
    with pytest.raises(ValueError, match="expected uint8 frames"):
        contact_sheet([Row(label="clip", frames=clip().astype(np.float32))])
    with pytest.raises(ValueError, match=r"\.png or \.jpg"):
        contact_sheet([row], tmp_path / "sheet.pdf")
    with pytest.raises(ValueError, match="folder does not exist"):
        contact_sheet([row], tmp_path / "none" / "sheet.png")
    with pytest.raises(ValueError, match=r"\.gif or \.webp"):
        animated_preview(clip(), tmp_path / "clip.mp4", 8)
    with pytest.raises(ValueError, match="fps must be"):
        animated_preview(clip(), tmp_path / "clip.gif", 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["clip.gif", "clip.webp"])
def test_animated_preview_keeps_frames_and_time(tmp_path, name):
    frames = clip(12)
    for fps in (8, 12, 30):
        animated_preview(frames, tmp_path / name, fps)
        assert [path.name for path in tmp_path.iterdir()] == [name]
        with Image.open(tmp_path / name) as image:
            assert image.n_frames == 12 and image.size == (128, 128) and image.info["loop"] == 0
            total = 0
            for index in range(12):
                image.seek(index)
                image.load()
                total += image.info["duration"]
                assert np.abs(np.asarray(image.convert("RGB")).astype(int) - frames[index, 0, 0]).mean() < 6
        assert total == pytest.approx(12000 / fps, abs=10)

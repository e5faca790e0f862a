"""Video files: round trips through real codecs, resampling by time stamps, and nothing left behind on errors."""

import itertools
import struct
from fractions import Fraction
from itertools import islice

import av
import numpy as np
import pytest
from PIL import Image

from vdt.media import opening, timeline
from vdt.media.files import WriteError
from vdt.media.types import VideoError
from vdt.media.video import probe, read_frames, write_video

STEP = 12  # grey levels between one frame and the next


def numbered(count, height=48, width=64):
    """Flat grey frames whose level tells their number, even after a codec."""
    for index in range(count):
        yield np.full((height, width, 3), 10 + STEP * index, np.uint8)


def numbers(frames):
    return [round((float(frame.mean()) - 10) / STEP) for frame in frames]


def has_encoder(name):
    try:
        av.codec.Codec(name, "w")
    except av.error.FFmpegError:
        return False
    return True


def encode(path, frames, *, codec="libx264", pix_fmt="yuv420p", stamps=None, rate=Fraction(10), options=None):
    """Write frames with a codec of choice; `stamps` are presentation times in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.pix_fmt = pix_fmt
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, array in enumerate(frames):
            if index == 0:
                stream.height, stream.width = array.shape[:2]
            frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = (index, 1 / rate) if stamps is None else (stamps[index], Fraction(1, 1000))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def rotate_header(path, quarter_turns):
    """Set the display matrix of an mp4, as phones do; quarter turns clockwise."""
    matrix = {1: (0, 1, -1, 0), 2: (-1, 0, 0, -1), 3: (0, -1, 1, 0)}[quarter_turns]
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def tone(path, codec="aac"):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=44100)
        samples = np.zeros((1, 1024), np.float32)
        for index in range(8):
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, index * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_round_trip_keeps_count_rate_and_order(tmp_path):
    path = tmp_path / "clip.mp4"
    for count, fps in itertools.product((1, 2, 20), (8, 12.5, Fraction(30000, 1001))):
        written = write_video(path, numbered(count), fps)
        assert written == probe(path)
        assert written.frames == count and written.fps == Fraction(fps) and (written.width, written.height) == (64, 48)
        assert written.duration == pytest.approx(count / float(fps))
        assert numbers(read_frames(path)) == numbers(read_frames(path, fps=fps)) == list(range(count))
        assert [entry.name for entry in tmp_path.iterdir()] == ["clip.mp4"]


def test_colours_survive(tmp_path):
    for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40)):
        write_video(tmp_path / "c.mp4", [np.full((32, 32, 3), colour, np.uint8)] * 3, 8)
        for frame in read_frames(tmp_path / "c.mp4"):
            assert np.abs(frame.astype(int) - colour).max() <= 4, colour


def test_file_is_h264_yuv420p_and_carries_metadata(tmp_path):
    tags = {"prompt": '{"1": "é"}', "workflow": "x" * 5000}
    write_video(tmp_path / "c.mp4", numbered(3), 8, metadata=tags)
    with av.open(str(tmp_path / "c.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert {key: container.metadata[key] for key in tags} == tags


def test_odd_and_portrait_sizes(tmp_path):
    for height, width in ((33, 47), (48, 47), (33, 64), (128, 36)):
        rng = np.random.default_rng(0)
        source = np.kron(rng.integers(0, 256, (9, 8, 1)), np.ones((16, 8, 3))).astype(np.uint8)[:height, :width]
        info = write_video(tmp_path / "c.mp4", [source] * 4, 8, crf=4)
        assert (info.height, info.width) == (height + height % 2, width + width % 2)
        (frame,) = read_frames(tmp_path / "c.mp4", max_frames=1)
        assert frame.shape == (info.height, info.width, 3)
        assert np.abs(frame[:height, :width].astype(int) - source).mean() < 4
        assert np.abs(frame[-1].astype(int) - frame[height - 1]).mean() < 6


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [
        ("libx264", "yuv420p10le", ".mp4"),
        ("libx265", "yuv420p10le", ".mp4"),
        ("ffv1", "yuv420p10le", ".mkv"),
        ("ffv1", "yuv444p", ".mkv"),
        ("libvpx-vp9", "yuv420p", ".webm"),
        ("mjpeg", "yuvj420p", ".avi"),
    ],
)
def test_other_codecs_and_ten_bits(tmp_path, codec, pix_fmt, suffix):
    if not has_encoder(codec):
        pytest.skip(f"this FFmpeg has no {codec}")
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    try:
        path = encode(tmp_path / f"c{suffix}", numbered(6), codec=codec, pix_fmt=pix_fmt, options=options)
    except av.error.FFmpegError as error:
        pytest.skip(f"{codec} does not encode {pix_fmt} here: {error}")
    assert numbers(read_frames(path)) == list(range(6))
    assert numbers(read_frames(path, fps=5)) == [0, 2, 4]
    assert probe(path).fps == 10


def test_odd_source_sizes_are_read(tmp_path):
    path = encode(tmp_path / "odd.mkv", numbered(3, 33, 47), codec="ffv1", pix_fmt="yuv444p")
    assert [frame.shape for frame in read_frames(path)] == [(33, 47, 3)] * 3


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_takes_the_nearest_frame(tmp_path, suffix):
    stamps = [0, 100, 200, 700, 720, 1500, 1600, 1700]
    path = encode(tmp_path / f"v{suffix}", numbered(8), stamps=stamps, options={"bf": "0"})
    assert numbers(read_frames(path)) == list(range(8))
    for fps in (2, 4, 5, 10, 24, 30, Fraction(30000, 1001)):
        shown = numbers(read_frames(path, fps=fps))
        assert abs(len(shown) - 1.75 * fps) <= 0.06 * fps + 0.5  # to the end of the last frame, 20 to 100 ms long
        for tick, number in enumerate(shown):
            distances = [abs(1000 * tick / fps - stamp) for stamp in stamps]
            assert distances[number] <= min(distances) + 1, (fps, tick)


def test_constant_rate_drops_and_repeats_evenly(tmp_path):
    write_video(tmp_path / "c.mp4", numbered(10), 8)
    for fps, expected in ((4, [0, 2, 4, 6, 8]), (16, [n // 2 for n in range(20)]), (8, list(range(10)))):
        assert numbers(read_frames(tmp_path / "c.mp4", fps=fps)) == expected
        assert numbers(read_frames(tmp_path / "c.mp4", fps=fps, max_frames=3)) == expected[:3]


@pytest.mark.parametrize("bframes", [0, 3])
def test_start_is_in_seconds_and_seeks_to_the_exact_frame(tmp_path, bframes):
    frames = [np.full((32, 32, 3), 10 + STEP * (index % 20), np.uint8) for index in range(60)]
    path = encode(tmp_path / "c.mp4", frames, options={"g": "12", "bf": str(bframes)})
    for first in (0, 1, 7, 11, 12, 13, 25, 37, 59):
        assert numbers(read_frames(path, start=first / 10)) == [index % 20 for index in range(first, 60)]
        assert numbers(read_frames(path, start=first / 10, fps=5)) == [index % 20 for index in range(first, 60, 2)]
    with pytest.raises(VideoError, match=r"6\.00 s long: nothing to read from 7\.00 s on"):
        list(read_frames(path, start=7.0))


def test_file_that_cannot_seek_is_read_from_the_beginning(tmp_path, monkeypatch):
    path = encode(tmp_path / "c.mp4", numbered(20))
    opened, asked = opening.av.open, []

    def cannot_seek(*arguments, **options):
        container = opened(*arguments, **options)

        class Fixed:
            def __enter__(self):
                return self

            def __exit__(self, *error):
                container.close()

            def __getattr__(self, name):
                return getattr(container, name)

            def seek(self, *_, **__):
                asked.append(1)
                raise av.error.PermissionError(1, "Operation not permitted")

        return Fixed()

    monkeypatch.setattr(opening.av, "open", cannot_seek)
    assert numbers(read_frames(path, start=1.5)) == [15, 16, 17, 18, 19] and asked


def test_rotation_is_applied(tmp_path):
    source = np.zeros((32, 64, 3), np.uint8)
    source[:16, :32] = (250, 0, 0)
    source[16:, 32:] = (0, 0, 250)
    path = tmp_path / "phone.mp4"
    for turns in (1, 2, 3):
        write_video(path, [source] * 2, 8)
        rotate_header(path, turns)
        upright = np.rot90(source, -turns)
        info = probe(path)
        assert (info.height, info.width) == upright.shape[:2] and info.rotation == (360 - 90 * turns)
        for frame in read_frames(path):
            assert frame.shape == upright.shape and frame.flags["C_CONTIGUOUS"]
            assert np.abs(frame.astype(int) - upright).mean() < 8, turns


def test_images_are_clips_of_one_frame(tmp_path):
    source = next(numbered(1, 33, 21))
    for name in ("still.png", "still.jpg"):
        Image.fromarray(source).save(tmp_path / name)
        info = probe(tmp_path / name)
        assert (info.frames, info.fps, info.duration, info.height, info.width) == (1, None, None, 33, 21)
        for fps in (None, 8, 60):
            (frame,) = read_frames(tmp_path / name, fps=fps)
            assert np.abs(frame.astype(int) - source).max() <= 2, (name, fps)


def test_gif_is_read_by_its_time_stamps(tmp_path):
    images = [Image.fromarray(frame) for frame in numbered(6)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=[100, 100, 300, 100, 100, 200])
    assert numbers(read_frames(tmp_path / "a.gif")) == list(range(6))
    assert numbers(read_frames(tmp_path / "a.gif", fps=10))[:8] == [0, 1, 2, 2, 3, 3, 4, 5]


def test_reading_is_lazy(tmp_path, monkeypatch):
    path = encode(tmp_path / "long.mp4", (frame for _ in range(30) for frame in numbered(20)))
    decoded = []
    original = timeline.decode

    def counting(*arguments, **options):
        for frame in original(*arguments, **options):
            decoded.append(1)
            yield frame

    monkeypatch.setattr(timeline, "decode", counting)
    reader = read_frames(path)
    assert iter(reader) is reader and not decoded
    assert numbers(islice(reader, 1)) == [0] and len(decoded) == 1
    assert len(list(read_frames(path, fps=10, max_frames=5))) == 5 and len(decoded) < 10


def test_writing_is_lazy(tmp_path):
    alive = []

    def source():
        for index, frame in enumerate(numbered(15)):
            alive.append(index)
            yield frame
            assert alive[-1] == index

    assert write_video(tmp_path / "c.mp4", source(), 8).frames == 15


def test_failing_source_leaves_the_old_file_and_nothing_else(tmp_path):
    def failing(after, error):
        yield from numbered(after)
        raise error("interrupted")

    path = tmp_path / "c.mp4"
    for error, after in itertools.product((RuntimeError, KeyboardInterrupt), (0, 1, 10)):
        path.write_bytes(b"old")
        with pytest.raises(error, match="interrupted"):
            write_video(path, failing(after, error), 8)
        assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path], (error, after)


def test_bad_frames_are_not_written(tmp_path):
    for frames, message in (
        ([], "no frames to write"),
        ([np.zeros((8, 8, 3), np.float32)], r"frame 0 is float32 \(8, 8, 3\), expected uint8"),
        ([np.zeros((16, 16, 3), np.uint8), np.zeros((16, 18, 3), np.uint8)], r"frame 1 is \(16, 18, 3\), but frame 0"),
    ):
        with pytest.raises(VideoError, match=message):
            write_video(tmp_path / "c.mp4", frames, 8)
        assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.mp4").mkdir()
    for name, message in (
        ("none/c.mp4", "folder does not exist"),
        ("file/c.mp4", "cannot write"),
        ("folder.mp4", "it is a folder"),
        ("c.avi", "written as .mp4"),
    ):
        with pytest.raises(ValueError, match=message):
            write_video(tmp_path / name, numbered(2), 8)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.mp4"]


def test_folder_without_permission_is_one_sentence(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.touch", denied)  # tests may run as root, whom no folder refuses
    with pytest.raises(WriteError, match=r"cannot write .*c\.mp4': Permission denied"):
        write_video(tmp_path / "c.mp4", numbered(2), 8)


def test_unreadable_files_are_one_sentence(tmp_path):
    (tmp_path / "text.mp4").write_text("hello world\n" * 40)
    (tmp_path / "text.txt").write_text("hello world\n" * 40)
    (tmp_path / "empty.mp4").touch()
    for name, message in (
        ("missing.mp4", "no such file: '.*missing.mp4'"),
        ("", "is a folder, expected a video file"),
        ("text.mp4", "text.mp4' cannot be read as a video"),
        ("text.txt", "text.txt' (is not|cannot be read as) a video"),
        ("empty.mp4", "empty.mp4' cannot be read as a video"),
    ):
        for action in (probe, lambda path: list(read_frames(path))):
            with pytest.raises(VideoError, match=message) as caught:
                action(tmp_path / name)
            assert "\n" not in str(caught.value)


def test_audio_without_video_is_one_sentence(tmp_path):
    with pytest.raises(VideoError, match=r"song\.m4a' is not a video: it holds audio only"):
        probe(tone(tmp_path / "song.m4a"))


def test_truncated_file_is_one_sentence(tmp_path):
    path = tmp_path / "c.mp4"
    write_video(path, numbered(20), 8)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(VideoError):
        list(read_frames(path))


def test_bad_settings_are_refused_at_once(tmp_path):
    path = tmp_path / "c.mp4"
    write_video(path, numbered(2), 8)
    for settings, message in (
        ({"fps": 0}, "fps must be"),
        ({"start": -1.0}, "start must be"),
        ({"max_frames": 0}, "max_frames must be"),
    ):
        with pytest.raises(ValueError, match=message):
            read_frames(path, **settings)


def test_equal_frames_make_equal_files_whatever_memory_held_before(tmp_path):
    """x264's AVX-512 code for narrow pictures reads what earlier allocations left behind, unless told not to."""
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (16, 64, 64, 3), dtype=np.uint8)
    files = set()
    for _ in range(12):
        rubbish = [generator.random(generator.integers(10, 50_000)) for _ in range(50)]
        del rubbish
        write_video(tmp_path / "clip.mp4", frames, 20)
        files.add((tmp_path / "clip.mp4").read_bytes())
    assert len(files) == 1

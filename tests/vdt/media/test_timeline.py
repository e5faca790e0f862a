"""One time line: every frame once and in order at its own rate whatever stamps a file has, and every read ends."""

import itertools
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from vdt.media import VideoError, open_clip, probe, read_frames, read_sound, read_video, write_video
from vdt.media.packets import Decoded
from vdt.media.probing import constant_rate
from vdt.media.timeline import put_in_order, resampled

DEFAULT = 1  # AV_DISPOSITION_DEFAULT


def starts(stamps, usual=1, **options):
    """Starts of frames with such stamps on the time line."""
    decoded = (Decoded(frame=SimpleNamespace(), stamp=None if s is None else Fraction(s)) for s in stamps)
    return [item.start for item in put_in_order(decoded, Fraction(usual), **options)]


def test_stamps_only_grow_and_a_bad_one_moves_no_other():
    for stamps, expected in (
        ([5, 6, 7, 8], [0, 1, 2, 3]),
        ([0, 1, 0.5, 3, 4], [0, 1, 2, 3, 4]),  # one steps back
        ([0, 1, 1, 3, 4], [0, 1, 2, 3, 4]),  # one stands still
        ([0, 1, None, 3, 4], [0, 1, 2, 3, 4]),
        ([None, None, None], [0, 1, 2]),
        ([0, 1, 2, 0, 1, 2, 0, 1], [0, 1, 2, 3, 4, 5, 6, 7]),  # joined recordings
        ([0, 1, 2, 3, 100, 101, 4, 5], [0, 1, 2, 3, 100, 101, 102, 103]),
    ):
        assert starts(stamps) == expected, stamps


def test_any_stamps_grow_strictly():
    rng = np.random.default_rng(0)
    for _ in range(300):
        stamps = [None if x < -40 else Fraction(int(x), 7) for x in rng.integers(-60, 60, 40)]
        found = starts(stamps, usual=Fraction(1, 25))
        assert all(a < b for a, b in itertools.pairwise(found)), stamps


def test_b_frames_in_avi_are_read_once_and_in_order(make, media):
    """AVI only tells the order of decoding, and FFmpeg takes it for that of showing."""
    path = make("b.avi", media.flat(20), rate=8, codec_options={"bf": "3", "b-adapt": "0"}, format="avi")
    assert media.numbers(read_frames(path)) == media.numbers(read_frames(path, fps=8)) == list(range(20))
    assert media.numbers(read_frames(path, fps=4)) == list(range(0, 20, 2))
    for start in (0.5, 1.0, 2.0):
        assert media.numbers(read_frames(path, fps=8, start=start)) == list(range(int(8 * start), 20))


def test_joined_recordings_go_on(make, media):
    for name, codec in (("a.ts", "libx264"), ("b.ts", "mpeg2video"), ("c.vob", "mpeg2video")):
        part = make(name, media.flat(20), codec=codec, format="vob" if name == "c.vob" else None)
        joined = part.with_name(f"joined{part.suffix}")
        joined.write_bytes(part.read_bytes() * 3)
        assert media.numbers(read_frames(joined)) == [n % 20 for n in range(60)], name
        if name == "c.vob":  # FFmpeg finds a gap in each part, where the pictures of a pack have no stamps
            assert 60 <= len(media.numbers(read_frames(joined, fps=24))) <= 63
            continue
        assert media.numbers(read_frames(joined, fps=24)) == [n % 20 for n in range(60)], name
        assert media.numbers(read_frames(joined, fps=12)) == [n % 20 for n in range(0, 60, 2)], name
        assert media.numbers(read_frames(joined, start=1.5)) == [n % 20 for n in range(36, 60)], name


def test_pictures_and_sound_stay_together_after_a_joint(make, media):
    """The second part begins anew, or leaps ahead."""
    sound = {"samples": media.tone(2, begin=1, end=1.2)}
    parts = {
        offset: make(f"{offset}.ts", media.flash(48, 24), [sound], options={"output_ts_offset": str(offset)})
        for offset in (0, 4000)
    }
    for order in ((0, 0), (0, 4000), (4000, 0)):
        path = parts[0].with_name("joined.ts")
        path.write_bytes(b"".join(parts[offset].read_bytes() for offset in order))
        clip = read_video(path, sound=True)
        flashes = [at / clip.fps for at in media.onsets(clip.frames.mean((1, 2, 3)), 150)]
        beeps = [at / 100 for at in media.onsets(media.loudness(clip.sound), 0.1)]
        assert len(clip) == 96 and flashes == pytest.approx([1, 3], abs=0.05), order
        assert beeps == pytest.approx(flashes, abs=0.05), order


def test_variable_rate_keeps_in_step_with_its_sound(make, media):
    """30 frames in the first second, then 10 a second: the flash and the tone are at 1 second."""
    stamps = [*range(0, 1000, 33)][:30] + list(range(1000, 3000, 100))
    path = make("v.mp4", media.flash(50, 30), [{"samples": media.tone(3, begin=1, end=1.2)}], stamps=stamps)
    for clip in (open_clip(path, sound=True), open_clip(path, fps=12, sound=True), read_video(path, sound=True)):
        levels = [float(frame.mean()) for frame in clip.frames]
        assert media.onsets(levels, 150)[0] / clip.fps == pytest.approx(1, abs=0.06)
        assert media.onsets(media.loudness(clip.sound), 0.1)[0] / 100 == pytest.approx(1, abs=0.03)
        assert len(levels) / clip.fps == pytest.approx(3, abs=0.15)


def test_a_clip_that_is_opened_is_what_is_read_into_memory(make, media):
    path = make("c.mp4", media.flat(12), [{"samples": media.tone(0.5)}], rate=24)
    for settings in ({}, {"frames": 5}, {"fps": 10.0}, {"start": 0.25, "frames": 4}):
        streamed, whole = open_clip(path, sound=True, **settings), read_video(path, sound=True, **settings)
        assert np.array_equal(np.stack(list(streamed.frames)), whole.frames) and streamed.fps == whole.fps
        count = streamed.sound.samples.shape[1] if "frames" not in settings else whole.sound.samples.shape[1]
        assert np.array_equal(streamed.sound.samples[:, : whole.sound.samples.shape[1]], whole.sound.samples[:, :count])
        assert (streamed.info.height, streamed.info.width) == whole.size


def test_rates_are_those_of_the_stamps_where_files_say_otherwise(tmp_path, media):
    from PIL import Image

    images = [Image.fromarray(frame) for frame in media.flat(20)]
    for name, delays, rate in (
        ("thirds.gif", [70, 70, 60] * 6 + [70, 70], 15),
        ("even.gif", [80] * 20, 12.5),
        ("even.webp", [40] * 20, 25),
        ("film.webp", [42, 42, 41] * 6 + [42, 42], 24),
        ("even.png", [50] * 20, 20),
        ("sixtieths.gif", [20, 20, 10] * 6, 60),
        ("varied.gif", [50, 200, 70] * 6, 9.375),
        ("varied.png", [50, 200, 70] * 6, 9.375),
    ):
        path = tmp_path / name
        images[0].save(path, save_all=True, append_images=images[1 : len(delays)], duration=delays, lossless=True)
        assert float(probe(path).fps) == pytest.approx(rate, rel=0.003), name
        assert media.numbers(read_frames(path)) == list(range(len(delays))), name
        if not name.startswith("varied"):
            assert media.numbers(read_video(path).frames) == list(range(len(delays))), name


def test_a_constant_rate_fits_all_stamps():
    tick = Fraction(1, 100)
    stamps = [round(n * 100 / 15) * tick for n in range(40)]
    assert constant_rate(stamps, tick, [Fraction(50, 3), Fraction(15)]) == 15
    assert constant_rate([*stamps, Fraction(9)], tick, [Fraction(50, 3), Fraction(15)]) is None


def test_one_frame_an_hour_is_a_clip_of_its_rate(tmp_path, make, media):
    for rate in (0.5, 0.01, 1 / 3600):
        if rate < 0.001 and int(av.__version__.split(".")[0]) < 15:
            continue  # FFmpeg 7 loses frames of such an mp4
        write_video(tmp_path / "slow.mp4", media.flat(5), rate)
        assert float(probe(tmp_path / "slow.mp4").fps) == pytest.approx(rate, rel=1e-3)
        clip = read_video(tmp_path / "slow.mp4")
        assert media.numbers(clip.frames) == list(range(5)) and clip.fps == pytest.approx(rate, rel=1e-3)
    path = make("slow.mkv", media.flat(5), stamps=[3_600_000 * n for n in range(5)])
    assert media.numbers(read_video(path).frames) == list(range(5))
    for fps, copies in ((8, 28_800), (30, 108_000)):
        with pytest.raises(VideoError, match=f"one picture for 3600 s, which is {copies} frames at {fps} a second"):
            next(read_frames(path, fps=fps))
    assert len(list(read_frames(path, fps=1 / 60, max_frames=70))) == 70


def test_a_frame_that_lasts_for_ever_ends_in_a_sentence():
    timed = put_in_order(
        iter([Decoded(frame=SimpleNamespace(duration=10**12, time_base=1), stamp=Fraction(0))]), Fraction(1)
    )
    with pytest.raises(VideoError, match="read it at a lower frame rate"):
        next(resampled(timed, Fraction(25), Fraction(0), Path("x.mp4")))


def test_tags_that_are_not_utf8_do_not_matter(make, media):
    """Shift-JIS and Latin-1, in the tags of the file and of a track."""
    for name in ("title.mp4", "title.avi", "title.mkv"):
        path = make(name, media.flat(6), [{"samples": media.tone(0.25)}], tags={"title": "TITLEXXXXXX"})
        data = path.read_bytes()
        assert b"TITLEXXXXXX" in data
        path.write_bytes(data.replace(b"TITLEXXXXXX", "テスト".encode("shift_jis") + b"\xff\xfe\x81\x8d\x83"))
        assert len(list(read_frames(path))) == 6 and read_sound(path) is not None, name


def test_the_film_is_the_track_that_players_show(make, media, tmp_path):
    """The default track of several."""
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for flags in (0, DEFAULT):
            stream = container.add_stream("libx264", rate=8)
            stream.width, stream.height, stream.pix_fmt, stream.disposition = 64, 48, "yuv420p", flags
            streams.append(stream)
        for index in range(6):
            for level, stream in zip((60, 200), streams, strict=True):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8)).reformat(format="yuv420p")
                frame.pts, frame.time_base = index, Fraction(1, 8)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    assert [round(float(frame.mean()) / 10) for frame in read_frames(path)] == [20] * 6

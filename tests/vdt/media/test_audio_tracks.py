"""The sound of files that people bring: placed by its stamps, mixed down, of the right track, and never in the way."""

from fractions import Fraction

import av
import numpy as np
import pytest

from vdt.media import Sound, VideoError, read_frames, read_sound, read_video, write_video
from vdt.media.audio import _Places, mixed_down
from vdt.media.opening import note

CENTRE = 2  # of the channels of 5.1
DEFAULT, COMMENT, IMPAIRED = 0x1, 0x8, 0x100  # AV_DISPOSITION_*


@pytest.fixture
def said(caplog):
    note.cache_clear()
    return lambda: [record.message for record in caplog.records]


def times(media, sound, threshold=0.1):
    """Seconds at which the sound begins, and at which it ends."""
    loud = media.loudness(sound) > threshold
    return [at / 100 for at in media.onsets(loud, 0.5)], [at / 100 for at in media.onsets(~loud, 0.5)]


def test_sound_that_starts_later_is_heard_later(make, media):
    for name, codec in (
        ("a.mp4", "aac"),
        ("a.mkv", "aac"),
        ("a.ts", "aac"),
        ("b.mkv", "pcm_s16le"),
        ("a.mov", "pcm_s16le"),
    ):
        samples = media.tone(1.5)
        path = make(name, media.flat(20, step=1), [{"samples": samples, "start": 1.0, "codec": codec}], rate=8)
        begins, _ = times(media, read_sound(path))
        assert begins == [pytest.approx(1.0, abs=0.03)], name
        assert times(media, read_sound(path, start=0.5, seconds=1.5))[0] == [pytest.approx(0.5, abs=0.03)], name
        assert not read_sound(path, seconds=0.9).samples.any(), name
        assert times(media, read_video(path, start=1.5, sound=True).sound)[0] == [0], name


def test_sound_before_the_first_picture_is_cut(make, media):
    stamps = [500 + 100 * n for n in range(20)]
    for name in ("a.mkv", "a.ts"):
        sound = {"samples": media.tone(2.5, begin=1.5, end=2)}
        path = make(name, media.flash(20, 10), [sound], stamps=stamps, rate=10)
        clip = read_video(path, sound=True)
        assert media.onsets(clip.frames.mean((1, 2, 3)), 150) == [10], name
        assert times(media, clip.sound)[0] == [pytest.approx(1.0, abs=0.03)], name


def test_gaps_are_silence(make, media):
    for name, codec in (("a.mkv", "aac"), ("a.ts", "aac"), ("b.mkv", "pcm_s16le")):
        sound = {"samples": media.tone(3), "pieces": [(0, 0.5), (2, 3)], "codec": codec}
        begins, ends = times(media, read_sound(make(name, media.flat(30, step=1), [sound], rate=10)))
        assert begins == [0, pytest.approx(2, abs=0.04)] and ends[0] == pytest.approx(0.5, abs=0.06), name


def test_stamps_of_sound_that_are_wrong_do_not_fill_the_memory(make, media):
    """A leap of days is no silence of days; back from it, all is as it was."""
    leap = 200_000
    sound = {"samples": media.tone(2), "pieces": [(0, 1), (1, 2)], "codec": "pcm_s16le"}
    path = make("a.nut", media.flat(20, step=1), [sound], rate=10)
    assert times(media, read_sound(path))[0] == [0]
    place = _Places()
    for stamp, expected in ((0, 0), (1, 1), (leap, 2), (leap + 1, 3), (4, 4), (10, 10), (4.99, 11), (5.99, 12)):
        at = place.next(Fraction(stamp))
        place.end = at + 1
        assert at == expected, stamp


def test_surround_is_mixed_down_as_ffmpeg_does(make, media, tmp_path):
    """A voice in the centre is heard from both sides, at 0.707 of its level, in what is read and what is written."""
    samples = np.zeros((6, 48000), np.float32)
    samples[CENTRE] = media.tone(1)[0]
    path = make("a.mkv", media.flat(8, step=1), [{"samples": samples, "codec": "pcm_f32le"}], rate=8)
    sound = read_sound(path)
    assert sound.samples.shape == (2, 48000)
    assert np.abs(sound.samples - 0.5**0.5 * samples[CENTRE]).max() < 1e-4
    for given in (sound, Sound(samples=samples, rate=48000)):
        write_video(tmp_path / "b.mp4", media.flat(8), 8, sound=given)
        written = read_sound(tmp_path / "b.mp4").samples
        assert written.shape[0] == 2 and np.abs(written).max(1) == pytest.approx([0.354, 0.354], abs=0.02)


def test_any_number_of_channels_is_mixed_down():
    for channels in range(1, 12):
        samples = np.full((channels, 480), 0.1, np.float32)
        mixed = mixed_down(Sound(samples=samples, rate=48000))
        assert mixed.samples.shape == (min(channels, 2), 480) and np.isfinite(mixed.samples).all(), channels
        assert (mixed.samples > 0.09).all(), channels


def test_a_track_that_changes_goes_on(make, media):
    """Stereo, then 5.1, then one channel at another rate: as recordings of television do."""
    surround = np.zeros((6, 96000), np.float32)
    surround[CENTRE] = media.tone(2)[0]
    parts = [
        {"samples": media.tone(2, channels=2)},
        {"samples": surround},
        {"samples": media.tone(2, rate=44100), "rate": 44100},
    ]
    paths = [make(f"{n}.ts", media.flat(16, step=1), [part], rate=8) for n, part in enumerate(parts)]
    path = paths[0].with_name("joined.ts")
    path.write_bytes(b"".join(part.read_bytes() for part in paths))
    sound = read_sound(path)
    assert sound.rate == 48000 and len(sound.samples) == 2
    assert sound.samples.shape[1] / sound.rate == pytest.approx(6, abs=0.2)
    loud = media.loudness(sound)
    assert all((loud[at : at + 150] > 0.3).all() for at in (25, 225, 425))
    assert len(list(read_frames(path))) == 48


def level(sound):
    """Of a tone, from its mean power: the AAC encoder in PyAV 19 overshoots at the end of what it writes."""
    return float(np.sqrt(2 * (sound.samples**2).mean()))


def test_the_track_is_the_one_that_players_choose(make, media):
    quiet, loud = ({"samples": media.tone(1, level=level)} for level in (0.1, 0.6))
    for name, tracks in (
        ("default.mkv", [{**quiet, "flags": 0}, {**loud, "flags": DEFAULT}]),
        ("comment.mkv", [{**quiet, "flags": COMMENT}, {**loud, "flags": 0}]),
        ("described.mkv", [{**quiet, "flags": DEFAULT | IMPAIRED}, {**loud, "flags": 0}]),
        ("equal.mkv", [{**loud, "flags": 0}, {**quiet, "flags": 0}]),
        ("first.mp4", [loud, quiet]),
    ):
        path = make(name, media.flat(8, step=1), tracks, rate=8)
        assert level(read_sound(path)) == pytest.approx(0.6, abs=0.15), name


def without_decoder(path, *places):
    """Rename the codec of some of the tracks of an mp4, so that none is known for it."""
    data = path.read_bytes()
    for name, other in ((b"mp4a", b"zzz9"), (b"esds", b"zzz8")):  # what MPEG-4 calls AAC, and its description
        parts = data.split(name)
        data = parts[0] + b"".join((other if n in places else name) + part for n, part in enumerate(parts[1:]))
    path.write_bytes(data)
    return path


def test_a_track_without_decoder_gives_way_to_the_next(make, media, said):
    tracks = [{"samples": media.tone(1, level=level), "codec": "aac"} for level in (0.2, 0.6)]
    path = without_decoder(make("a.mp4", media.flat(8, step=1), tracks, rate=8), 0)
    assert level(read_sound(path)) == pytest.approx(0.6, abs=0.15)
    assert not said()
    path = without_decoder(make("b.mp4", media.flat(8, step=1), tracks, rate=8), 0, 1)
    clip = read_video(path, sound=True)
    assert clip.sound is None and len(clip) == 8
    assert [text for text in said() if "b.mp4' cannot be decoded: it is left out" in text] == said()


def test_damage_is_a_hole_and_stops_nothing(make, media, said):
    path = make("a.mkv", media.flat(20, step=1), [{"samples": media.tone(2.5)}], rate=8)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0)]
    for packet in packets[50:60]:
        at = data.index(packet)
        data[at : at + len(packet)] = b"\xff" * len(packet)
    path.write_bytes(data)
    clip = read_video(path, sound=True)
    assert len(clip) == 20 and clip.sound.samples.shape[1] == 2.5 * 48000
    loud = media.loudness(clip.sound)
    assert (loud[2:100] > 0.3).all() and (loud[135:240] > 0.3).all()
    assert any("some of the sound of" in text and "it is silent there" in text for text in said())


def test_sound_alone_is_read_from_its_own_beginning(make, media):
    path = make("a.mka", sounds=[{"samples": media.tone(1, begin=0.5), "start": 3.0}], format="matroska")
    assert times(media, read_sound(path))[0] == [pytest.approx(0.5, abs=0.03)]
    with pytest.raises(VideoError, match="it holds audio only"):
        next(read_frames(path))

"""The sound of a clip: the part that belongs to its frames, to the sample, and silence after its end."""

import av
import numpy as np
import pytest

from vdt.media.audio import read_sound
from vdt.media.types import Sound, VideoError
from vdt.media.video import write_video

RATE = 8000


@pytest.fixture
def tone(tmp_path):
    """One second of uncompressed sound whose sample n is n / RATE, in two channels."""
    path = tmp_path / "tone.wav"
    ramp = (np.arange(RATE) / RATE * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.repeat(ramp, 2)[None], format="s16", layout="stereo")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_the_part_that_belongs_to_the_frames(tone):
    sound = read_sound(tone, start=0.25, seconds=0.5)
    assert sound.rate == RATE and sound.samples.shape == (2, RATE // 2)
    expected = np.arange(RATE // 4, 3 * RATE // 4) / RATE
    assert np.abs(sound.samples - expected).max() < 1e-4


def test_silence_after_the_end(tone):
    sound = read_sound(tone, start=0.75, seconds=1.0)
    assert sound.samples.shape == (2, RATE)
    assert sound.samples[:, : RATE // 4].min() > 0.74 and not sound.samples[:, RATE // 4 :].any()
    assert not read_sound(tone, start=5.0, seconds=0.1).samples.any()


def test_another_rate_is_the_same_sound(tone):
    for rate in (4000, 11025, 16000):
        sound = read_sound(tone, start=0.25, seconds=0.5, rate=rate)
        assert sound.rate == rate and sound.samples.shape == (2, round(rate / 2))
        expected = 0.25 + np.arange(round(rate / 2)) / rate
        assert np.abs(sound.samples - expected)[:, 50:-50].max() < 5e-3, rate


def test_without_a_length_it_is_the_whole_track(tone):
    sound = read_sound(tone)
    assert sound.rate == RATE and sound.samples.shape == (2, RATE)


def test_a_file_without_sound_has_none(tmp_path):
    write_video(tmp_path / "silent.mp4", np.zeros((4, 16, 16, 3), np.uint8), 8)
    assert read_sound(tmp_path / "silent.mp4", start=0, seconds=1) is None


def test_what_is_no_file_of_sound_is_said(tmp_path):
    (tmp_path / "no.mp4").write_bytes(b"nothing")
    with pytest.raises(VideoError, match="the sound of"):
        read_sound(tmp_path / "no.mp4", start=0, seconds=1)


def test_fitting_keeps_the_rate_and_the_channels():
    sound = Sound(samples=np.ones((1, 10), np.float32), rate=10).fitted(0.5, 1.0)
    assert sound.samples.tolist() == [[1.0] * 5 + [0.0] * 5] and sound.rate == 10


def test_a_delay_is_silence_before_the_sound():
    sound = Sound(samples=np.ones((2, 10), np.float32), rate=10).delayed(0.5)
    assert sound.samples.tolist() == [[0.0] * 5 + [1.0] * 10] * 2 and sound.rate == 10

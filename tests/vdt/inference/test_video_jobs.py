"""Jobs on video files: where frames and sound of the clips are in the result, and what is known before the run."""

import numpy as np
import pytest

from vdt.inference.pipeline import Pipeline
from vdt.inference.settings import GenerationConfig, SamplingConfig, WindowConfig
from vdt.inference.video_jobs import JobFrames, VideoJob, count_work, job_sound
from vdt.masks.keyframes import loop_start
from vdt.media.types import Sound
from vdt.media.video import read_frames, write_video

SIZE = (16, 16)
WINDOWS = WindowConfig(frames=8, overlap=4, tile=8)
OPTIONS = GenerationConfig(seed=3, sampling=SamplingConfig(steps=1, guidance=1.0), windows=WINDOWS)
RATE = 8000  # of sound


@pytest.fixture
def pipeline(tiny_model, tiny_vae):
    return Pipeline(tiny_model, tiny_vae)


@pytest.fixture
def write_clip(tmp_path):
    """Write a clip of 16x16 at 8 fps, of noise that is as good as new after h264, with samples (channels, n)."""

    def write(name, frames, samples=None, rate=RATE):
        noise = np.random.default_rng(frames).integers(0, 256, (frames, 1, 1, 3), dtype=np.uint8)
        sound = None if samples is None else Sound(samples=np.asarray(samples, np.float32), rate=rate)
        write_video(tmp_path / name, noise.repeat(16, 1).repeat(16, 2), 8, sound=sound)
        return tmp_path / name

    return write


@pytest.fixture
def tracks(monkeypatch, write_clip):
    """Clips whose sound is exactly these samples: AAC would blur them."""
    kept = {}

    def read(path, *, rate=None):
        sound = kept.get(path)
        if sound is None or rate in (None, sound.rate):
            return sound
        return Sound(samples=sound.samples.repeat(rate // sound.rate, 1), rate=rate)

    monkeypatch.setattr("vdt.inference.video_jobs.read_sound", read)

    def write(name, frames, samples, rate=RATE):
        path = write_clip(name, frames)
        kept[path] = Sound(samples=np.asarray(samples, np.float32), rate=rate)
        return path

    return write


def job(task, path, **settings) -> VideoJob:
    return VideoJob(task=task, input=path, size=SIZE, **settings)


def numbers(frames, *, channels=1):
    """Samples that say which frame of a clip at 8 fps they belong to, from 1 on."""
    return (np.arange(frames * RATE // 8) // (RATE // 8) + 1)[None].repeat(channels, 0)


def heard(sound, frames):
    """The number in the middle of each frame."""
    middles = (np.arange(frames) * 2 + 1) * RATE // 16
    return sound.samples[0, middles].tolist()


# ---- Frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("extend", {"frames": 3}),
        ("extend", {"before": 5}),
        ("extend", {"frames": 9, "before": 2}),
        ("connect", {"frames": 3}),
        ("loop", {"frames": 4}),
        ("slow_motion", {}),
        ("slow_motion", {"every": 5}),
    ],
)
def test_frames_that_are_not_new_are_those_of_the_clips(pipeline, write_clip, task, settings):
    path = write_clip("a.mp4", 11)
    given = list(read_frames(path))
    if task == "connect":
        settings = {**settings, "second": write_clip("b.mp4", 5)}
    frames = JobFrames(job(task, path, **settings), pipeline, OPTIONS)
    made = list(frames)
    kept = [frame for index, frame in enumerate(made) if not frames.is_generated(index)]
    if task == "connect":
        given += list(read_frames(settings["second"]))
    if task == "loop":
        start = loop_start(len(given))
        given = given[start:] + given[:start]
        assert frames.first_new == 11 - start
    assert frames.given == 11
    assert np.array_equal(np.stack(kept), np.stack(given))


def test_frames_are_read_as_they_are_needed(pipeline, write_clip):
    frames = JobFrames(job("extend", write_clip("a.mp4", 60), frames=5), pipeline, OPTIONS)
    for index in range(50):
        next(frames)
        assert frames.given <= index + 4  # the first few decide what came before


def test_frames_are_read_at_the_rate_and_size_of_the_job(pipeline, write_clip):
    made = JobFrames(
        VideoJob(task="extend", input=write_clip("a.mp4", 16), frames=2, size=(8, 24), fps=4, start=0.5),
        pipeline,
        OPTIONS,
    )
    frames = np.stack(list(made))
    assert made.given == 6 and frames.shape == (8, 8, 24, 3)


# ---- Before the run --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "settings", "summary"),
    [
        ("extend", {"frames": 20}, "extend: 20 new frames, in windows of 8 frames that overlap by 4; "),
        ("extend", {"before": 6}, "extend: 0 new frames and 6 in front, in windows of 8 frames that overlap by 4; "),
        ("loop", {"frames": 3}, "loop: 3 new frames, in windows of 8 frames that overlap by 4; "),
        ("slow_motion", {}, "slow_motion: 1 new frame between each two, 9 in all, in windows of 8 frames; "),
        (
            "slow_motion",
            {"every": 3},
            "slow_motion: 2 new frames between each two, 13 in all, in windows of 8 frames; ",
        ),
    ],
)
def test_a_job_is_described_in_one_line(write_clip, task, settings, summary):
    assert job(task, write_clip("a.mp4", 5), **settings).describe(WINDOWS) == f"{summary}16x16 at 8 fps (crop)"


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("extend", {"frames": 21}),
        ("extend", {"before": 9}),
        ("extend", {"frames": 3, "before": 9}),
        ("connect", {"frames": 30}),
        ("loop", {"frames": 30}),
        ("slow_motion", {}),
        ("slow_motion", {"every": 9}),
    ],
)
@pytest.mark.parametrize("overlap", [4, 11])
def test_windows_are_counted_before_they_are_made(pipeline, write_clip, monkeypatch, task, settings, overlap):
    windows = WindowConfig(frames=2 * overlap, overlap=overlap, tile=8)
    made = []
    monkeypatch.setattr(
        "vdt.inference.rollout.generate_window", lambda model, raw, cells, **o: made.append(1) or raw.float()
    )
    if task == "connect":
        settings = {**settings, "second": write_clip("b.mp4", 25)}
    this = job(task, write_clip("a.mp4", 30), **settings)
    frames = list(JobFrames(this, pipeline, GenerationConfig(windows=windows)))
    work = count_work(this, windows)
    assert work.windows == len(made) > 0 and work.frames > 0
    assert len(frames) >= 30


def test_the_work_of_a_file_that_does_not_say_its_length_is_unknown(write_clip, monkeypatch):
    from dataclasses import replace

    from vdt.media.video import probe

    info = replace(probe(path := write_clip("a.mp4", 5)), frames=None, duration=None)
    monkeypatch.setattr("vdt.inference.video_jobs.probe", lambda path: info)
    assert count_work(job("slow_motion", path), WINDOWS) is None
    assert "in all" not in job("slow_motion", path).describe(WINDOWS)
    monkeypatch.setattr("vdt.inference.video_jobs.probe", lambda path: replace(info, duration=3.0))
    assert job("slow_motion", path, start=1.0).estimate_frames() == 16


@pytest.mark.parametrize(
    ("task", "settings", "words"),
    [
        ("stretch", {}, "unknown task 'stretch': expected one of extend, connect, loop, slow_motion"),
        ("extend", {}, "extend got no frames to add"),
        ("connect", {"frames": 3}, "connect got None as the second clip"),
        ("loop", {"frames": 3, "second": "b.mp4"}, "loop got b.mp4 as the second clip"),
        ("loop", {"frames": 3, "before": 3}, "only extend adds frames before"),
        ("extend", {"frames": -1, "before": 3}, "expected 0 or more"),
    ],
)
def test_impossible_jobs_are_refused(task, settings, words):
    with pytest.raises(ValueError, match=words):
        job(task, "a.mp4", **settings)


# ---- Sound -----------------------------------------------------------------------------------------------------------


def test_the_sound_of_an_extended_clip_is_where_its_pictures_are(tracks):
    path = tracks("a.mp4", 8, numbers(8))
    assert heard(job_sound(job("extend", path, frames=2, before=3)), 11) == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    later = job_sound(job("extend", path, frames=2, start=0.5))
    assert heard(later, 4) == [5, 6, 7, 8] and later.samples.shape[1] == RATE // 2


@pytest.mark.parametrize("count", [3, 12, 20])
def test_the_sound_of_a_loop_is_turned_as_its_pictures_are(pipeline, tracks, count):
    path = tracks("a.mp4", count, numbers(count + 5))  # longer than its pictures
    this = job("loop", path, frames=4)
    sound, frames = job_sound(this), JobFrames(this, pipeline, OPTIONS)
    total = len(list(frames))
    start = loop_start(count)
    expected = [*range(start + 1, count + 1), 0, 0, 0, 0, *range(1, start + 1)]
    assert heard(sound, total) == expected and sound.samples.shape[1] == total * RATE // 8
    assert [number == 0 for number in expected] == [frames.is_generated(index) for index in range(total)]


def test_the_sound_of_a_loop_from_a_later_start_and_one_that_ends_early(tracks):
    path = tracks("a.mp4", 12, numbers(9, channels=2))
    sound = job_sound(job("loop", path, frames=2, start=0.5))  # frames 5 to 12 of the clip
    assert heard(sound, 10) == [9, 0, 0, 0, 0, 0, 5, 6, 7, 8] and len(sound.samples) == 2


@pytest.mark.parametrize(("channels", "rate"), [((1, 1), RATE), ((1, 2), RATE), ((2, 1), RATE), ((1, 1), RATE // 2)])
def test_connected_clips_have_both_sounds_and_silence_between(tracks, channels, rate):
    first = tracks("a.mp4", 8, numbers(9, channels=channels[0]))  # too much would be heard in the gap
    second = numbers(8, channels=channels[1])[:, :: RATE // rate]
    sound = job_sound(job("connect", first, second=tracks("b.mp4", 8, second, rate=rate), frames=4))
    assert len(sound.samples) == max(channels) and sound.rate == RATE
    for channel in sound.samples:
        assert heard(Sound(samples=channel[None], rate=RATE), 20) == [*range(1, 9), 0, 0, 0, 0, *range(1, 9)]


def test_connected_clips_keep_one_sound_where_there_is_one(tracks, write_clip):
    loud, silent = tracks("a.mp4", 8, numbers(8)), write_clip("b.mp4", 5)
    assert heard(job_sound(job("connect", loud, second=silent, frames=4)), 8) == [*range(1, 9)]
    assert heard(job_sound(job("connect", silent, second=loud, frames=4)), 17) == [0] * 9 + [*range(1, 9)]


def test_no_sound_comes_of_nothing_and_of_slow_motion(tracks, write_clip):
    assert job_sound(job("slow_motion", tracks("a.mp4", 8, numbers(8)))) is None
    silent = write_clip("b.mp4", 5)
    for task, settings in {"extend": {}, "loop": {}, "connect": {"second": silent}}.items():
        assert job_sound(job(task, silent, frames=3, **settings)) is None


def test_sound_is_read_from_the_file(write_clip):
    path = write_clip("a.mp4", 16, np.sin(np.arange(2 * RATE) / 5)[None])
    loud = np.abs(job_sound(job("loop", path, frames=8)).samples[0]) > 0.3
    assert loud[200:7800].mean() > 0.5 and not loud[8200:15800].any() and loud[16200:23800].mean() > 0.5

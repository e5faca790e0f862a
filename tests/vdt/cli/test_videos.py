"""`vdt generate` for videos of any length: what is printed and written, and that given frames come back."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vdt.inference.estimate import Estimate
from vdt.masks.keyframes import loop_start
from vdt.media.audio import read_sound
from vdt.media.frames import fit_frames
from vdt.media.video import probe, read_frames, write_video


def test_extend_adds_frames_on_both_sides_and_keeps_those_there_are(place, generate, written_frames):
    given = np.stack(list(read_frames(place / "clip.mp4")))
    options = {"size": "64x64", "policy": "stretch", "sheet": place / "out" / "s.png"}
    assert generate("extend", frames=11, before=7, **options) == 0
    assert probe(place / "out" / "out.mp4").frames == len(given) + 18 == len(written_frames)
    assert np.array_equal(np.stack(written_frames[7:-11]), fit_frames(given, (64, 64), "stretch"))
    assert (place / "out" / "s.png").is_file()


def test_the_sound_is_written_with_the_pictures(place, generate, write_sounding):
    write_sounding("loud.mp4", 8, np.sin(np.arange(8000) / 5)[None])
    assert generate("extend", clip="loud.mp4", frames=2, before=4) == 0
    loud = np.abs(read_sound(place / "out" / "out.mp4").samples[0]) > 0.3
    assert not loud[:3800].any() and loud[4200:11800].mean() > 0.5
    assert generate("slow-motion", clip="loud.mp4") == 0
    assert read_sound(place / "out" / "out.mp4") is None


def test_connect_and_loop_lead_from_end_to_beginning(place, generate, written_frames):
    write_video(place / "other.mp4", np.full((5, 64, 64, 3), 90, np.uint8), 12)
    given = fit_frames(read_frames(place / "clip.mp4"), (64, 64))
    sheet = place / "out" / "s.png"
    assert generate("connect", second=place / "other.mp4", frames=10, sheet=sheet) == 0
    assert probe(place / "out" / "out.mp4").frames == len(given) + 10 + 5 and sheet.is_file()
    sheet.unlink()
    assert generate("loop", frames=7, sheet=sheet) == 0
    start = loop_start(len(given))
    assert len(written_frames) == len(given) + 7 and sheet.is_file()
    assert np.array_equal(np.stack(written_frames[: len(given) - start]), given[start:])
    assert np.array_equal(np.stack(written_frames[-start:]), given[:start])


def test_slow_motion_keeps_the_frames_between_which_it_makes_new_ones(place, generate, capsys, written_frames):
    given = fit_frames(read_frames(place / "clip.mp4"), (32, 48), "stretch")
    options = {"size": "32x48", "policy": "stretch", "window": 8, "overlap": 3, "sheet": place / "out" / "s.png"}
    assert generate("slow-motion", **options) == 0  # twice as long where nothing else is said
    assert np.array_equal(np.stack(written_frames[::2]), given) and len(written_frames) == 17
    out = capsys.readouterr().out
    assert "1 new frame between each two, 17 in all, in windows of 8 frames; 48x32 at 12 fps (stretch)" in out
    assert "; about " in out and "and 0.1 GiB" in out and (place / "out" / "s.png").is_file()
    assert generate("slow-motion", every=3, start=0.25, fps=6) == 0
    info = probe(place / "out" / "out.mp4")
    assert (len(written_frames), info.frames, float(info.fps)) == (7, 7, 6)  # of 3 frames at 6 fps


@pytest.mark.parametrize(
    ("task", "options", "printed"),
    [
        ("predict", {}, False),  # one window
        ("predict", {"frames": 24, "given": 2, "window": 8}, True),
        ("outpaint", {"left": 100, "size": "16x16"}, True),
        ("extend", {"frames": 3}, False),
        ("extend", {"frames": 30}, True),
        ("loop", {"frames": 30}, True),
        ("slow-motion", {}, True),
    ],
)
def test_the_time_of_long_runs_is_printed_before(generate, capsys, monkeypatch, task, options, printed):
    kept = []
    monkeypatch.setattr(
        "vdt.inference.estimate.estimate_run", lambda *a, **k: kept.append(k) or Estimate(seconds=100, bytes=1)
    )
    assert generate(task, **options) == 0
    assert ("; about 2 min and 0.1 GiB\n" in capsys.readouterr().out) == printed == bool(kept)


def test_slow_motion_of_unknown_length_tells_the_time_of_a_window(place, generate, capsys, monkeypatch):
    info = replace(probe(place / "clip.mp4"), frames=None, duration=None)
    monkeypatch.setattr("vdt.inference.video_jobs.probe", lambda path: info)
    assert generate("slow-motion") == 0
    out = capsys.readouterr().out
    assert "between each two, in windows of 6" in out and "GiB for each window\n" in out


def test_every_task_refuses_what_cannot_fit(generate, refused, written, monkeypatch):
    monkeypatch.setattr("vdt.bounds.free_bytes", lambda: 1000)
    for task, options in {"predict": {}, "slow-motion": {}, "outpaint": {"left": 50}, "extend": {"frames": 3}}.items():
        refused(generate(task, **options), "GiB of memory, 0.0 GiB are free")
        assert written() == []


# ---- Clips of every kind ---------------------------------------------------------------------------------------------


def uneven(path: Path, stamps: list[int]) -> Path:
    """A video whose frames, ever brighter, are shown at these milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 1000)
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def given_places(task: str, count: int) -> list[int]:
    """Where the frames of a clip of so many stand in what a task makes of it with the options below."""
    if task == "loop":
        start = loop_start(count)
        return [count + 2 - start + index if index < start else index - start for index in range(count)]
    return [index * 2 if task == "slow-motion" else index + 2 * (task == "extend") for index in range(count)]


OPTIONS = {
    "extend": {"frames": 3, "before": 2},
    "loop": {"frames": 2},
    "slow-motion": {},
    "outpaint": {"right": 100},
}
NEW = {"extend": 5, "loop": 2, "outpaint": 0}  # frames
KINDS = [
    (task, kind)
    for task in OPTIONS
    for kind in ("one", "seven", "uneven")
    if kind != "one" or task not in ("slow-motion", "loop")  # there is nothing between one frame
]


@pytest.mark.parametrize(("task", "kind"), KINDS)
def test_clips_of_every_kind_keep_their_frames(place, generate, written_frames, task, kind):
    path = place / "kind.mp4"
    if kind == "uneven":
        uneven(path, [0, 30, 200, 250, 700, 710, 900])
    else:
        frames = np.random.default_rng(0).integers(0, 256, (1 if kind == "one" else 7, 4, 4, 3), dtype=np.uint8)
        write_video(path, frames.repeat(16, 1).repeat(16, 2), 10)
    given = fit_frames(read_frames(path, fps=float(probe(path).fps)), (16, 16))
    assert generate(task, clip="kind.mp4", size="16x16", **OPTIONS[task]) == 0
    made = np.stack(written_frames)
    assert len(made) == len(given) + NEW.get(task, len(given) - 1)
    assert np.array_equal(made[given_places(task, len(given)), :, :16], given)


def test_a_thousand_frames_pass_through(place, generate, written_frames):
    frames = (np.arange(1000) % 200).astype(np.uint8)[:, None, None, None].repeat(32, 1).repeat(32, 2).repeat(3, 3)
    write_video(place / "long.mp4", frames, 25)
    assert generate("extend", clip="long.mp4", frames=5, size="16x16") == 0
    assert len(written_frames) == probe(place / "out" / "out.mp4").frames == 1005
    assert np.array_equal(np.stack(written_frames[:1000]), fit_frames(read_frames(place / "long.mp4"), (16, 16)))

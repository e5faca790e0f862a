"""`vdt generate extend`, `connect`, `loop` and `slow-motion`: clips of any length in, with new frames out."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import sampling_of, windows_of

if TYPE_CHECKING:
    import numpy as np

    from ..audio import Sound
    from ..pipeline import Pipeline

TASKS = ("extend", "connect", "loop", "slow_motion")
UNPLANNED = ("extend", "connect", "loop", "outpaint")  # tasks that the planner does not know
FOREIGN = ("given", "every", "frame", "known", "mask")  # options of those that it knows
SIDES = ("left", "top", "right", "bottom")
OWNERS = {  # options of one task, and what they are where they are left out
    "before": ("extend", 0),
    "second": ("connect", None),
    **{side: ("outpaint", None) for side in SIDES},
}
SHEET_FRAMES = 16
FIRST = "first"  # what is counted of the first clip as it passes


def check_wishes(options: argparse.Namespace) -> None:
    """Refuse what makes no sense for a task, also of other commands' tasks, before any work is done."""
    from ..planner import TASKS as PLANNED
    from ..planner import Wishes

    task = options.task
    if task not in (*PLANNED, *UNPLANNED):
        names = ", ".join((*PLANNED, *UNPLANNED)).replace("_", "-")
        raise ValueError(f"unknown task {task!r}: expected one of {names}")
    for name, (owner, left_out) in OWNERS.items():
        if getattr(options, name) != left_out and task != owner:
            raise ValueError(f"--{name} has no meaning for the task {task}: it belongs to {owner}")
    if options.input is None and task in (*TASKS, *UNPLANNED):
        raise ValueError(f"the task {task} needs --input: a video or an image to start from")
    if task not in UNPLANNED:
        return
    for name in FOREIGN:
        if getattr(options, name) is not None:
            raise ValueError(f"--{name} has no meaning for the task {task}: all frames there are are given")
    Wishes(task="unconditional", size=options.size, fps=options.fps)  # refuses impossible ones
    if task == "connect" and options.second is None:
        raise ValueError("the task connect needs --second: the clip to lead to")
    if task != "outpaint" and not (options.frames or options.before):
        before = ", or --before N to add them in front" if task == "extend" else ""
        raise ValueError(f"the task {task} needs --frames N, how many frames to add{before}")


def extend(options: argparse.Namespace, pipeline: Pipeline) -> None:
    """Read, add frames and write, frame by frame, with a progress bar."""
    from tqdm import tqdm

    from ..planner import Wishes, clip_size
    from ..video import write_video

    config, downscale = pipeline.model.config, pipeline.vae.config.downscale
    size = clip_size(config, Wishes(task="unconditional", size=options.size), downscale=downscale)
    rate = rate_of(options)
    passed: Counter[str] = Counter()
    made = _made(options, pipeline, rate, size, passed)
    what = _what(options, pipeline, rate)
    print(f"{what}; {size[1]}x{size[0]} at {rate:g} fps ({options.policy}){_estimate(options, pipeline, rate, size)}")
    how = f"{options.sampler}, {options.steps} steps, guidance {options.guidance:g}, seed {options.seed}"
    with tqdm(made, unit="frame", disable=None) as frames:
        written = write_video(
            options.output, frames, rate, metadata={"comment": f"vdt {what}; {how}"}, sound=_sound(options, rate)
        )
    print(options.output)
    if options.sheet is not None:
        _write_sheet(options, written.frames or 1, passed[FIRST])


def rate_of(options: argparse.Namespace) -> float:
    """Frames a second at which the input is read."""
    from ..planner import DEFAULT_FPS
    from ..video import probe

    return options.fps or float(probe(options.input).fps or DEFAULT_FPS)


def evenly(first: int, last: int, count: int = SHEET_FRAMES) -> list[int]:
    """At most so many frames from the first to the last, both among them."""
    if last - first < count:
        return list(range(first, last + 1))
    return [first + round(step * (last - first) / (count - 1)) for step in range(count)]


def _made(
    options: argparse.Namespace, pipeline: Pipeline, rate: float, size: tuple[int, int], passed: Counter[str]
) -> Iterator[np.ndarray]:
    from ..stream import connect_frames, extend_frames, loop_frames, slow_frames

    settings: dict[str, Any] = {**sampling_of(options), **windows_of(options)}
    source = _source(options, options.input, rate, size, start=options.start, passed=passed)
    if options.task == "connect":
        second = _source(options, options.second, rate, size)
        return connect_frames(pipeline, source, second, between=options.frames, **settings)
    if options.task == "loop":
        return loop_frames(pipeline, source, between=options.frames, **settings)
    if options.task == "slow_motion":
        return slow_frames(pipeline, source, every=_every(options), **settings)
    return extend_frames(pipeline, source, after=options.frames or 0, before=options.before, **settings)


def _source(
    options: argparse.Namespace,
    path: Path,
    rate: float,
    size: tuple[int, int],
    *,
    start: float = 0.0,
    passed: Counter[str] | None = None,
) -> Iterator[np.ndarray]:
    from ..frames import fit_frames
    from ..video import read_frames

    for frame in read_frames(path, fps=rate, start=start):
        if passed is not None:
            passed[FIRST] += 1
        yield fit_frames(frame[None], size, options.policy)[0]


# ---- What is said before the work begins -----------------------------------------------------------------------------


def _what(options: argparse.Namespace, pipeline: Pipeline, rate: float) -> str:
    """Such as "extend: 20 new frames, in windows of 16 of which 8 are known"."""
    from ..rollout import window_size

    window, overlap = window_size(pipeline.model, options.window, options.overlap)
    if options.task == "slow_motion":
        every, count = _every(options), _count(options, rate)
        total = f", {(count - 1) * every + 1} in all" if count else ""
        between = "1 new frame" if every == 2 else f"{every - 1} new frames"
        return f"slow_motion: {between} between each two{total}, in windows of {window}"
    added = [f"{options.frames or 0} new frames", *([f"{options.before} in front"] if options.before else [])]
    return f"{options.task}: {' and '.join(added)}, in windows of {window} of which {overlap} are known"


def _estimate(options: argparse.Namespace, pipeline: Pipeline, rate: float, size: tuple[int, int]) -> str:
    """What `estimated` says of a stream."""
    from ..rollout import window_size

    window, overlap = window_size(pipeline.model, options.window, options.overlap)
    windows, coded = _amount(options, rate, window, overlap) or (None, window)
    return estimated(options, pipeline, size, window, windows=windows, coded=coded)


def estimated(
    options: argparse.Namespace,
    pipeline: Pipeline,
    size: tuple[int, int],
    window: int,
    *,
    windows: int | None,
    coded: int,
    held: int = 0,
) -> str:
    """How long a run of several windows takes and how much it needs, after refusing what cannot fit.

    Nothing for one window; where their number is not known, what each takes. See `estimate_run` for the numbers.
    """
    from ..estimate import estimate_run, run_bytes
    from ..memory import check_memory

    check_memory(run_bytes(pipeline, size, window, guided=options.guidance != 1, tile=options.tile) + held)
    if windows is not None and windows < 2:
        return ""
    told = estimate_run(
        pipeline,
        size,
        window,
        windows=windows or 1,
        steps=options.steps,
        sampler=options.sampler,
        guidance_scale=options.guidance,
        tile=options.tile,
        coded=coded,
        held=held,
    )
    return f"; {told.describe()}{' for each window' if windows is None else ''}"


def _amount(options: argparse.Namespace, rate: float, window: int, overlap: int) -> tuple[int, int] | None:
    """Windows that are generated and frames that are encoded or decoded; None where that is not known.

    Clips that go on are taken to have as many frames as a window sees of them.
    """
    from ..stream import count_slow_windows, count_windows

    size = {"window": window, "overlap": overlap}
    if options.task == "slow_motion":
        count, every = _count(options, rate), _every(options)
        return None if count is None else (count_slow_windows(count, every=every, **size), count * every)
    new = options.frames or 0
    if options.task != "extend":
        return count_windows(overlap, new, overlap, **size), new + 2 * overlap
    before = count_windows(0, options.before, overlap, **size) if options.before else 0
    after = count_windows(overlap, new, 0, **size) if new else 0
    return before + after, options.before + new + 2 * overlap


def _count(options: argparse.Namespace, rate: float) -> int | None:
    """About how many frames will be read; None where the file does not say."""
    from ..video import probe

    info = probe(options.input)
    if info.frames is not None and not (options.start or options.fps):
        return info.frames
    return None if info.duration is None else max(1, round((info.duration - options.start) * rate))


def _every(options: argparse.Namespace) -> int:
    from ..planner import DEFAULT_SLOWDOWN

    return DEFAULT_SLOWDOWN if options.every is None else options.every


# ---- Sound -----------------------------------------------------------------------------------------------------------


def _sound(options: argparse.Namespace, rate: float) -> Sound | None:
    """That of the clips, where their pictures are; none in slow motion."""
    from ..audio import read_sound
    from ..video import read_frames

    if options.task == "slow_motion":
        return None
    sound = _from_start(read_sound(options.input), options.start)
    if options.task != "connect":
        return None if sound is None else sound.delayed(options.before / rate)
    second = read_sound(options.second, rate=sound.rate if sound else None)
    if second is None:
        return sound
    # Only reading tells how many frames there are at this rate, and the sound is written before the pictures.
    frames = sum(1 for _ in read_frames(options.input, fps=rate, start=options.start))
    return _joined(sound, frames / rate, second.delayed((frames + options.frames) / rate))


def _from_start(sound: Sound | None, start: float) -> Sound | None:
    from ..audio import Sound

    return sound and Sound(samples=sound.samples[:, round(start * sound.rate) :], rate=sound.rate)


def _joined(first: Sound | None, seconds: float, second: Sound) -> Sound:
    """So many seconds of the first sound, and the second one, which begins with silence for as long and longer."""
    import numpy as np

    from ..audio import Sound

    if first is None:
        return second
    channels = min(2, max(len(first.samples), len(second.samples)))  # as many as are written
    samples = np.resize(second.samples[:2], (channels, second.samples.shape[1]))
    head = first.fitted(0.0, min(seconds, samples.shape[1] / first.rate)).samples[:2]
    samples[:, : head.shape[1]] = head  # one channel serves both
    return Sound(samples=samples, rate=first.rate)


# ---- The contact sheet -----------------------------------------------------------------------------------------------


def _write_sheet(options: argparse.Namespace, count: int, first: int) -> None:
    """Some of the `count` frames that were written; `first` is how many the first clip had."""
    import numpy as np

    from ..sheet import Row, contact_sheet
    from ..video import read_frames

    chosen = _shown(options, count, first)
    frames = [frame for index, frame in enumerate(read_frames(options.output)) if index in chosen]
    generated = [_is_new(options, first, index) for index in chosen]
    contact_sheet([Row(label="output", frames=np.stack(frames), generated=generated)], options.sheet, numbers=chosen)
    print(options.sheet)


def _shown(options: argparse.Namespace, count: int, first: int) -> list[int]:
    """What is new: all of an extended clip, a gap with its ends, or the middle of slow motion."""
    if options.task == "extend":
        return evenly(0, count - 1)
    if options.task == "slow_motion":
        start = max(0, (count - SHEET_FRAMES) // 2)
        return list(range(start, min(count, start + SHEET_FRAMES)))
    ends = SHEET_FRAMES // 4
    return evenly(max(0, first - ends), min(count, first + options.frames + ends) - 1)


def _is_new(options: argparse.Namespace, first: int, index: int) -> bool:
    if options.task == "slow_motion":
        return index % _every(options) != 0
    place = index - options.before - first  # in relation to the end of the clip
    return index < options.before or 0 <= place < (options.frames or 0)

"""`vdt generate extend`, `connect` and `loop`: clips of any length in, the same clips with new frames out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from ..audio import Sound
    from ..pipeline import Pipeline

TASKS = ("extend", "connect", "loop")
FOREIGN = ("given", "every", "frame", "known", "mask")  # options of other tasks
SHEET_FRAMES = 16


def check_wishes(options: argparse.Namespace) -> None:
    """Refuse what makes no sense for a task, also of other commands' tasks, before any work is done."""
    task = options.task
    for name, owner in (("before", "extend"), ("second", "connect")):
        if getattr(options, name) and task != owner:
            raise ValueError(f"--{name} has no meaning for the task {task}: it belongs to {owner}")
    if task not in TASKS:
        return
    for name in FOREIGN:
        if getattr(options, name) is not None:
            raise ValueError(f"--{name} has no meaning for the task {task}: all frames there are are given")
    if options.input is None:
        raise ValueError(f"the task {task} needs --input: a video or an image to go on from")
    if task == "connect" and options.second is None:
        raise ValueError("the task connect needs --second: the clip to lead to")
    if not (options.frames or options.before):
        before = ", or --before N to add them in front" if task == "extend" else ""
        raise ValueError(f"the task {task} needs --frames N, how many frames to add{before}")


def extend(options: argparse.Namespace, pipeline: Pipeline) -> None:
    """Read, add frames and write, frame by frame, with a progress bar."""
    from tqdm import tqdm

    from ..planner import DEFAULT_FPS, Wishes, clip_size
    from ..rollout import window_size
    from ..video import probe, write_video

    config, downscale = pipeline.model.config, pipeline.vae.config.downscale
    size = clip_size(config, Wishes(task="unconditional", size=options.size), downscale=downscale)
    window, overlap = window_size(pipeline.model, options.window, options.overlap)
    _check_memory(pipeline, size, window)
    rate = options.fps or float(probe(options.input).fps or DEFAULT_FPS)
    added = [f"{options.frames or 0} new frames", *([f"{options.before} in front"] if options.before else [])]
    what = f"{options.task}: {' and '.join(added)}, in windows of {window} of which {overlap} are known"
    print(f"{what}; {size[1]}x{size[0]} at {rate:g} fps ({options.policy})")
    how = f"{options.sampler}, {options.steps} steps, guidance {options.guidance:g}, seed {options.seed}"
    read: list[int] = []  # frames of the first clip, counted as they pass
    with tqdm(_made(options, pipeline, rate, size, read), unit="frame", disable=None) as frames:
        written = write_video(
            options.output, frames, rate, metadata={"comment": f"vdt {what}; {how}"}, sound=_sound(options, rate)
        )
    print(options.output)
    if options.sheet is not None:
        first = options.before + len(read)  # of the new frames after or between
        new = {*range(options.before), *range(first, first + (options.frames or 0))}
        _write_sheet(options, written.frames or 1, new)


def _made(
    options: argparse.Namespace, pipeline: Pipeline, rate: float, size: tuple[int, int], read: list[int]
) -> Iterator[np.ndarray]:
    from ..stream import connect_frames, extend_frames, loop_frames

    settings: dict[str, Any] = {
        "seed": options.seed,
        "window": options.window,
        "overlap": options.overlap,
        "steps": options.steps,
        "sampler": options.sampler,
        "guidance_scale": options.guidance,
    }
    source = _source(options, options.input, rate, size, start=options.start, read=read)
    if options.task == "connect":
        second = _source(options, options.second, rate, size)
        return connect_frames(pipeline, source, second, between=options.frames, **settings)
    if options.task == "loop":
        return loop_frames(pipeline, source, between=options.frames, **settings)
    return extend_frames(pipeline, source, after=options.frames or 0, before=options.before, **settings)


def _source(
    options: argparse.Namespace,
    path: Path,
    rate: float,
    size: tuple[int, int],
    *,
    start: float = 0.0,
    read: list[int] | None = None,
) -> Iterator[np.ndarray]:
    from ..frames import fit_frames
    from ..video import read_frames

    for index, frame in enumerate(read_frames(path, fps=rate, start=start)):
        if read is not None:
            read.append(index)
        yield fit_frames(frame[None], size, options.policy)[0]


def _sound(options: argparse.Namespace, rate: float) -> Sound | None:
    """That of the input, where its pictures are."""
    from ..audio import read_sound

    sound = read_sound(options.input, start=options.start)
    return None if sound is None else sound.delayed(options.before / rate)


def _check_memory(pipeline: Pipeline, size: tuple[int, int], window: int) -> None:
    from ..memory import check_memory, model_bytes, vae_bytes

    vae, config = pipeline.vae.config, pipeline.model.config
    rows, columns = (side // vae.downscale for side in size)
    check_memory(max(model_bytes(config, 2 * window, rows, columns), vae_bytes(vae, *size)))


def _write_sheet(options: argparse.Namespace, count: int, new: set[int]) -> None:
    """Some of the frames that were written, from the first to the last."""
    import numpy as np

    from ..sheet import Row, contact_sheet
    from ..video import read_frames

    chosen = sorted(set(np.linspace(0, count - 1, SHEET_FRAMES).round().astype(int).tolist()))
    frames = [frame for index, frame in enumerate(read_frames(options.output)) if index in chosen]
    generated = [index in new for index in chosen]
    contact_sheet([Row(label="output", frames=np.stack(frames), generated=generated)], options.sheet)
    print(options.sheet)

"""`vdt generate extend`: a clip of any length in, the same clip with more frames before or after it out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from ..audio import Sound
    from ..pipeline import Pipeline

FOREIGN = ("given", "every", "frame", "known", "mask")  # options of other tasks
SHEET_FRAMES = 16


def check_wishes(options: argparse.Namespace) -> None:
    """Refuse what makes no sense before any work is done."""
    for name in FOREIGN:
        if getattr(options, name) is not None:
            raise ValueError(f"--{name} has no meaning for the task extend: it goes on from all frames there are")
    if options.input is None:
        raise ValueError("the task extend needs --input: a video or an image to go on from")
    if not (options.frames or options.before):
        raise ValueError("the task extend needs --frames N, how many frames to add, or --before N to add them in front")


def extend(options: argparse.Namespace, pipeline: Pipeline) -> None:
    """Read, extend and write frame by frame, with a progress bar."""
    from tqdm import tqdm

    from ..memory import check_memory, model_bytes, vae_bytes
    from ..planner import DEFAULT_FPS, Wishes, clip_size
    from ..rollout import window_size
    from ..stream import extend_frames
    from ..video import probe, write_video

    config, downscale = pipeline.model.config, pipeline.vae.config.downscale
    info = probe(options.input)
    height, width = clip_size(config, Wishes(task="unconditional", size=options.size), downscale=downscale)
    window, overlap = window_size(pipeline.model, options.window, options.overlap)
    after, before = options.frames or 0, options.before
    rows, columns = height // downscale, width // downscale
    sampling = model_bytes(config, 2 * window, rows, columns)
    check_memory(max(sampling, vae_bytes(pipeline.vae.config, height, width)))
    rate = options.fps or float(info.fps or DEFAULT_FPS)
    what = f"extend by {before} frames before and {after} after, in windows of {window} of which {overlap} are known"
    print(f"{what}: {width}x{height} at {rate:g} fps ({options.policy})")
    made = extend_frames(
        pipeline,
        _source(options, rate, (height, width)),
        after=after,
        before=before,
        seed=options.seed,
        window=window,
        overlap=overlap,
        steps=options.steps,
        sampler=options.sampler,
        guidance_scale=options.guidance,
    )
    total = None if info.frames is None or options.fps or options.start else info.frames + before + after
    comment = (
        f"vdt {what}; {options.sampler}, {options.steps} steps, guidance {options.guidance:g}, seed {options.seed}"
    )
    with tqdm(made, total=total, unit="frame", disable=None) as frames:
        written = write_video(
            options.output, frames, rate, metadata={"comment": comment}, sound=_sound(options, before / rate)
        )
    print(options.output)
    if options.sheet is not None:
        _write_sheet(options, written.frames or 1, before, after)


def _source(options: argparse.Namespace, rate: float, size: tuple[int, int]) -> Iterator[np.ndarray]:
    from ..frames import fit_frames
    from ..video import read_frames

    for frame in read_frames(options.input, fps=rate, start=options.start):
        yield fit_frames(frame[None], size, options.policy)[0]


def _sound(options: argparse.Namespace, delay: float) -> Sound | None:
    from ..audio import read_sound

    sound = read_sound(options.input, start=options.start)
    return None if sound is None else sound.delayed(delay)


def _write_sheet(options: argparse.Namespace, count: int, before: int, after: int) -> None:
    """Some of the frames that were written, from the first to the last."""
    import numpy as np

    from ..sheet import Row, contact_sheet
    from ..video import read_frames

    chosen = sorted(set(np.linspace(0, count - 1, SHEET_FRAMES).round().astype(int).tolist()))
    frames = [frame for index, frame in enumerate(read_frames(options.output)) if index in chosen]
    generated = [not before <= index < count - after for index in chosen]
    contact_sheet([Row(label="output", frames=np.stack(frames), generated=generated)], options.sheet)
    print(options.sheet)

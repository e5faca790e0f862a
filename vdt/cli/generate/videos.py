"""`vdt generate extend`, `connect`, `loop` and `slow-motion`: read and written frame by frame, any length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..outputs import Target, evenly
from .estimate import estimate_line

if TYPE_CHECKING:
    from ...inference.pipeline import Pipeline
    from ...inference.settings import GenerationConfig
    from ...inference.video_jobs import JobFrames, VideoJob

SHEET_FRAMES = 16
LATENT_COPIES = 3  # of new frames: empty, laid out with known ones, and made


def write_job(job: VideoJob, pipeline: Pipeline, generation: GenerationConfig, target: Target) -> None:
    """Print what will be made and what it takes, then write the video and its sheet."""
    from tqdm import tqdm

    from ...inference.video_jobs import JobFrames, job_sound
    from ...media.video import write_video

    frames = JobFrames(job, pipeline, generation)
    summary = job.describe(generation.windows.resolve(pipeline.model.config))
    print(summary + _estimate(job, pipeline, generation))
    comment = f"vdt {summary}; {generation.describe()}"
    with tqdm(frames, unit="frame", disable=None) as shown:
        written = write_video(target.video, shown, job.rate, metadata={"comment": comment}, sound=job_sound(job))
    print(target.video)
    if target.sheet is not None:
        _write_sheet(frames, written.frames or 1, target)


def _estimate(job: VideoJob, pipeline: Pipeline, generation: GenerationConfig) -> str:
    from ...inference.estimate import run_bytes
    from ...inference.memory import check_memory
    from ...inference.video_jobs import count_work

    windows = generation.windows.resolve(pipeline.model.config)
    held = _held_bytes(job, pipeline)
    check_memory(run_bytes(pipeline, job.size, generation.sampling, generation.windows, held=held))
    work = count_work(job, windows)
    if work is None:
        return estimate_line(pipeline, job.size, generation, count=None, coded=windows.frames, held=held)
    return estimate_line(pipeline, job.size, generation, count=work.windows, coded=work.frames, held=held)


def _held_bytes(job: VideoJob, pipeline: Pipeline) -> int:
    """Latents of all frames that are made at once, before any of them is passed on."""
    from ...media.frames import latent_grid_size

    rows, columns = latent_grid_size(job.size, pipeline.codec.downscale)
    new = job.every if job.task == "slow_motion" else max(job.frames, job.before)
    return new * rows * columns * pipeline.codec.channels * 4 * LATENT_COPIES


def _write_sheet(frames: JobFrames, count: int, target: Target) -> None:
    """Some of the `count` frames that were written."""
    import numpy as np

    from ...media.video import read_frames
    from ...visualize.contact_sheet import Row, contact_sheet

    assert target.sheet is not None
    chosen = _chosen(frames, count)
    shown = [frame for index, frame in enumerate(read_frames(target.video)) if index in chosen]
    generated = [frames.is_generated(index) for index in chosen]
    contact_sheet([Row(label="output", frames=np.stack(shown), generated=generated)], target.sheet, numbers=chosen)
    print(target.sheet)


def _chosen(frames: JobFrames, count: int) -> list[int]:
    """What is new: all of an extended clip, a gap with its ends, or the middle of slow motion."""
    job = frames.job
    if job.task == "extend":
        return evenly(0, count - 1, SHEET_FRAMES)
    if job.task == "slow_motion":
        start = max(0, (count - SHEET_FRAMES) // 2)
        return list(range(start, min(count, start + SHEET_FRAMES)))
    ends = SHEET_FRAMES // 4
    gap = frames.first_new
    return evenly(max(0, gap - ends), min(count, gap + job.frames + ends) - 1, SHEET_FRAMES)

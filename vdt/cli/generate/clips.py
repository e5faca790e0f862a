"""`vdt generate` for clips in memory: a request and a clip in, the completed clip and its contact sheet out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..outputs import Target, evenly
from ..progress import sampling_bar
from .estimate import estimate_line
from .mask_files import read_mask
from .plan import make_plan
from .requests import ClipRequest, GenerateRequest, OutpaintRequest

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ...inference.pipeline import GeneratedClip, Pipeline
    from ...inference.settings import GenerationConfig
    from ...masks.clip_plan import Source

MOST_SHEET_FRAMES = 64  # in one row
MIN_CHECKED = 16  # frames that a file is taken to have, whatever it says


def write_generated(request: GenerateRequest, pipeline: Pipeline, generation: GenerationConfig, target: Target) -> None:
    """Plan, generate with a progress bar, write the video and the sheet."""
    import numpy as np

    from ...bounds import check_clip

    config, downscale = pipeline.model.config, pipeline.codec.downscale
    source, frames = None, np.zeros((0, 1, 1, 3), np.uint8)
    if request.input is not None:
        size = request.clip_size(config, downscale=downscale)
        if request.frames is not None:
            check_clip(request.frames, size)  # before some of them are brought to a size that not all can have
        source, frames = _read(request, size, request.clip_length(config))
    plan = make_plan(config, request, source, downscale=downscale)
    if request.mask is None or source is None:
        mask = plan.frame_mask(plan.height, plan.width)
    else:
        mask = read_mask(request.mask, plan, source, start=request.start)
    summary = plan.describe()
    clip = _complete(plan.place(frames), mask, pipeline, generation, summary)
    comparable = plan.positions and plan.positions == plan.sources  # frame by frame
    _write(clip, plan.fps, generation, summary, target, frames[: plan.num_frames] if comparable else None)


def write_outpainted(
    request: OutpaintRequest, pipeline: Pipeline, generation: GenerationConfig, target: Target
) -> None:
    """The same for what lies around the picture of a clip."""
    from ...masks.outpaint import outpaint

    inner = request.clip_size(pipeline.model.config, downscale=pipeline.codec.downscale)
    source, frames = _read(request, inner, request.frames)
    if request.frames is not None and len(frames) < request.frames:
        count = len(frames)
        raise ValueError(f"--frames {request.frames} got a clip of {count} frames: use --frames {count} or fewer")
    canvas, mask = outpaint(frames, request.sides)
    height, width = canvas.shape[1:3]
    summary = (
        f"outpaint: {len(canvas)} frames of {width}x{height} around {inner[1]}x{inner[0]} at {source.fps:g} fps "
        f"({request.fit})"
    )
    clip = _complete(canvas, mask, pipeline, generation, summary)
    _write(clip, source.fps, generation, summary, target, frames)


def _read(request: ClipRequest, size: tuple[int, int], length: int | None) -> tuple[Source, np.ndarray]:
    """At most so many frames at a size, uint8 (n, H, W, 3), and what the clip was before."""
    from ...inference.memory import check_frames
    from ...masks.clip_plan import Source
    from ...media import probe, read_video

    assert request.input is not None
    info = probe(request.input)
    there = info.frames or 1
    check_frames(there if length is None else min(length, max(there, MIN_CHECKED)), size)
    clip = read_video(request.input, size=size, frames=length, fps=request.fps, start=request.start, fit=request.fit)
    source = Source(num_frames=len(clip), height=info.height, width=info.width, fps=clip.fps)
    return source, clip.frames


def _complete(
    frames: np.ndarray, mask: Tensor, pipeline: Pipeline, generation: GenerationConfig, summary: str
) -> GeneratedClip:
    """Generate the mask, bool (T, H, W), of frames (n, H, W, 3), with a line about it and a progress bar."""
    from ...evaluation.advice import motion_advice, source_advice

    print(summary + _estimate(frames, mask, pipeline, generation))
    _note(source_advice(pipeline.codec, frames))
    with sampling_bar("sample") as show:
        clip = pipeline(
            frames,
            mask,
            seed=generation.seed,
            sampling=generation.sampling,
            windows=generation.windows,
            compositing=generation.compositing,
            text=generation.text,
            callback=show,
        )
    _note(motion_advice(clip.frames, clip.mask))
    return clip


def _note(text: str) -> None:
    if text:
        print(f"note: {text}")


def _estimate(frames: np.ndarray, mask: Tensor, pipeline: Pipeline, generation: GenerationConfig) -> str:
    from ...inference.settings import MIN_WINDOW
    from ...inference.windows import plan_windows

    cells = pipeline.resolve_mask(frames, mask).cells
    windows = generation.windows.resolve(pipeline.model.config)
    generated = cells.flatten(1)
    if len(mask) < windows.frames:  # the model sees no more than there is
        windows = replace(windows, frames=max(len(mask), MIN_WINDOW), overlap=1)
    return estimate_line(
        pipeline,
        (mask.shape[1], mask.shape[2]),
        replace(generation, windows=windows),
        count=len(plan_windows(cells, windows)),
        coded=int((~generated).any(1).sum() + generated.any(1).sum()),
        held=4 * mask.numel() * 3,  # the clip, its copy, what is decoded and what is pasted
    )


def _write(
    clip: GeneratedClip,
    fps: float,
    generation: GenerationConfig,
    summary: str,
    target: Target,
    source: np.ndarray | None,
) -> None:
    """The video, and a sheet of it below the frames that it was made of, or some of both if there are many."""
    from ...media.video import write_video
    from ...visualize.contact_sheet import Row, contact_sheet

    comment = f"vdt {summary}; {generation.describe()}"
    write_video(target.video, clip.frames, fps, metadata={"comment": comment})
    print(target.video)
    if target.sheet is not None:
        chosen = evenly(0, len(clip.frames) - 1, MOST_SHEET_FRAMES)
        generated = [bool(clip.mask[index].any()) for index in chosen]
        rows = [Row(label="output", frames=clip.frames[chosen], generated=generated)]
        if source is not None:
            rows.insert(0, Row(label="input", frames=source[[index for index in chosen if index < len(source)]]))
        contact_sheet(rows, target.sheet, numbers=chosen)
        print(target.sheet)

"""`vdt generate`: a clip in, a mask of what is given, the completed clip out."""

from __future__ import annotations

import argparse
import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .extend import SIDES, TASKS, UNPLANNED, check_wishes, estimated, evenly, extend, rate_of
from .options import (
    add_finish_options,
    add_model_options,
    add_sampling_options,
    add_side_options,
    add_window_options,
    check_output,
    positive,
    sampling_of,
    size,
    windows_of,
)

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ..pipeline import GeneratedClip, Pipeline
    from ..planner import Plan, Source, Wishes

DESCRIPTION = """\
Make a clip from what is given of it. TASK is one of:

  predict         what happens next: the first K frames of the clip are given (--given K, default 8 or all there are)
  backward        what came before: the clip is the END of the output, its last K frames are given (--given K)
  interpolate     what happens between: every N-th frame is given (--every N, default 4), and the last one. A clip of
                  at least T frames keeps these of its own; a shorter one is spread out, N frames apart, to
                  (frames - 1) * N + 1 frames that play N times as fast, so that it lasts as long as before
  slow-motion     the whole clip, however long, N times as long (--every N, default 2): N - 1 new frames between each
                  two, at the clip's rate
  image-to-video  an image, or the first frame of a clip, becomes frame I of the output (--frame I, default 0, last -1)
  frames          any frames are given (--known 0-3,8,-1): those of the clip at these positions, or, if it has exactly
                  as many frames as the list, all of them in order
  spatial         part of the picture: --mask FILE of the size of the clip, white = generate, black = keep. An image
                  serves all frames, a video, read at the clip's rate and from --start on, gives each frame its own
  outpaint        what lies around the picture of the whole clip, or of its first T frames: --left P --top P --right P
                  --bottom P, in percent of the picture; --size is that of the picture before it grows
  extend          what happens next, and what came before: all frames of the clip are given, however many, and N more
                  are added (--frames N after it, --before N in front of it)
  connect         the way from the clip to a second one (--second CLIP), N frames long (--frames N), between the two;
                  silent between the sounds of both, if these have one rate
  loop            the way from the end of the clip back to its beginning: N frames more (--frames N)
  unconditional   everything: no input is needed

T is the length the model was trained with, or --frames. Longer clips are cut to it (--start chooses from where). More
frames than the model was trained with are made in windows of that many; how long that takes is said before.
Frames are brought to the size of the model, or --size, by --policy. Given pixels come back unchanged."""

SUFFIXES = (".png", ".jpg", ".jpeg")
MOST_SHEET_FRAMES = 64  # beside each other in one picture


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt generate`."""
    parser = commands.add_parser(
        "generate",
        parents=[common],
        help="predict, interpolate or complete a clip",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", metavar="TASK", type=lambda text: text.replace("-", "_"), help="see above")
    parser.add_argument("--input", type=Path, metavar="CLIP", help="any video or image that FFmpeg reads")
    parser.add_argument("--second", type=Path, metavar="CLIP", help="connect: the clip to lead to")
    parser.add_argument("--output", type=Path, required=True, metavar="OUT.mp4", help="the video to write (h264)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="also write a contact sheet (.png or .jpg)")
    _add_given_options(parser.add_argument_group("what is given"))
    group = parser.add_argument_group("clip")
    group.add_argument(
        "--frames",
        type=positive,
        metavar="T",
        help="length of the output (default: the model's; outpaint: the clip's); extend, connect, loop: frames to add",
    )
    group.add_argument("--before", type=positive, default=0, metavar="N", help="extend: frames to add in front")
    group.add_argument("--size", type=size, metavar="HxW", help="height x width in pixels (default: the model's)")
    group.add_argument("--policy", choices=("crop", "fit", "stretch"), default="crop", help="to size (default: crop)")
    group.add_argument(
        "--fps", type=float, help="resample the clip to so many frames a second (default: its own; 8 for images)"
    )
    group.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="where in the clip to begin")
    add_side_options(parser)
    add_sampling_options(parser)
    add_window_options(parser)
    add_finish_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def _add_given_options(group: Any) -> None:
    group.add_argument("--given", type=int, metavar="K", help="predict, backward: number of given frames")
    group.add_argument("--every", type=int, metavar="N", help="interpolate, slow-motion: distance of given frames")
    group.add_argument("--frame", type=int, metavar="I", help="image-to-video: where the image stands")
    group.add_argument("--known", metavar="LIST", help="frames: given frames, such as 0-3,8,-1")
    group.add_argument("--mask", type=Path, metavar="FILE", help="spatial: image or video, white = generate")


def run(options: argparse.Namespace) -> None:
    """Plan, generate with a progress bar, write the video and the sheet."""
    from ..pipeline import Pipeline

    check_wishes(options)
    wishes = None if options.task in UNPLANNED else _wishes(options)
    check_output(options.output, ".mp4")
    check_output(options.sheet, *SUFFIXES)
    if options.sheet is not None:
        importlib.import_module("PIL")  # an extra: if it is missing, say so before any work
    for path in (options.input, options.second, options.mask):
        if path is not None and not path.exists():
            raise ValueError(f"no such file: '{path}'")
    pipeline = Pipeline.from_files(options.model, options.vae, device=options.device, dtype=options.dtype)
    options.tile = -(-options.tile // pipeline.vae.config.downscale)  # in cells from here on
    if options.task in TASKS:
        extend(options, pipeline)
    elif wishes is None:
        _outpaint(options, pipeline)
    else:
        _generate(options, wishes, pipeline)


def _wishes(options: argparse.Namespace) -> Wishes:
    from ..planner import Wishes

    return Wishes(
        task=options.task,
        given=options.given,
        every=options.every,
        frame=options.frame,
        known=options.known,
        mask=True if options.mask is not None else None,
        frames=options.frames,
        size=options.size,
        fps=options.fps,
        policy=options.policy,
    )


def _generate(options: argparse.Namespace, wishes: Wishes, pipeline: Pipeline) -> None:
    import numpy as np

    from ..planner import clip_length, clip_size, make_plan

    config, downscale = pipeline.model.config, pipeline.vae.config.downscale
    source, frames = (None, np.zeros((0, 1, 1, 3), np.uint8))
    if options.input is not None:
        wished = clip_size(config, wishes, downscale=downscale)
        source, frames = _read(options, wished, clip_length(config, wishes))
    plan = make_plan(config, wishes, source, downscale=downscale)
    mask = plan.frame_mask(plan.height, plan.width) if options.mask is None else _read_mask(options, plan, source)
    said = plan.describe()
    clip = _complete(options, pipeline, plan.place(frames), mask, said)
    comparable = plan.positions and plan.positions == plan.sources  # frame by frame
    _write(options, clip, plan.fps, said, frames[: plan.num_frames] if comparable else None)


def _outpaint(options: argparse.Namespace, pipeline: Pipeline) -> None:
    from ..outpaint import Sides, outpaint
    from ..planner import Wishes, clip_size

    sides = Sides(**{side: getattr(options, side) or 0.0 for side in SIDES})
    inner = clip_size(
        pipeline.model.config,
        Wishes(task="unconditional", size=options.size),
        downscale=pipeline.vae.config.downscale,
    )
    source, frames = _read(options, inner, options.frames)
    if options.frames is not None and len(frames) < options.frames:
        count = len(frames)
        raise ValueError(f"--frames {options.frames} got a clip of {count} frames: use --frames {count} or fewer")
    canvas, mask = outpaint(frames, sides)
    height, width = canvas.shape[1:3]
    said = (
        f"outpaint: {len(canvas)} frames of {width}x{height} around {inner[1]}x{inner[0]} at {source.fps:g} fps "
        f"({options.policy})"
    )
    clip = _complete(options, pipeline, canvas, mask, said)
    _write(options, clip, source.fps, said, frames)


def _complete(
    options: argparse.Namespace, pipeline: Pipeline, frames: np.ndarray, mask: Tensor, said: str
) -> GeneratedClip:
    """Generate the mask, bool (T, H, W), of frames (n, H, W, 3), with a line about it and a progress bar."""
    from tqdm import tqdm

    print(said + _estimate(options, pipeline, frames, mask))
    with tqdm(desc="sample", unit="step", disable=None) as bar:

        def show(info: Any) -> None:
            bar.total = info.num_steps
            bar.update(info.step - bar.n)

        settings = {**sampling_of(options), **windows_of(options), "edges": options.edges}
        return pipeline.generate(frames, mask, callback=show, **settings)


def _estimate(options: argparse.Namespace, pipeline: Pipeline, frames: np.ndarray, mask: Tensor) -> str:
    """What `estimated` says of a clip that is held in memory."""
    from ..frames import grid_of
    from ..pixel_masks import to_cells
    from ..rollout import window_size
    from ..windows import plan_windows

    height, width = mask.shape[1:]
    downscale = pipeline.vae.config.downscale
    cells = to_cells(mask, (len(mask), *grid_of((height, width), downscale)), downscale=downscale)
    window, overlap = window_size(pipeline.model, options.window, options.overlap)
    some = cells.flatten(1)
    return estimated(
        options,
        pipeline,
        (height, width),
        min(window, len(mask)),
        windows=len(plan_windows(cells, window, overlap)),
        coded=int((~some).any(1).sum() + some.any(1).sum()),
        held=4 * mask.numel() * 3,  # the clip, its copy, what is decoded and what is pasted
    )


def _read(options: argparse.Namespace, wished: tuple[int, int], length: int | None) -> tuple[Source, np.ndarray]:
    """At most so many frames at a size, uint8 (n, H, W, 3), and what the clip was before."""
    from ..frames import fit_frames
    from ..planner import Source
    from ..video import read_frames

    rate = rate_of(options)
    reader = read_frames(options.input, fps=rate, start=options.start, max_frames=length)
    first = next(reader)
    frames = fit_frames(itertools.chain([first], reader), wished, options.policy)
    return Source(num_frames=len(frames), height=first.shape[0], width=first.shape[1], fps=rate), frames


def _read_mask(options: argparse.Namespace, plan: Plan, source: Source | None) -> Tensor:
    """A pixel mask bool (T, H, W) of an image or a video of the size of the clip, before or after resizing."""
    import numpy as np
    import torch

    from ..frames import fit_frames

    assert source is not None
    path = options.mask
    images = _mask_images(options, source.fps, plan.num_frames)
    first = next(images)
    sizes = [(source.height, source.width), (plan.height, plan.width)]
    if first.shape[:2] not in sizes:
        raise ValueError(
            f"mask '{path}' is {first.shape[1]}x{first.shape[0]} (width x height), the clip is {source.width}x"
            f"{source.height}: make the mask as large as the clip, or {plan.width}x{plan.height} as the model sees it"
        )
    white = (
        np.where(image.mean(-1, keepdims=True) > 127, 255, 0).astype(np.uint8).repeat(3, -1)
        for image in itertools.chain([first], images)
    )
    fitted = fit_frames(white, (plan.height, plan.width), plan.policy)
    if len(fitted) not in (1, plan.num_frames):
        raise ValueError(
            f"mask '{path}' has {len(fitted)} frames at {source.fps:g} fps, the clip has {plan.num_frames}: make it as "
            f"long as the clip, use --frames {len(fitted)}, or give an image for all frames"
        )
    mask = torch.from_numpy(fitted[..., 0] > 0)  # a pixel that the white touches is white
    if not bool(mask.any()):
        raise ValueError(f"mask '{path}' has no white pixel inside the picture: white marks what is generated")
    return mask.expand(plan.num_frames, -1, -1)


def _mask_images(options: argparse.Namespace, rate: float, count: int) -> Iterator[np.ndarray]:
    """The one picture of a file that has no more, or its frames beside those of the clip, at most so many."""
    from ..video import read_frames

    images = list(read_frames(options.mask, max_frames=2))
    if len(images) == 1:
        return iter(images)
    return read_frames(options.mask, fps=rate, start=options.start, max_frames=count)


def _write(options: argparse.Namespace, clip: GeneratedClip, fps: float, said: str, beside: np.ndarray | None) -> None:
    """The video, and a sheet of it below the frames that it was made of, or some of both if there are many."""
    from ..sheet import Row, contact_sheet
    from ..video import write_video

    how = f"{options.sampler}, {options.steps} steps, guidance {options.guidance:g}, seed {options.seed}"
    write_video(options.output, clip.frames, fps, metadata={"comment": f"vdt {said}; {how}"})
    print(options.output)
    if options.sheet is not None:
        chosen = evenly(0, len(clip.frames) - 1, MOST_SHEET_FRAMES)
        generated = [bool(clip.mask[index].any()) for index in chosen]
        rows = [Row(label="output", frames=clip.frames[chosen], generated=generated)]
        if beside is not None:
            rows.insert(0, Row(label="input", frames=beside[[index for index in chosen if index < len(beside)]]))
        contact_sheet(rows, options.sheet, numbers=chosen)
        print(options.sheet)

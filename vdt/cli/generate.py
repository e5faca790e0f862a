"""`vdt generate`: a clip in, a mask of what is given, the completed clip out."""

from __future__ import annotations

import argparse
import importlib
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .extend import TASKS, check_wishes, extend
from .options import add_model_options, add_sampling_options, add_window_options, check_output, positive, size

if TYPE_CHECKING:
    from torch import Tensor

    from ..config import VDTConfig
    from ..pipeline import GeneratedClip, Pipeline
    from ..planner import Plan, Source, Wishes

DESCRIPTION = """\
Make a clip from what is given of it. TASK is one of:

  predict         what happens next: the first K frames of the clip are given (--given K, default 8 or all there are)
  backward        what came before: the clip is the END of the output, its last K frames are given (--given K)
  interpolate     what happens between: every N-th frame is given (--every N, default 4), and the last one. A clip of
                  at least T frames keeps these of its own; a shorter one is spread out, N frames apart, to
                  (frames - 1) * N + 1 frames that play N times as fast, so that it lasts as long as before
  slow-motion     the whole clip, N times as long (--every N, default 2): N - 1 new frames between each two
  image-to-video  an image, or the first frame of a clip, becomes frame I of the output (--frame I, default 0, last -1)
  frames          any frames are given (--known 0-3,8,-1): those of the clip at these positions, or, if it has exactly
                  as many frames as the list, all of them in order
  spatial         part of the picture: --mask PNG of the size of the clip, white = generate, black = keep
  extend          what happens next, and what came before: all frames of the clip are given, however many, and N more
                  are added (--frames N after it, --before N in front of it)
  connect         the way from the clip to a second one (--second CLIP), N frames long (--frames N), between the two
  loop            the way from the end of the clip back to its beginning: N frames more (--frames N)
  unconditional   everything: no input is needed

T is the length the model was trained with, or --frames. Longer clips are cut to it (--start chooses from where). More
frames than the model was trained with are made in windows of that many.
Frames are brought to the size of the model, or --size, by --policy. Given pixels come back unchanged."""

SUFFIXES = (".png", ".jpg", ".jpeg")


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
        help="length of the output (default: the model's); extend, connect, loop: frames to add",
    )
    group.add_argument("--before", type=positive, default=0, metavar="N", help="extend: frames to add in front")
    group.add_argument(
        "--size", type=size, metavar="HxW", help="height x width, multiples of 16 (default: the model's)"
    )
    group.add_argument("--policy", choices=("crop", "fit", "stretch"), default="crop", help="to size (default: crop)")
    group.add_argument(
        "--fps", type=float, help="resample the clip to so many frames a second (default: its own; 8 for images)"
    )
    group.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="where in the clip to begin")
    add_sampling_options(parser)
    add_window_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def _add_given_options(group: Any) -> None:
    group.add_argument("--given", type=int, metavar="K", help="predict, backward: number of given frames")
    group.add_argument("--every", type=int, metavar="N", help="interpolate, slow-motion: distance of given frames")
    group.add_argument("--frame", type=int, metavar="I", help="image-to-video: where the image stands")
    group.add_argument("--known", metavar="LIST", help="frames: given frames, such as 0-3,8,-1")
    group.add_argument("--mask", type=Path, metavar="PNG", help="spatial: white = generate")


def run(options: argparse.Namespace) -> None:
    """Plan, generate with a progress bar, write the video and the sheet."""
    from ..pipeline import Pipeline

    check_wishes(options)
    wishes = None if options.task in TASKS else _wishes(options)
    check_output(options.output, ".mp4")
    check_output(options.sheet, *SUFFIXES)
    if options.sheet is not None:
        importlib.import_module("PIL")  # an extra: if it is missing, say so before any work
    for path in (options.input, options.second, options.mask):
        if path is not None and not path.exists():
            raise ValueError(f"no such file: '{path}'")
    pipeline = Pipeline.from_files(options.model, options.vae, device=options.device, dtype=options.dtype)
    if wishes is None:
        extend(options, pipeline)
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
    from tqdm import tqdm

    from ..planner import make_plan

    config, downscale = pipeline.model.config, pipeline.vae.config.downscale
    source, frames = (None, np.zeros((0, 1, 1, 3), np.uint8))
    if options.input is not None:
        source, frames = _read(options, wishes, config, downscale)
    plan = make_plan(config, wishes, source, downscale=downscale)
    mask = plan.frame_mask(plan.height, plan.width) if options.mask is None else _read_mask(options.mask, plan, source)
    print(plan.describe())
    with tqdm(desc="sample", unit="step", disable=None) as bar:

        def show(info: Any) -> None:
            bar.total = info.num_steps
            bar.update(info.step - bar.n)

        clip = pipeline.generate(
            plan.place(frames),
            mask,
            steps=options.steps,
            sampler=options.sampler,
            guidance_scale=options.guidance,
            seed=options.seed,
            window=options.window,
            overlap=options.overlap,
            callback=show,
        )
    _write(options, plan, clip, frames)


def _read(options: argparse.Namespace, wishes: Wishes, config: VDTConfig, downscale: int) -> tuple[Source, Any]:
    """The clip at the size of the plan, uint8 (n, H, W, 3), and what it was before."""
    from ..frames import fit_frames
    from ..planner import DEFAULT_FPS, Source, clip_length, clip_size
    from ..video import probe, read_frames

    wished = clip_size(config, wishes, downscale=downscale)
    rate = options.fps or float(probe(options.input).fps or DEFAULT_FPS)
    reader = read_frames(options.input, fps=rate, start=options.start, max_frames=clip_length(config, wishes))
    first = next(reader)
    frames = fit_frames(itertools.chain([first], reader), wished, wishes.policy)
    return Source(num_frames=len(frames), height=first.shape[0], width=first.shape[1], fps=rate), frames


def _read_mask(path: Path, plan: Plan, source: Source | None) -> Tensor:
    """A pixel mask bool (T, H, W) from an image of the size of the clip, before or after resizing."""
    import numpy as np
    import torch

    from ..frames import fit_frames
    from ..video import read_frames

    assert source is not None
    image = next(read_frames(path, max_frames=1))
    sizes = [(source.height, source.width), (plan.height, plan.width)]
    if image.shape[:2] not in sizes:
        raise ValueError(
            f"mask '{path}' is {image.shape[1]}x{image.shape[0]} (width x height), the clip is {source.width}x"
            f"{source.height}: make the mask as large as the clip, or {plan.width}x{plan.height} as the model sees it"
        )
    white = np.where(image.mean(-1, keepdims=True) > 127, 255, 0).astype(np.uint8).repeat(3, -1)
    fitted = fit_frames(white[None], (plan.height, plan.width), plan.policy)
    mask = torch.from_numpy(fitted[0, :, :, 0] > 0)  # a pixel that the white touches is white
    if not bool(mask.any()):
        raise ValueError(f"mask '{path}' has no white pixel inside the picture: white marks what is generated")
    return mask.expand(plan.num_frames, -1, -1)


def _write(options: argparse.Namespace, plan: Plan, clip: GeneratedClip, source: Any) -> None:
    from ..sheet import Row, contact_sheet
    from ..video import write_video

    how = f"{options.sampler}, {options.steps} steps, guidance {options.guidance:g}, seed {options.seed}"
    write_video(options.output, clip.frames, plan.fps, metadata={"comment": f"vdt {plan.describe()}; {how}"})
    print(options.output)
    if options.sheet is not None:
        rows = [Row(label="output", frames=clip.frames, generated=[bool(frame.any()) for frame in clip.mask])]
        if plan.positions and plan.positions == plan.sources:  # frame by frame comparable
            rows.insert(0, Row(label="input", frames=source[: plan.num_frames]))
        contact_sheet(rows, options.sheet)
        print(options.sheet)

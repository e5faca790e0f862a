"""`vdt generate`: a clip and a mask of its given frames in, the completed clip out."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..options import (
    add_compositing_options,
    add_model_options,
    add_sampling_options,
    add_window_options,
    positive,
    size,
    task_name,
)
from ..outputs import Target
from ..task_flags import add_clip_flags
from .text import add_text_options, with_text

DESCRIPTION = """\
Generate the missing part of a clip from the given one. TASK is one of:

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
  connect         from the clip to a second one (--second CLIP) through N new frames (--frames N) between the two;
                  silent between the sounds of both, if there are any
  loop            a seamless loop: from the end of the clip back to its beginning through N new frames (--frames N). It
                  starts a few frames into the clip and ends with those, so that the new frames lie inside of it
  unconditional   everything: no input is needed

T is the length the model was trained with, or --frames. Longer clips are cut to it (--start chooses from where). More
frames than the model was trained with are made in windows of that many; an estimate of time and memory is printed
before the run. Frames are brought to the size of the model, or --size, by --policy. Given pixels come back unchanged.

  vdt generate predict --input clip.mp4 --output out.mp4 --given 4 --sheet sheet.png
  vdt generate image-to-video --input photo.png --output out.mp4
  vdt generate extend --input clip.mp4 --output out.mp4 --frames 100
  vdt generate unconditional --output out.mp4 --text 'a red ball rolls to the left and hits a green cylinder'"""


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt generate`."""
    parser = commands.add_parser(
        "generate",
        parents=[common],
        help="predict, interpolate or complete a clip",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", metavar="TASK", type=task_name, help="see above")
    parser.add_argument("--input", type=Path, metavar="CLIP", help="any video or image that FFmpeg reads")
    parser.add_argument("--output", type=Path, required=True, metavar="OUT.mp4", help="the video to write (h264)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="also write a contact sheet (.png or .jpg)")
    group = parser.add_argument_group("clip")
    group.add_argument(
        "--frames",
        type=positive,
        metavar="T",
        help="length of the output (default: the model's; outpaint: the clip's); extend, connect, loop: frames to add",
    )
    group.add_argument("--size", type=size, metavar="HxW", help="height x width in pixels (default: the model's)")
    group.add_argument(
        "--policy",
        choices=("crop", "fit", "stretch"),
        default="crop",
        help="fit mode: how a frame is brought to the size (default: crop)",
    )
    group.add_argument(
        "--fps", type=float, help="resample the clip to so many frames a second (default: its own; 8 for images)"
    )
    group.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="where in the clip to begin")
    add_clip_flags(parser)
    add_text_options(parser)
    add_sampling_options(parser)
    add_window_options(parser)
    add_compositing_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Turn the options into records, load the model, and generate."""
    from ...inference.prompt import Vocabulary, resolve_text
    from ..records import generation_config, load_pipeline, model_path, window_config
    from .clips import write_generated, write_outpainted
    from .requests import OutpaintRequest, VideoRequest, make_request
    from .videos import write_job

    request = make_request(options)
    target = Target(video=options.output, sheet=options.sheet)
    generation = with_text(generation_config(options), options)
    pipeline = load_pipeline(options)
    resolve_text(pipeline.model.config, generation.text)  # refuses what it cannot read before anything is made
    if advice := Vocabulary.read(model_path(options)).advice(generation.text):
        print(f"note: {advice}")
    generation = replace(generation, windows=window_config(options, pipeline.codec.downscale))
    if isinstance(request, VideoRequest):
        write_job(request.job(pipeline.model.config, downscale=pipeline.codec.downscale), pipeline, generation, target)
    elif isinstance(request, OutpaintRequest):
        write_outpainted(request, pipeline, generation, target)
    else:
        write_generated(request, pipeline, generation, target)

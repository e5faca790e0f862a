"""`vdt demo`: three tasks of the bundled model on bundled clips, in one video to look at."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .outputs import check_folder
from .progress import sampling_bar

if TYPE_CHECKING:
    from ..inference.pipeline import Pipeline
    from ..masks import Task
    from ..visualize.panels import Panel

SCALE = 5  # pixels of the video for one of a clip
ROUNDS = 4  # that the clips play in the video
REGION = '{"v":1,"given":"0-15","paint":[{"on":"3-12","rect":[0.25,0.25,0.75,0.875]}]}'


@dataclass(frozen=True)
class Part:
    """One task on one bundled clip; a region is a text of the mask timeline."""

    label: str
    clip: str
    task: str
    region: str = ""


PARTS = (
    Part("What happens next?", "projectile", "predict"),
    Part("What lies between?", "two_balls", "interpolate"),
    Part("What is behind it?", "roll_stop", "unconditional", REGION),
)


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt demo`."""
    parser = commands.add_parser(
        "demo",
        parents=[common],
        help="see what the bundled model does",
        description="Predict, interpolate and complete bundled clips, and put the three side by side into one video.",
    )
    parser.add_argument("--output", type=Path, default=Path("demo"), metavar="DIR", help="folder (default: demo)")
    parser.add_argument(
        "--clips", type=Path, default=Path("samples/clips"), metavar="DIR", help="where the bundled clips are"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Generate with a progress bar for each task; the video is named first, numbers come after it."""
    import numpy as np

    from ..inference.pipeline import Pipeline
    from ..media.video import write_video
    from ..visualize.panels import play_panels

    check_folder(options.output)
    missing = [part.clip for part in PARTS if not (options.clips / f"{part.clip}.mp4").is_file()]
    if missing:
        raise ValueError(
            f"no {missing[0]}.mp4 in '{options.clips}': run this in a checkout, or name the folder by --clips"
        )
    pipeline = Pipeline.from_pretrained()
    shown = [_make(part, options.clips / f"{part.clip}.mp4", pipeline) for part in PARTS]
    path = options.output / "demo.mp4"
    frames = play_panels(shown, scale=SCALE)
    write_video(path, np.concatenate([frames] * ROUNDS), 8)
    print(f"look at {path}: three clips of 64x64 pixels, enlarged")
    for part, panel in zip(PARTS, shown, strict=True):
        print(f"  {part.label:20} {_score(panel)}")


def _make(part: Part, path: Path, pipeline: Pipeline) -> Panel:
    from ..masks import make_task
    from ..masks.pixel import task_mask
    from ..masks.timeline import apply_timeline, parse_timeline
    from ..media import read_video
    from ..visualize.panels import Panel

    config, side = pipeline.model.config, pipeline.model.config.input_size * pipeline.codec.downscale
    clip = read_video(path, size=(side, side), frames=config.num_frames).frames
    task: Task = make_task(part.task)
    mask = apply_timeline(task_mask(task, clip.shape[:3]), parse_timeline(part.region))
    with sampling_bar(part.label) as show:
        made = pipeline(clip, mask, seed=0, callback=show)
    return Panel(label=part.label, given=clip, frames=made.frames, generated=made.mask)


def _score(panel: Panel) -> str:
    """How near the generated frames are to what really happened."""
    import numpy as np

    from ..evaluation.metrics import psnr

    made = panel.is_made
    near = float(np.mean(psnr(panel.frames[made], panel.given[made])))
    return f"{near:.1f} dB from the truth over {int(made.sum())} generated frames"

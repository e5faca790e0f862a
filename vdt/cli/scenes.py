"""`vdt scenes`: physics scenes as videos, each with its objects' true positions as JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import positive
from .outputs import check_folder

if TYPE_CHECKING:
    from ..physics.scenes import SceneClip


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt scenes`."""
    parser = commands.add_parser(
        "scenes",
        parents=[common],
        help="render physics scenes",
        description="Simulate and render scenes with MuJoCo (extra 'train'): for each an .mp4 and a .json with the "
        "objects' centres, visibility and contact frame, and one contact sheet. A seed is the same scene for ever.",
    )
    parser.add_argument(
        "--split",
        default="test",
        help="train, train_apart, wide, val, test, interior, ood or wide_test (default: test)",
    )
    parser.add_argument("--count", type=positive, default=8, metavar="N", help="number of scenes (default: 8)")
    parser.add_argument("--first", type=int, default=0, metavar="I", help="number of the first scene in the split")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write into")
    parser.add_argument("--size", type=positive, default=64, metavar="PX", help="height and width (default: 64)")
    parser.add_argument("--frames", type=positive, default=16, metavar="T", help="length of a scene (default: 16)")
    parser.add_argument(
        "--family",
        action="append",
        metavar="NAME",
        help="projectile, roll_collide, roll_stop or two_balls; may be repeated (default: all in turn)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Render and write the scenes."""
    from ..media.video import write_video
    from ..physics.scenes import FPS, load_clips
    from ..visualize.contact_sheet import Row, contact_sheet

    check_folder(options.output)
    clips = load_clips(
        options.split,
        options.count,
        size=options.size,
        num_frames=options.frames,
        families=options.family,
        start=options.first,
    )
    for clip in clips:
        name = f"{clip.split}_{clip.seed}_{clip.family}"
        write_video(options.output / f"{name}.mp4", clip.frames, FPS)
        _write_json(clip, options.output / f"{name}.json", FPS)
    rows = [Row(label=f"{clip.family}\n{clip.seed}", frames=clip.frames) for clip in clips]
    contact_sheet(rows, options.output / "sheet.png")
    print(f"{len(clips)} scenes in {options.output}, contact sheet {options.output / 'sheet.png'}")


def _write_json(clip: SceneClip, path: Path, fps: float) -> None:
    from ..media.files import write_text

    objects = [
        {
            "name": name,
            "colour": clip.colours[index].tolist(),
            "centres": clip.centres[index].astype(float).round(3).tolist(),
            "visible": clip.visible[index].astype(float).round(4).tolist(),
        }
        for index, name in enumerate(clip.names)
    ]
    record = {
        "family": clip.family,
        "seed": clip.seed,
        "split": clip.split,
        "fps": fps,
        "size": list(clip.frames.shape[1:3]),
        "num_frames": len(clip.frames),
        "contact_frame": clip.contact_frame,
        "radius": clip.radius.astype(float).round(3).tolist(),
        "objects": objects,
    }
    write_text(json.dumps(record, indent=1) + "\n", path)

"""`vdt evaluate`: how far the model and baselines are from the truth, on held-out scenes or videos of one's own."""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import (
    add_finish_options,
    add_model_options,
    add_sampling_options,
    check_folder,
    check_output,
    finite,
    positive,
    sampling_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..data.scenes import SceneClip
    from ..evaluation import Report
    from ..evaluation.networks import Sampling
    from ..pipeline import Pipeline


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt evaluate`."""
    parser = commands.add_parser(
        "evaluate",
        parents=[common],
        help="measure the model on held-out clips",
        description="Score model, VAE round trip and simple baselines on generated frames of physics scenes "
        "(extra 'train'): centroid error, presence, contact decision, PSNR and SSIM, with 95 %% intervals; or PSNR and "
        "SSIM alone on a folder of your own videos that the model has not learned from.",
    )
    parser.add_argument("--split", default="test", help="val, test or ood (default: test)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="videos of your own instead of simulated scenes")
    parser.add_argument("--fps", type=finite, default=8.0, help="frames a second of --folder (default: 8)")
    parser.add_argument("--count", type=positive, default=100, metavar="N", help="number of clips (default: 100)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write tables, plots and a contact sheet there")
    parser.add_argument(
        "--suite", type=Path, metavar="DIR", help="score every task instead, sample several futures and look for copies"
    )
    parser.add_argument("--record", action="store_true", help="also write the figures into the metadata of both files")
    parser.add_argument(
        "--task", default="predict", type=lambda text: text.replace("-", "_"), help="(default: predict)"
    )
    parser.add_argument("--given", type=positive, default=8, metavar="K", help="given frames (default: 8)")
    parser.add_argument("--every", type=positive, default=4, metavar="N", help="distance of given frames (default: 4)")
    parser.add_argument(
        "--known", default="0,-1", metavar="LIST", help="given frames of the task frames (default: 0,-1)"
    )
    parser.add_argument("--size", type=positive, metavar="PX", help="height and width (default: the model's)")
    parser.add_argument("--frames", type=positive, metavar="T", help="length of the clips (default: the model's)")
    add_sampling_options(parser)
    add_finish_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Render or load the scenes, evaluate, write what was asked for."""
    _check(options)
    from ..checkpoints import bundled
    from ..data.scenes import load_clips
    from ..evaluation import evaluate, markdown_table, write_report
    from ..pipeline import Pipeline

    pipeline = Pipeline.from_files(options.model, options.vae, device=options.device, dtype=options.dtype)
    config = pipeline.model.config
    size = options.size or config.input_size * pipeline.vae.config.downscale
    path = options.model or bundled("vdt")

    @cache
    def clips(split: str) -> list[SceneClip]:
        return load_clips(split, options.count, size=size, num_frames=options.frames or config.num_frames)

    if options.folder is not None:
        _footage(options, pipeline, path, size)
        return
    if options.suite is not None:
        _suite(options, pipeline, path, clips)
        return
    report = evaluate(pipeline.model, pipeline.vae, clips(options.split), **_how(options, path))
    if options.record:
        report.values["model_sha256"] = _record(report, path, options.vae or bundled("vae"))
    _write(report, options, write_report, markdown_table)


def _footage(options: argparse.Namespace, pipeline: Pipeline, path: Path, size: int) -> None:
    from ..data.clips import folder_clips
    from ..evaluation import evaluate_footage, footage_table, write_footage

    num_frames = options.frames or pipeline.model.config.num_frames
    clips = folder_clips(options.folder, options.count, size=size, num_frames=num_frames, fps=options.fps)
    report = evaluate_footage(pipeline.model, pipeline.vae, clips, **_how(options, path))
    _write(report, options, write_footage, footage_table)


def _how(options: argparse.Namespace, path: Path) -> dict[str, Any]:
    """What both evaluations take of the command line."""
    from ..checkpoints import sha256

    told = {name: getattr(options, name) for name in ("task", "given", "every")} | {"listed": options.known}
    return {**told, **vars(_sampling(options)), "model_sha256": sha256(path), "progress": True}


def _write(
    report: Report,
    options: argparse.Namespace,
    write_report: Callable[[Report, Path], None],
    table: Callable[[Report], str],
) -> None:
    from ..files import write_text

    if options.json is not None:
        write_text(report.to_json(), options.json)
        print(options.json)
    if options.report is not None:
        write_report(report, options.report)
        print(options.report)
    print(table(report))


def _sampling(options: argparse.Namespace) -> Sampling:
    from ..evaluation.networks import Sampling

    return Sampling(**sampling_of(options), edges=options.edges)


def _suite(
    options: argparse.Namespace, pipeline: Pipeline, path: Path, clips: Callable[[str], list[SceneClip]]
) -> None:
    from ..checkpoints import sha256
    from ..data.clips import scene_chunks
    from ..evaluation.suite import run_suite

    learned = _scenes_learned(path)
    size, num_frames = clips("test")[0].frames.shape[1], pipeline.model.config.num_frames
    run_suite(
        pipeline.model,
        pipeline.vae,
        clips,
        options.suite,
        _sampling(options),
        training=(lambda: scene_chunks("train", learned, size=size, num_frames=num_frames)) if learned else None,
        model_sha256=sha256(path),
        progress=True,
    )
    print((options.suite / "suite.md").read_text(encoding="utf-8"))


def _scenes_learned(path: Path) -> int:
    """How many scenes of the training split a file has learned from, as far as it says so."""
    from ..checkpoints import describe

    data = json.loads(describe(path).metadata.get("recipe", "{}")).get("data", {})
    return data["clips"] if data.get("source") == "scenes" else 0


def _check(options: argparse.Namespace) -> None:
    check_output(options.json, ".json")
    for folder in (options.report, options.suite):
        if folder is not None:
            check_folder(folder)
    if options.suite is not None and (options.json or options.report or options.record):
        raise ValueError("--suite writes its own files: leave out --json, --report and --record")
    if not options.fps > 0:
        raise ValueError(f"--fps must be above 0, got {options.fps:g}")
    if options.folder is not None and (options.suite or options.record):
        raise ValueError("--folder holds no simulated scenes: leave out --suite and --record")
    if options.suite is not None and options.frames:
        raise ValueError(
            "--suite looks for copies of training clips, which have the model's length: leave out --frames"
        )


def _record(report: Report, model: Path, vae: Path) -> str:
    """Put each file's figures into its header; returns the model's new sha256."""
    from ..checkpoints import add_metadata, sha256

    values = report.values
    told = ("split", "count", "task", "given", "steps", "sampler", "guidance_scale", "seed")
    settings = {key: values[key] for key in told}
    for path, method in ((vae, "vae"), (model, "model")):
        families = {family: methods[method] for family, methods in values["families"].items()}
        add_metadata(path, {"metrics": json.dumps({**settings, "families": families})})
    return sha256(model)

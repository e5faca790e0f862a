"""`vdt evaluate`: how far the model and simple baselines are from the truth on held-out scenes."""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import add_model_options, add_sampling_options, check_folder, check_output, positive

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..data.scenes import SceneClip
    from ..evaluation import Report
    from ..evaluation.suite import Condition


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt evaluate`."""
    parser = commands.add_parser(
        "evaluate",
        parents=[common],
        help="measure the model on held-out scenes",
        description="Score model, VAE round trip and simple baselines on generated frames of physics scenes "
        "(extra 'train'): centroid error, presence, contact decision, PSNR and SSIM, with 95 %% intervals.",
    )
    parser.add_argument("--split", default="test", help="val, test or ood (default: test)")
    parser.add_argument("--count", type=positive, default=100, metavar="N", help="number of clips (default: 100)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write tables, plots and a contact sheet there")
    parser.add_argument(
        "--suite", type=Path, metavar="DIR", help="score every task instead, and write tables and plots"
    )
    parser.add_argument("--record", action="store_true", help="also write the figures into the metadata of both files")
    parser.add_argument(
        "--task", default="predict", type=lambda text: text.replace("-", "_"), help="(default: predict)"
    )
    parser.add_argument("--given", type=positive, default=8, metavar="K", help="given frames (default: 8)")
    parser.add_argument("--every", type=positive, default=4, metavar="N", help="distance of given frames (default: 4)")
    parser.add_argument("--size", type=positive, metavar="PX", help="height and width (default: the model's)")
    add_sampling_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Render or load the scenes, evaluate, write what was asked for."""
    check_output(options.json, ".json")
    from ..checkpoints import bundled, sha256
    from ..data.scenes import load_clips
    from ..evaluation import evaluate, markdown_table, write_report
    from ..evaluation.suite import Condition
    from ..files import write_text
    from ..pipeline import Pipeline

    pipeline = Pipeline.from_files(options.model, options.vae, device=options.device, dtype=options.dtype)
    if options.report is not None:
        check_folder(options.report)
    config = pipeline.model.config
    size = options.size or config.input_size * pipeline.vae.config.downscale
    digest = sha256(options.model or bundled("vdt"))

    @cache
    def clips(split: str) -> list[SceneClip]:
        return load_clips(split, options.count, size=size, num_frames=config.num_frames)

    def score(condition: Condition) -> Report:
        return evaluate(
            pipeline.model,
            pipeline.vae,
            clips(condition.split),
            task=condition.task,
            given=condition.given,
            every=condition.every,
            steps=options.steps,
            sampler=options.sampler,
            guidance_scale=options.guidance,
            seed=options.seed,
            model_sha256=digest,
            progress=True,
        )

    if options.suite is not None:
        _suite(options.suite, score)
        return
    report = score(Condition(name="", task=options.task, given=options.given, every=options.every, split=options.split))
    if options.record:
        report.values["model_sha256"] = _record(report, options.model or bundled("vdt"), options.vae or bundled("vae"))
    if options.json is not None:
        write_text(report.to_json(), options.json)
        print(options.json)
    if options.report is not None:
        write_report(report, options.report)
        print(options.report)
    print(markdown_table(report))


def _suite(folder: Path, score: Callable[[Condition], Report]) -> None:
    """Write the numbers as they come, then the table and the plot."""
    from ..evaluation.suite import CONDITIONS, write_suite
    from ..files import write_text

    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    reports: dict[str, dict[str, Any]] = {}
    for condition in CONDITIONS:
        print(condition.name)
        reports[condition.name] = score(condition).values
        write_text(json.dumps(reports, indent=1, allow_nan=False) + "\n", folder / "suite.json")
    write_suite(reports, folder)
    print((folder / "suite.md").read_text(encoding="utf-8"))


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

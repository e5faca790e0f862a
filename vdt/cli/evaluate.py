"""`vdt evaluate`: how close the model and baselines come to the truth, on held-out scenes or videos of one's own."""

from __future__ import annotations

import argparse
import importlib
import json
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .options import (
    add_compositing_options,
    add_model_options,
    add_sampling_options,
    add_text_guidance_option,
    add_window_options,
    finite,
    positive,
    side_or_size,
    task_name,
)
from .outputs import check_folder, check_output
from .records import generation_config, guided_by_text, load_pipeline, model_path, vae_path, window_config
from .task_flags import add_setting_flags, clip_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..evaluation import Report
    from ..inference.pipeline import Pipeline
    from ..inference.settings import GenerationConfig
    from ..masks import Task
    from ..physics.language import TextReport
    from ..physics.scenes import SceneClip

DESCRIPTION = """\
Score model, VAE round trip and simple baselines on generated frames of physics scenes (extra 'train'): centroid error,
presence, contact decision, PSNR and SSIM, with 95 % intervals; or PSNR and SSIM alone on a folder of your own videos
that the model has not learned from. Clips are made as `vdt generate` makes them.

  vdt evaluate --count 100 --report report
  vdt evaluate --folder my_videos --task interpolate --every 4
  vdt evaluate --suite suite --count 200
  vdt evaluate --texts --model text.safetensors --count 200"""
AnyReport = TypeVar("AnyReport", "Report", "TextReport")
ENDS = "0,-1"  # first and last frame


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt evaluate`."""
    parser = commands.add_parser(
        "evaluate",
        parents=[common],
        help="measure the model on held-out clips",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--split", default="test", help="val, test, interior, ood or wide_test (default: test)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="videos of your own instead of simulated scenes")
    parser.add_argument("--fps", type=finite, default=8.0, help="frames a second of --folder (default: 8)")
    parser.add_argument("--count", type=positive, default=100, metavar="N", help="number of clips (default: 100)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write tables, plots and a contact sheet there")
    parser.add_argument(
        "--suite", type=Path, metavar="DIR", help="score every task instead, measure diversity and look for copies"
    )
    parser.add_argument(
        "--texts",
        action="store_true",
        help="make clips from sentences alone instead, and judge colour, object, direction and event",
    )
    parser.add_argument("--record", action="store_true", help="also write the metrics into the metadata of both files")
    _add_task_options(parser)
    parser.add_argument(
        "--size", type=side_or_size, metavar="PX", help="height and width, 64 or 48x96 (default: the model's)"
    )
    parser.add_argument("--frames", type=positive, metavar="T", help="length of the clips (default: the model's)")
    add_sampling_options(parser)
    add_text_guidance_option(parser)
    add_window_options(parser)
    add_compositing_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def _add_task_options(parser: argparse.ArgumentParser) -> None:
    from ..masks import TASKS

    tasks = _tasks()
    names = ", ".join(tasks).replace("_", "-")
    default = next(iter(tasks))
    parser.add_argument("--task", default=default, type=task_name, help=f"{names} (default: {default})")
    defaults = {setting: getattr(TASKS[name](), setting) for name, setting in tasks.items() if setting}
    add_setting_flags(parser, tasks, **{**defaults, "given_frames": ENDS})


def _tasks() -> dict[str, str | None]:
    """Tasks that can be evaluated, those that give whole frames, each with its setting."""
    return {name: setting for name, setting in clip_tasks().items() if setting not in (None, "mask")}


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest:
    """Which clips are evaluated on which task, and what is written; ValueError for what does not go together."""

    task: Task
    split: str
    count: int
    size: tuple[int, int] | None
    frames: int | None
    folder: Path | None
    fps: float
    json: Path | None
    report: Path | None
    suite: Path | None
    texts: bool
    record: bool

    def __post_init__(self) -> None:
        check_output(self.json, ".json")
        for folder in (self.report, self.suite):
            if folder is not None:
                check_folder(folder)
        if self.report is not None or self.suite is not None:
            importlib.import_module("matplotlib")  # an extra: if it is missing, say so before any work
        if self.suite is not None and (self.json or self.report or self.record):
            raise ValueError("--suite writes its own files: leave out --json, --report and --record")
        if self.suite is not None and self.size and self.size[0] != self.size[1]:
            raise ValueError(f"--suite measures squares: give one side, got {self.size[0]}x{self.size[1]}")
        if not self.fps > 0:
            raise ValueError(f"--fps must be above 0, got {self.fps:g}")
        if self.texts and (self.suite or self.folder or self.record or self.size or self.frames):
            raise ValueError(
                "--texts makes clips of the model's size: leave out --suite, --folder, --record, --size and --frames"
            )
        if self.folder is not None and (self.suite or self.record):
            raise ValueError("--folder holds no simulated scenes: leave out --suite and --record")
        if self.suite is not None and self.frames:
            raise ValueError(
                "--suite looks for copies of training clips, which have the model's length: leave out --frames"
            )

    def shape(self, pipeline: Pipeline) -> tuple[tuple[int, int], int]:
        """(height, width) in pixels and length of the clips, asked for or the model's own; ValueError if too many."""
        from ..inference.memory import check_frames, check_memory

        config = pipeline.model.config
        side = config.input_size * pipeline.codec.downscale
        size, frames = self.size or (side, side), self.frames or config.num_frames
        check_frames(frames, size)
        check_memory(self.count * frames * size[0] * size[1] * 3)
        return size, frames

    def scenes(self, pipeline: Pipeline, split: str) -> list[SceneClip]:
        """Simulated scenes of a split; those that are no squares are the middle of larger ones."""
        from ..physics.scenes import crop_scene, load_clips

        size, num_frames = self.shape(pipeline)
        clips = load_clips(split, self.count, size=max(size), num_frames=num_frames)
        return [crop_scene(clip, *size) for clip in clips]


def run(options: argparse.Namespace) -> None:
    """Turn the options into records, load or render the clips, evaluate, and write what was asked for.

    Under `torchrun` the processes share the clips, and the first one writes.
    """
    from ..ranks import leave

    shared = {field.name: getattr(options, field.name) for field in fields(EvaluateRequest) if field.name != "task"}
    request = EvaluateRequest(task=_task(options), **shared)
    if options.text_guidance is not None and not request.texts:
        raise ValueError(f"--text-guidance {options.text_guidance:g} needs --texts: no other evaluation has a text")
    generation = generation_config(options)
    model, vae = model_path(options), vae_path(options)
    options.device = _joined(options.device, request)
    pipeline = load_pipeline(options)
    generation = replace(generation, windows=window_config(options, pipeline.codec.downscale))
    if request.folder is not None:
        _evaluate_folder(request, request.folder, pipeline, generation, model)
    elif request.texts:
        _evaluate_texts(request, pipeline, guided_by_text(generation, options.text_guidance))
    elif request.suite is not None:
        _run_suite(request, request.suite, pipeline, generation, model)
    else:
        _evaluate_scenes(request, pipeline, generation, model, vae)
    leave()


def _joined(device: str | None, request: EvaluateRequest) -> str | None:
    """Meet the other processes, if there are any; the device of this one."""
    from ..inference.pipeline import resolve_device
    from ..ranks import current, device_of, join

    if current().world == 1:
        return device
    if request.suite is not None:
        raise ValueError("--suite runs in one process: leave out torchrun")
    device = device_of(current(), str(resolve_device(device)))
    join(device)
    return device


def _task(options: argparse.Namespace) -> Task:
    from ..masks import make_task

    tasks = _tasks()
    if options.task not in tasks:
        raise ValueError(f"task {options.task!r} cannot be evaluated, expected one of {', '.join(tasks)}")
    return make_task(options.task, **{setting: getattr(options, setting) for setting in filter(None, tasks.values())})


def _evaluate_scenes(
    request: EvaluateRequest, pipeline: Pipeline, generation: GenerationConfig, model: Path, vae: Path
) -> None:
    from ..checkpoints import sha256
    from ..physics.evaluate import evaluate_scenes
    from ..physics.report import markdown_table, write_report
    from ..ranks import current

    report = evaluate_scenes(
        pipeline,
        request.scenes(pipeline, request.split),
        task=request.task,
        config=generation,
        model_sha256=sha256(model),
        progress=True,
    )
    if request.record and current().is_first:
        report.values["model_sha256"] = _record(report, model, vae)
    _write(report, request, write_report, markdown_table)


def _evaluate_folder(
    request: EvaluateRequest, folder: Path, pipeline: Pipeline, generation: GenerationConfig, model: Path
) -> None:
    from ..checkpoints import sha256
    from ..evaluation.video_folder import evaluate_folder, folder_table, write_folder_report
    from ..media.video_folder import folder_clips

    size, num_frames = request.shape(pipeline)
    report = evaluate_folder(
        pipeline,
        folder_clips(folder, request.count, size=size, num_frames=num_frames, fps=request.fps),
        task=request.task,
        config=generation,
        model_sha256=sha256(model),
        progress=True,
    )
    _write(report, request, write_folder_report, folder_table)


def _evaluate_texts(request: EvaluateRequest, pipeline: Pipeline, generation: GenerationConfig) -> None:
    from ..physics.language import report_text, text_table, write_text_report

    _write(report_text(pipeline, request.count, generation), request, write_text_report, text_table)


def _run_suite(
    request: EvaluateRequest, folder: Path, pipeline: Pipeline, generation: GenerationConfig, model: Path
) -> None:
    from ..checkpoints import sha256
    from ..physics.scenes import scene_chunks
    from ..physics.suite import run_suite

    seen, learned = _scenes_learned(model)
    (size, _), num_frames = request.shape(pipeline)
    run_suite(
        pipeline,
        cache(lambda split: request.scenes(pipeline, split)),
        folder,
        config=generation,
        training=(lambda: scene_chunks(seen, learned, size=size, num_frames=num_frames)) if learned else None,
        model_sha256=sha256(model),
        progress=True,
    )
    print((folder / "suite.md").read_text(encoding="utf-8"))


def _scenes_learned(path: Path) -> tuple[str, int]:
    """The split a file has learned from and how many of its scenes, as far as it says so."""
    from ..checkpoints import describe
    from ..training.data.scene_stream import scenes_at

    metadata = describe(path).metadata
    recipe = json.loads(metadata.get("recipe", "{}"))
    data = recipe.get("data", {})
    if data.get("source") != "scenes":
        return "train", 0
    split = data.get("split", "train")
    if not data.get("fresh"):
        return split, data["clips"]
    per_step = data["fresh"] * recipe["optim"]["batch"]
    return split, scenes_at(int(metadata.get("step", 0)), per_step, data.get("first", 0))


def _write(
    report: AnyReport,
    request: EvaluateRequest,
    write_report: Callable[[AnyReport, Path], None],
    table: Callable[[AnyReport], str],
) -> None:
    from ..media.files import write_text
    from ..ranks import current

    if not current().is_first:
        return
    if request.json is not None:
        write_text(report.to_json(), request.json)
        print(request.json)
    if request.report is not None:
        write_report(report, request.report)
        print(request.report)
    print(table(report))


def _record(report: Report, model: Path, vae: Path) -> str:
    """Put each file's metrics into its header; returns the model's new sha256."""
    from ..checkpoints import add_metadata, sha256

    values = report.values
    kept = ("split", "count", "task", "given", "steps", "sampler", "guidance_scale", "temperature", "seed")
    settings = {key: values[key] for key in kept}
    for path, method in ((vae, "vae"), (model, "model")):
        families = {family: methods[method] for family, methods in values["families"].items()}
        add_metadata(path, {"metrics": json.dumps({**settings, "families": families})})
    return sha256(model)

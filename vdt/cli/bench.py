"""`vdt bench`: speed, memory, and quality by sampler settings, measured on this machine."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import add_device_option, positive
from .outputs import check_folder, check_output

if TYPE_CHECKING:
    from ..config import VDTConfig
    from ..inference.pipeline import Pipeline
    from ..physics.scenes import SceneClip

BENCHMARKS = ("forward", "clip", "train", "memory", "scaling", "quality")
ON_REQUEST = ("learning", "scenes", "attention")  # need weights that the user names, OpenGL, minutes
DEFAULT_SIZE = "VDT-S/2"
TRAINED_SIZE = "VDT-XS/2"  # the shipped one


@dataclass(frozen=True)
class Weight:
    """A weight, the clips it has learned from with repetitions, and its VAE; None is the bundled one."""

    clips_learned: int
    model: Path
    vae: Path | None


@dataclass(frozen=True, kw_only=True)
class BenchRequest:
    """What is measured and how thoroughly, and where plots go."""

    rounds: int
    count: int  # held-out clips
    size: str  # a name of VDT_CONFIGS
    trained: str = TRAINED_SIZE  # another one: whose training step is measured
    batch: int = 16  # clips of that step
    weights: tuple[Weight, ...]
    compiled: bool
    device: str
    report: Path | None

    def __post_init__(self) -> None:
        from ..config import VDT_CONFIGS

        for size in (self.size, self.trained):
            if size in VDT_CONFIGS:
                continue
            raise ValueError(f"no size {size!r}, expected one of {', '.join(VDT_CONFIGS)}")

    @property
    def config(self) -> VDTConfig:
        """The model whose speed is measured."""
        from ..config import VDT_CONFIGS

        return VDT_CONFIGS[self.size]

    def plot(self, write: Callable[[Path], None], name: str) -> None:
        """Write a plot of that name if plots are wanted."""
        if self.report is not None:
            write(self.report / f"{name}.png")


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt bench`."""
    parser = commands.add_parser(
        "bench",
        parents=[common],
        help="measure speed and memory",
        description="Measure on this machine, always compared with a reference timed in turns: a plain forward pass "
        "and the rate of a large matrix product (forward), 500 ancestral steps (clip), the released loop and that rate "
        "(train). Without a name all are run but scenes, attention, and learning, which takes an hour of two cores.",
    )
    names = (*BENCHMARKS, *ON_REQUEST)
    parser.add_argument("name", nargs="?", choices=names, help="one of " + ", ".join(names))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write the plots there")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="the best of N counts (default: 5)")
    parser.add_argument("--count", type=positive, default=100, metavar="N", help="held-out clips (default: 100)")
    parser.add_argument(
        "--size", help=f"of forward, scaling and train (default: {DEFAULT_SIZE}, for train {TRAINED_SIZE})"
    )
    parser.add_argument("--batch", type=positive, default=16, metavar="N", help="train: clips a step (default: 16)")
    parser.add_argument(
        "--weights",
        type=_weight,
        action="append",
        default=[],
        metavar="N=FILE[,VAE]",
        help="learning: a weight, how many clips it has learned from, repetitions counted, and its VAE if that is not "
        "the bundled one; at least two of them, the latest last",
    )
    parser.add_argument("--compile", action="store_true", help="forward and train: through torch.compile")
    add_device_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure one thing, or all, and print the tables."""
    check_output(options.json, ".json")
    if options.report is not None:
        check_folder(options.report)
    from ..inference.pipeline import resolve_device
    from ..media.files import write_text

    request = BenchRequest(
        rounds=options.rounds,
        count=options.count,
        size=options.size or DEFAULT_SIZE,
        trained=options.size or TRAINED_SIZE,
        batch=options.batch,
        weights=tuple(options.weights),
        compiled=options.compile,
        device=str(resolve_device(options.device)),
        report=options.report,
    )
    records: dict[str, Any] = {}
    for name in (options.name,) if options.name else BENCHMARKS:
        records[name], table = _MEASURES[name](request)
        print(table)
        if options.json is not None:
            values = records[name] if options.name else records
            write_text(json.dumps(values, indent=1) + "\n", options.json)


def _forward(request: BenchRequest) -> tuple[Any, str]:
    from ..benchmarks.forward import bench_forward, forward_table

    record = bench_forward(
        request.config,
        size=request.config.input_size,
        rounds=request.rounds,
        device=request.device,
        compiled=request.compiled,
    )
    return record, forward_table(record)


def _clip(request: BenchRequest) -> tuple[Any, str]:
    from ..benchmarks.clip import bench_clip, clip_table
    from ..checkpoints import bundled
    from ..inference.pipeline import Pipeline

    pipeline, clips = _scenes(request, "test")
    student = Pipeline.from_pretrained(bundled("vdt-fast"), bundled("vae-fast"), device=request.device)
    record = bench_clip(pipeline, clips, student=student, rounds=min(request.rounds, 2))
    return record, clip_table(record)


def _train(request: BenchRequest) -> tuple[Any, str]:
    from ..benchmarks.train import bench_train, train_table
    from ..config import VDT_CONFIGS

    record = bench_train(
        VDT_CONFIGS[request.trained],
        batch=request.batch,
        rounds=request.rounds,
        device=request.device,
        compiled=request.compiled,
    )
    return record, train_table(record)


def _memory(request: BenchRequest) -> tuple[Any, str]:
    from ..benchmarks.memory import bench_memory, memory_table
    from ..benchmarks.stream import bench_stream, plot_stream, stream_table

    record = bench_memory()
    record["stream"] = bench_stream()
    request.plot(lambda path: plot_stream(record["stream"], path), "memory")
    return record, f"{memory_table(record)}\n{stream_table(record['stream'])}"


def _scaling(request: BenchRequest) -> tuple[Any, str]:
    from ..benchmarks.scaling import bench_scaling, plot_scaling, scaling_table

    records = bench_scaling(request.config, rounds=min(request.rounds, 2), device=request.device)
    request.plot(lambda path: plot_scaling(records, request.config, path), "scaling")
    return records, scaling_table(records, request.config)


def _quality(request: BenchRequest) -> tuple[Any, str]:
    from ..benchmarks.quality import bench_quality, plot_quality, quality_table

    records = bench_quality(*_scenes(request, "val"))  # the test split is for what was chosen
    request.plot(lambda path: plot_quality(records, path), "quality")
    return records, quality_table(records)


def _learning(request: BenchRequest) -> tuple[Any, str]:
    from ..benchmarks.learning import bench_learning, learning_table, plot_learning
    from ..inference.pipeline import Pipeline

    stages = len({weight.clips_learned for weight in request.weights})
    if stages < 2:
        raise ValueError(
            f"a learning curve needs two weights or more after different numbers of clips, got {stages}: "
            f"add --weights N=FILE"
        )
    weights = [
        (weight.clips_learned, Pipeline.from_pretrained(weight.model, weight.vae, device=request.device))
        for weight in request.weights
    ]
    record = bench_learning(weights, _scenes(request, "test")[1])
    request.plot(lambda path: plot_learning(record, path), "learning")
    return record, learning_table(record)


def _cost_of_scenes(request: BenchRequest) -> tuple[Any, str]:
    from ..benchmarks.scenes import bench_scenes, scenes_table

    record = bench_scenes(rounds=request.rounds, device=request.device)
    return record, scenes_table(record)


def _attention(request: BenchRequest) -> tuple[Any, str]:
    from ..benchmarks.attention import attention_table, bench_attention

    records = bench_attention(rounds=min(request.rounds, 2), device=request.device)
    return records, attention_table(records)


_MEASURES: dict[str, Callable[[BenchRequest], tuple[Any, str]]] = {
    "forward": _forward,
    "clip": _clip,
    "train": _train,
    "memory": _memory,
    "scaling": _scaling,
    "quality": _quality,
    "learning": _learning,
    "scenes": _cost_of_scenes,
    "attention": _attention,
}


def _weight(text: str) -> Weight:
    """An argparse type: N=FILE or N=FILE,VAE."""
    count, equals, files = text.partition("=")
    path, _, vae = files.partition(",")
    if not (equals and path and count.isdecimal() and int(count)):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected N=FILE or N=FILE,VAE such as 16000=model.safetensors")
    return Weight(int(count), Path(path), Path(vae) if vae else None)


def _scenes(request: BenchRequest, split: str) -> tuple[Pipeline, list[SceneClip]]:
    """The bundled weights, and held-out scenes of their size."""
    from ..inference.pipeline import Pipeline
    from ..physics.scenes import load_clips

    pipeline = Pipeline.from_pretrained(device=request.device)
    config = pipeline.model.config
    size = config.input_size * pipeline.codec.downscale
    return pipeline, load_clips(split, request.count, size=size, num_frames=config.num_frames)

"""`vdt bench`: how fast, how much memory, and what a setting of the sampler is worth, on this machine."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .options import GUIDANCE, SAMPLER, STEPS, check_folder, check_output, positive

BENCHMARKS = ("forward", "clip", "train", "memory", "scaling", "quality")
ON_REQUEST = ("learning",)  # needs to be told of weights


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt bench`."""
    parser = commands.add_parser(
        "bench",
        parents=[common],
        help="measure speed and memory",
        description="Measure on this machine, always beside a reference timed in turns: a plain forward pass and the "
        "rate of a large matrix product (forward), 500 ancestral steps (clip), the released loop (train). Without a "
        "name all are run but learning, which takes an hour of two cores.",
    )
    parser.add_argument(
        "name", nargs="?", choices=(*BENCHMARKS, *ON_REQUEST), help="one of " + ", ".join((*BENCHMARKS, *ON_REQUEST))
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write the plots there")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="the best of N counts (default: 5)")
    parser.add_argument("--count", type=positive, default=100, metavar="N", help="held-out clips (default: 100)")
    parser.add_argument("--size", default="VDT-S/2", help="of forward and scaling (default: VDT-S/2)")
    parser.add_argument(
        "--weights",
        type=_learned,
        action="append",
        default=[],
        metavar="N=FILE[,VAE]",
        help="learning: a weight, how many clips it has learned from, repetitions counted, and its VAE if that is not "
        "the bundled one; at least two of them, the latest last",
    )
    parser.add_argument("--compile", action="store_true", help="forward: through torch.compile")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 (default: cuda where there is one, else cpu)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure one thing, or all, and print the tables."""
    check_output(options.json, ".json")
    if options.report is not None:
        check_folder(options.report)
    from ..config import VDT_CONFIGS
    from ..files import write_text
    from ..pipeline import resolve_device

    if options.size not in VDT_CONFIGS:
        raise ValueError(f"no size {options.size!r}, expected one of {', '.join(VDT_CONFIGS)}")
    options.device = str(resolve_device(options.device))
    measures: dict[str, Callable[[argparse.Namespace], tuple[Any, str]]] = {
        "forward": _forward,
        "clip": _clip,
        "train": _train,
        "memory": _memory,
        "scaling": _scaling,
        "quality": _quality,
        "learning": _learning,
    }
    records: dict[str, Any] = {}
    for name in (options.name,) if options.name else BENCHMARKS:
        records[name], table = measures[name](options)
        print(table)
        if options.json is not None:
            values = records[name] if options.name else records
            write_text(json.dumps(values, indent=1) + "\n", options.json)


def _forward(options: argparse.Namespace) -> tuple[Any, str]:
    from ..benchmarks.forward import bench_forward, forward_table
    from ..config import VDT_CONFIGS

    config = VDT_CONFIGS[options.size]
    record = bench_forward(
        config, size=config.input_size, rounds=options.rounds, device=options.device, compiled=options.compile
    )
    return record, forward_table(record)


def _clip(options: argparse.Namespace) -> tuple[Any, str]:
    from ..benchmarks.clip import bench_clip, clip_table

    pipeline, clips = _material(options, "test")
    ours = {"sampler": SAMPLER, "steps": STEPS, "guidance_scale": GUIDANCE}
    record = bench_clip(pipeline, clips, ours, rounds=min(options.rounds, 2))
    return record, clip_table(record)


def _train(options: argparse.Namespace) -> tuple[Any, str]:
    from ..benchmarks.train import bench_train, train_table
    from ..config import VDT_CONFIGS

    record = bench_train(VDT_CONFIGS["VDT-XS/2"], rounds=options.rounds, device=options.device)
    return record, train_table(record)


def _memory(options: argparse.Namespace) -> tuple[Any, str]:
    from ..benchmarks.memory import bench_memory, memory_table
    from ..benchmarks.stream import bench_stream, plot_stream, stream_table

    record = bench_memory()
    record["stream"] = bench_stream()
    if options.report is not None:
        plot_stream(record["stream"], options.report / "memory.png")
    return record, f"{memory_table(record)}\n{stream_table(record['stream'])}"


def _scaling(options: argparse.Namespace) -> tuple[Any, str]:
    from ..benchmarks.scaling import bench_scaling, plot_scaling, scaling_table
    from ..config import VDT_CONFIGS

    config = VDT_CONFIGS[options.size]
    records = bench_scaling(config, rounds=min(options.rounds, 2), device=options.device)
    if options.report is not None:
        plot_scaling(records, config, options.report / "scaling.png")
    return records, scaling_table(records, config)


def _quality(options: argparse.Namespace) -> tuple[Any, str]:
    from ..benchmarks.quality import bench_quality, plot_quality, quality_table

    pipeline, clips = _material(options, "val")  # the test split is for what was chosen
    records = bench_quality(pipeline.model, pipeline.vae, clips)
    if options.report is not None:
        plot_quality(records, options.report / "quality.png")
    return records, quality_table(records)


def _learning(options: argparse.Namespace) -> tuple[Any, str]:
    from ..benchmarks.learning import bench_learning, learning_table, plot_learning
    from ..checkpoints import bundled, load_model, load_vae
    from ..evaluation.networks import Sampling

    stages = len({learned for learned, *_ in options.weights})
    if stages < 2:
        raise ValueError(
            f"a learning curve needs two weights or more after different numbers of clips, got {stages}: "
            f"add --weights N=FILE"
        )
    weights = [
        (learned, load_model(path, device=options.device), load_vae(vae or bundled("vae"), device=options.device))
        for learned, path, vae in options.weights
    ]
    _, clips = _material(options, "test")
    sampling = Sampling(sampler=SAMPLER, steps=STEPS, guidance_scale=GUIDANCE)
    record = bench_learning(weights, clips, sampling)
    if options.report is not None:
        plot_learning(record, options.report / "learning.png")
    return record, learning_table(record)


def _learned(text: str) -> tuple[int, Path, Path | None]:
    count, equals, files = text.partition("=")
    path, _, vae = files.partition(",")
    if not (equals and path and count.isdecimal() and int(count)):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected N=FILE or N=FILE,VAE such as 16000=model.safetensors")
    return int(count), Path(path), Path(vae) if vae else None


def _material(options: argparse.Namespace, split: str) -> tuple[Any, Any]:
    from ..data.scenes import load_clips
    from ..pipeline import Pipeline

    pipeline = Pipeline.from_files(None, None, device=options.device)
    config = pipeline.model.config
    size = config.input_size * pipeline.vae.config.downscale
    return pipeline, load_clips(split, options.count, size=size, num_frames=config.num_frames)

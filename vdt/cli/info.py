"""`vdt info`: what a safetensors file holds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..config import VDTConfig


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt info`."""
    parser = commands.add_parser(
        "info", parents=[common], help="say what a weight file holds", description="Say what a safetensors file holds."
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a .safetensors file")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print kind, configuration, what the model is and costs, size, precision, hash and metadata."""
    from ..checkpoints import describe
    from ..config import VDTConfig

    info = describe(options.file)
    print(f"file        {info.path} ({info.size_bytes / 2**20:.1f} MiB)")
    print(f"kind        {info.kind}")
    print(f"parameters  {info.parameters:,} in {info.num_tensors} tensors")
    print(f"dtype       {info.dtype}")
    print(f"sha256      {info.sha256}")
    print(f"config      {info.config.to_json() if info.config is not None else 'none'}")
    if isinstance(info.config, VDTConfig):
        _print_summary(info.config)
    for key, value in sorted(info.metadata.items()):
        if key != "config":
            print(f"metadata    {key}: {value}")


def _print_summary(config: VDTConfig) -> None:
    """One line for each field of `ModelSummary`."""
    from dataclasses import asdict

    from ..models.summary import summarize

    for name, value in asdict(summarize(config)).items():
        print(f"{name:<12}{value}")

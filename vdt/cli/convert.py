"""`vdt convert`: an official PyTorch checkpoint becomes a safetensors file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .options import positive
from .outputs import check_output


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt convert`."""
    parser = commands.add_parser(
        "convert",
        parents=[common],
        help="turn an official .pt checkpoint into .safetensors",
        description="Turn an official VDT checkpoint (.pt, bare or under 'ema') into a safetensors file. "
        "Only tensors are read: a file with code in it is refused.",
    )
    parser.add_argument("source", type=Path, metavar="SRC", help="an official .pt file")
    parser.add_argument("target", type=Path, metavar="DST", help="the .safetensors file to write")
    parser.add_argument(
        "--num-heads", type=positive, metavar="N", help="attention heads, for sizes other than S and L (default: known)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Convert and print what was found."""
    from ..checkpoints import convert_official

    check_output(options.target, ".safetensors")
    report = convert_official(options.source, options.target, num_heads=options.num_heads)
    print(f"found       {report.name} ({report.found_in})")
    print(f"parameters  {report.parameters:,}")
    print(f"config      {report.config.to_json()}")
    print(f"sha256      {report.source_sha256} (source)")
    print(f"wrote       {report.dst}")

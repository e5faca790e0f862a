"""`vdt convert`: an official PyTorch checkpoint becomes a safetensors file, and one of ours gets another precision."""

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
        help="turn an official .pt checkpoint into .safetensors, or store weights in another precision",
        description="Turn an official VDT checkpoint (.pt, bare or under 'ema') into a safetensors file. "
        "Only tensors are read: a file with code in it is refused. A file of ours, model or VAE, is written again "
        "in another precision.",
    )
    parser.add_argument("source", type=Path, metavar="SRC", help="an official .pt file, or a file of ours")
    parser.add_argument("target", type=Path, metavar="DST", help="the .safetensors file to write")
    parser.add_argument(
        "--num-heads", type=positive, metavar="N", help="attention heads, for sizes other than S and L (default: known)"
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16", "int8"),
        help="how weights are stored: int8 has one scale for each row of a matrix, and is read as float32 (default: "
        "as they are)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Convert and print what was found."""
    from ..checkpoints import convert_official, is_own

    check_output(options.target, ".safetensors")
    if is_own(options.source):
        _change_dtype(options)
        return
    report = convert_official(options.source, options.target, num_heads=options.num_heads, dtype=options.dtype)
    print(f"found       {report.name} ({report.found_in})")
    print(f"parameters  {report.parameters:,}")
    print(f"config      {report.config.to_json()}")
    print(f"sha256      {report.source_sha256} (source)")
    print(f"wrote       {report.dst}")


def _change_dtype(options: argparse.Namespace) -> None:
    from ..checkpoints import change_dtype

    if options.dtype is None:
        raise ValueError(f"{options.source} is a file of ours already: give --dtype float32, float16 or int8")
    if options.num_heads is not None:
        raise ValueError(f"{options.source} says how many attention heads it has: leave out --num-heads")
    info = change_dtype(options.source, options.target, options.dtype)
    print(f"found       {info.kind}")
    print(f"parameters  {info.parameters:,}")
    print(f"config      {info.config.to_json() if info.config is not None else 'none'}")
    print(f"dtype       {info.dtype}")
    print(f"wrote       {info.path} ({info.size_bytes / 2**20:.1f} MiB)")

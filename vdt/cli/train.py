"""`vdt train`: a recipe in, a weight file out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .options import add_device_option
from .outputs import check_folder


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt train`."""
    parser = commands.add_parser(
        "train",
        parents=[common],
        help="train a VAE or a VDT",
        description="Train what a recipe describes. Ctrl-C and SIGTERM save first; the same command then goes on "
        "exactly where it stopped.",
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE.toml", help="what to train, on what, for how long")
    add_device_option(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder of the run (default: runs/NAME OF RECIPE)")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", action="store_true", help="go on from the last checkpoint if any (the default)")
    choice.add_argument("--fresh", action="store_true", help="begin anew even if there is a checkpoint")
    parser.add_argument(
        "--changed",
        action="store_true",
        help="go on from the checkpoint although the recipe has changed in more than its number of steps and [run]",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train, and say where the weights are; a run that was stopped ends as interrupted."""
    if not options.recipe.is_file():
        raise ValueError(f"no such recipe: '{options.recipe}'")
    if options.output is not None:
        check_folder(options.output)
    from ..inference.pipeline import resolve_device
    from ..training import train_from_recipe

    result = train_from_recipe(
        options.recipe,
        output=options.output,
        device=str(resolve_device(options.device)),
        resume=not options.fresh,
        changed=options.changed,
    )
    print(f"step {result.step}: {result.weight}")
    if not result.finished:
        print("stopped early: the same command goes on from here")
        raise KeyboardInterrupt

"""`vdt train`: a recipe in, a weight file out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import BAD_INPUT, INTERRUPTED
from .options import add_device_option, finite
from .outputs import check_folder


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register `vdt train`."""
    parser = commands.add_parser(
        "train",
        parents=[common],
        help="train a VAE or a VDT",
        description="Train what a recipe describes. Ctrl-C and SIGTERM save first; the same command then goes on "
        "exactly where it stopped. `torchrun --nproc-per-node N -m vdt train RECIPE.toml` trains on N GPUs, or in N "
        "processes of a CPU.",
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE.toml", help="what to train, on what, for how long")
    add_device_option(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder of the run (default: runs/NAME OF RECIPE)")
    parser.add_argument(
        "--minutes",
        type=finite,
        metavar="N",
        help="train for so long, warm-up and decay included, in the place of the recipe's number of steps",
    )
    parser.add_argument(
        "--weights-every",
        type=finite,
        metavar="SECONDS",
        help="while training, write the averaged weights into the folder NAME-weights, in files below 16 MiB",
    )
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
    """Train, and say where the weights are; a run that was stopped ends as interrupted.

    What several processes of a run all find is said by the first one to find it.
    """
    from ..ranks import current, speaks_first

    try:
        finished = _train(options)
    except Exception:
        if not speaks_first("error"):
            raise SystemExit(BAD_INPUT) from None
        raise
    if finished:
        return
    if not current().is_first:
        raise SystemExit(INTERRUPTED)
    print("stopped early: the same command goes on from here")
    raise KeyboardInterrupt


def _train(options: argparse.Namespace) -> bool:
    """Train; whether the run is finished."""
    if not options.recipe.is_file():
        raise ValueError(f"no such recipe: '{options.recipe}'")
    if options.output is not None:
        check_folder(options.output)
    from ..inference.pipeline import resolve_device
    from ..ranks import current, leave
    from ..training import train_from_recipe

    result = train_from_recipe(
        options.recipe,
        output=options.output,
        device=str(resolve_device(options.device)),
        resume=not options.fresh,
        changed=options.changed,
        minutes=options.minutes,
        weights_every=options.weights_every,
    )
    leave()
    if current().is_first:
        print(f"step {result.step}: {result.weight}")
    return result.finished

"""Options and checks that several commands share."""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any

MAX_SEED = 2**64 - 1
# Of all commands and of the node: what is measured is what people get.
STEPS, SAMPLER, GUIDANCE, STILL, EDGES = 4, "dpmpp_2m_quad", 2.0, 24.0, 24.0
FAST_STEPS = 2  # of the student, which needs no guidance


class _Fast(argparse.Action):
    """One flag for the student's file and how it wants to be sampled."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        from ..checkpoints import bundled

        namespace.model, namespace.steps, namespace.guidance = bundled("vdt-fast"), FAST_STEPS, 1.0


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Which weights run, where, and in which precision."""
    group = parser.add_argument_group("model")
    group.add_argument("--model", type=Path, metavar="FILE", help="VDT weights (default: the bundled ones)")
    group.add_argument(
        "--fast",
        nargs=0,
        action=_Fast,
        help=f"the bundled student of these: --steps {FAST_STEPS} --guidance 1, unless set after it; fewer passes",
    )
    group.add_argument("--vae", type=Path, metavar="FILE", help="VAE weights (default: the bundled ones)")
    group.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: cuda where there is one, else cpu)")
    group.add_argument("--dtype", default="float32", help="float32, bfloat16 or float16 (default: float32)")


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """How the model is sampled."""
    group = parser.add_argument_group("sampling")
    group.add_argument(
        "--steps",
        type=positive,
        default=STEPS,
        metavar="N",
        help=f"evaluations of the network (default: {STEPS})",
    )
    group.add_argument(
        "--sampler",
        default=SAMPLER,
        help="ancestral, ddim, dpmpp_2m or unipc; with _quad after it the steps are closer to each other towards clean "
        f"data (default: {SAMPLER})",
    )
    group.add_argument(
        "--guidance",
        type=finite,
        default=GUIDANCE,
        metavar="G",
        help=f"weight of what is given: 1 is off, more follows it closer and takes longer (default: {GUIDANCE:g})",
    )
    group.add_argument(
        "--reuse",
        type=finite,
        default=0.0,
        metavar="R",
        help="skip steps while the network's input has changed by less than R in sum: 0.1 halves the time of 20 steps "
        "(default: 0, off)",
    )
    group.add_argument("--seed", type=seed, default=0, metavar="S", help="same seed, same clip (default: 0)")


def add_window_options(parser: argparse.ArgumentParser) -> None:
    """How a clip is made that is longer, or larger, than what the model sees at once."""
    group = parser.add_argument_group("long and large clips")
    group.add_argument(
        "--window", type=positive, default=0, metavar="N", help="frames the model sees at once (default: as trained)"
    )
    group.add_argument(
        "--overlap", type=positive, default=0, metavar="N", help="of these, how many are known (default: half of them)"
    )
    group.add_argument(
        "--tile",
        type=positive,
        default=0,
        metavar="PX",
        help="side of the tiles a larger picture is made in (default: the size the model was trained with)",
    )


def add_side_options(parser: argparse.ArgumentParser) -> None:
    """By how much a picture grows."""
    group = parser.add_argument_group("outpaint: room around the picture")
    for side, whole in (("left", "width"), ("right", "width"), ("top", "height"), ("bottom", "height")):
        group.add_argument(f"--{side}", type=finite, metavar="P", help=f"percent of the {whole}, 0 to 400 (default: 0)")


def add_finish_options(parser: argparse.ArgumentParser) -> None:
    """How generated frames are shown where nothing moves, and generated areas where they meet given ones."""
    parser.add_argument(
        "--still",
        type=finite,
        default=STILL,
        metavar="L",
        help="show places that differ by less than about L of 255 levels from the given frame nearest in time as that "
        f"frame has them: background keeps its detail and colour. 0 is off (default: {STILL:g})",
    )
    parser.add_argument(
        "--edges",
        type=finite,
        default=EDGES,
        metavar="L",
        help="where a part of a frame is generated, shift its colours to meet what is around it: jumps of less than L "
        f"of 255 levels are taken back, larger ones are things that end there. 0 is off (default: {EDGES:g})",
    )


def sampling_of(options: argparse.Namespace) -> dict[str, Any]:
    """What the options of `add_sampling_options`, and --still, are called in the library."""
    return {
        "steps": options.steps,
        "sampler": options.sampler,
        "guidance_scale": options.guidance,
        "reuse": options.reuse,
        "seed": options.seed,
        "still": options.still,
    }


def windows_of(options: argparse.Namespace) -> dict[str, Any]:
    """What the options of `add_window_options` are called in the library."""
    return {"window": options.window, "overlap": options.overlap, "tile": options.tile}


def positive(text: str) -> int:
    """An argparse type: a whole number of 1 or more."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected 1 or more")
    return value


def seed(text: str) -> int:
    """An argparse type: a seed that torch takes."""
    value = int(text)
    if not 0 <= value <= MAX_SEED:
        raise argparse.ArgumentTypeError(f"got {text}, expected 0 to 2**64 - 1")
    return value


def finite(text: str) -> float:
    """An argparse type: a number."""
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"got {text}, expected a number")
    return value


def size(text: str) -> tuple[int, int]:
    """An argparse type: HxW as (height, width)."""
    height, cross, width = text.lower().partition("x")
    if not (cross and height.isdecimal() and width.isdecimal()):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected height x width such as 64x96")
    return int(height), int(width)


def check_output(path: Path | None, *suffixes: str) -> None:
    """Refuse a file that could not be written before any work is done; ValueError or OSError."""
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise ValueError(f"output '{path}' must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise ValueError(f"output '{path}' is a folder: name a file in it")
    if not path.parent.is_dir():
        raise ValueError(f"the folder of output '{path}' does not exist: create '{path.parent}' first")
    check_folder(path.parent)


def check_folder(path: Path) -> None:
    """Create an output folder if need be and refuse it if it cannot be written into."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(f"output folder '{path}' is not writable: {error.strerror}") from error

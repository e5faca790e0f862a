"""Flags that several commands share, and the types of their values. Their defaults are read from the library."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

DIGITS = 30  # of a number, leading zeros and all


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Which weights run, where, and in which precision."""
    from ..diffusion import FAST

    group = parser.add_argument_group("model")
    group.add_argument("--model", type=Path, metavar="FILE", help="VDT weights (default: the bundled ones)")
    group.add_argument(
        "--fast",
        action="store_true",
        help=f"the bundled student model in {FAST.steps} unguided steps, and the small VAE; --model, --vae, --steps, "
        f"--sampler and --guidance still say otherwise",
    )
    group.add_argument("--vae", type=Path, metavar="FILE", help="VAE weights (default: the bundled ones)")
    add_device_option(group)
    group.add_argument("--dtype", default="float32", help="float32, bfloat16 or float16 (default: float32)")


def add_device_option(parser: argparse._ActionsContainer) -> None:
    """Where networks run."""
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: cuda where there is one, else cpu)")


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """How the model is sampled; a value that is left out is None, see `sampling_config`."""
    from ..diffusion import STEPS_FROM_NOTHING, SamplingConfig

    default = SamplingConfig()
    group = parser.add_argument_group("sampling")
    group.add_argument(
        "--steps",
        type=positive,
        metavar="N",
        help=f"sampling steps (default: {default.steps}; from nothing, at least {STEPS_FROM_NOTHING})",
    )
    group.add_argument(
        "--sampler",
        help="ancestral, ddim, dpmpp_2m or unipc; with _quad after it the steps are closer to each other towards clean "
        f"data (default: {default.name})",
    )
    group.add_argument(
        "--guidance",
        type=finite,
        metavar="G",
        help="weight of the conditioning frames: 1 is off, more follows them closer and takes longer (default: "
        f"{default.guidance:g})",
    )
    group.add_argument(
        "--reuse",
        type=finite,
        default=default.step_cache,
        metavar="R",
        help="step cache: skip steps while the network's input has changed by less than R in sum. 0.1 halves the time "
        f"of 20 steps (default: {default.step_cache:g}, off)",
    )
    group.add_argument(
        "--temperature",
        type=finite,
        metavar="K",
        help="scale of the noise: less makes clips that are likelier and more alike, 1 is as trained (default: "
        f"{default.temperature:g}; models that predict noise always take 1, and clips from nothing at least 1)",
    )
    group.add_argument("--seed", type=seed, default=0, metavar="S", help="same seed, same clip (default: 0)")


def add_window_options(parser: argparse.ArgumentParser) -> None:
    """How a clip is made that is longer, or larger, than what the model sees at once."""
    from ..inference.settings import WindowConfig

    default = WindowConfig()
    group = parser.add_argument_group("long and large clips")
    group.add_argument(
        "--window",
        type=positive,
        default=default.frames,
        metavar="N",
        help="frames the model sees at once (default: as trained)",
    )
    group.add_argument(
        "--overlap",
        type=positive,
        default=default.overlap,
        metavar="N",
        help="of these, how many are given or already generated (default: half of them)",
    )
    group.add_argument(
        "--tile",
        type=positive,
        default=default.tile,
        metavar="PX",
        help="side of the tiles a larger picture is made in (default: the size the model was trained with)",
    )


def add_compositing_options(parser: argparse.ArgumentParser) -> None:
    """How generated frames are matched with the given ones."""
    from ..inference.settings import CompositingConfig

    default = CompositingConfig()
    group = parser.add_argument_group("compositing")
    group.add_argument(
        "--still",
        type=finite,
        default=default.static_background,
        metavar="L",
        help="static background hold: where a generated frame differs by less than about L of 255 levels from the "
        "nearest given frames, show their pixels, so that the background keeps its detail and colour. 0 is off "
        f"(default: {default.static_background:g})",
    )
    group.add_argument(
        "--edges",
        type=finite,
        default=default.color_match,
        metavar="L",
        help="boundary colour matching: where a part of a frame is generated, shift its colours to meet the given "
        "pixels around it. Jumps of L of 255 levels or more are outlines of things and stay. 0 is off (default: "
        f"{default.color_match:g})",
    )


def task_name(text: str) -> str:
    """An argparse type: the name of a task in the library, such as image_to_video for image-to-video."""
    return text.replace("-", "_")


def positive(text: str) -> int:
    """An argparse type: a whole number of 1 or more."""
    value = _whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected 1 or more")
    return value


def seed(text: str) -> int:
    """An argparse type: a seed that torch takes."""
    from ..bounds import MAX_SEED

    value = _whole(text, MAX_SEED)
    if value < 0:
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
    return _whole(height), _whole(width)


def side_or_size(text: str) -> tuple[int, int]:
    """An argparse type: the side of a square, or HxW, as (height, width), each 1 or more."""
    height, width = size(text) if "x" in text.lower() else (positive(text),) * 2
    if min(height, width) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected sides of 1 or more")
    return height, width


def _whole(text: str, most: int = 0) -> int:
    """A whole number of any sign, at most so large; 0 is the most that anything is counted to."""
    from ..bounds import MAX_SEED, MAX_STEPS

    most = most or MAX_STEPS
    if len(text.strip()) > DIGITS or int(text) > most:
        expected = "2**64 - 1" if most == MAX_SEED else f"{most:,}"
        raise argparse.ArgumentTypeError(f"got {text[:DIGITS]}, expected at most {expected}")
    return int(text)


def add_text_guidance_option(parser: argparse._ActionsContainer) -> None:
    """How closely a clip follows its text; `guided_by_text` reads it."""
    from ..diffusion import SamplingConfig

    parser.add_argument(
        "--text-guidance",
        type=finite,
        metavar="G",
        help="weight of the text: 1 is off, more follows it closer and takes one more pass on every step (default: "
        f"{SamplingConfig().text_guidance:g})",
    )

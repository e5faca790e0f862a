"""Bounds of the numbers that people and files state: all of them, checked before any becomes a size.

Records declare theirs with `bounded` and call `check_fields`; functions call `whole` and `real`. Every check raises
ValueError with what it got and what it expected.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

# ---- The numbers -----------------------------------------------------------------------------------------------------

MAX_FRAMES = 1_000_000  # of a clip: nine hours at 30 frames a second
MAX_SIDE = 16_384  # pixels along the side of a picture
MAX_RATE = 1000.0  # frames a second
LEAST_RATE = 1e-6  # a frame in eleven days
MAX_SEED = 2**64 - 1  # torch takes no larger one
MAX_WIDTH = 65_536  # channels of any layer
MAX_DEPTH = 1024  # blocks of a network
MAX_CELLS = 4096  # latent cells along the side of a picture
MAX_LEVELS = 16  # resolutions of an autoencoder
MAX_TIMESTEPS = 100_000  # of a noise process; its tables are float64
MAX_STEPS = 1_000_000_000  # of a training run
MAX_BATCH = 65_536  # clips of one training step
MAX_MINUTES = 1_000_000.0  # of a training run: two years
MAX_CLIPS = 100_000_000  # of a training set
MAX_POINTS = 100_000  # of all strokes of a timeline
MAX_COORDINATE = 1000.0  # of a stroke, in widths and heights of the picture
MAX_WEIGHT = 1e6  # of a term of a loss, of guidance, of decay
MAX_TEMPERATURE = 2.0  # of the noise that a clip begins with
MAX_LEARNING_RATE = 1e30  # far beyond what any run survives: what overflows float32 is refused
MAX_DEVIATION = 1e6  # of latents, and scales of them

GIBI = 2**30
LOOKED_AT = 2**28  # bytes of work, done many times, between two looks at the free memory: a look takes time
SHOWN = 60  # characters of a value in a message
MANY_DIGITS = 40  # from here on an integer is shown as its number of digits

# ---- Checks ----------------------------------------------------------------------------------------------------------


def whole(name: str, value: Any, least: float, most: float = math.inf) -> int:
    """The value as an int if it is a whole number from `least` to `most`; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        raise ValueError(f"{name} must be a whole number{_range(least, most)}, got {shown(value)}")
    return int(value)


def real(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    """The value as a float if it is a finite number from `least` to `most`; ValueError otherwise."""
    try:
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:  # an int of hundreds of digits
        number = math.inf
    if not math.isfinite(number) or not least <= number <= most:
        raise ValueError(f"{name} must be a number{_range(least, most)}, got {shown(value)}")
    return number


def shown(value: Any) -> str:
    """A value for a message, short whatever it is."""
    if isinstance(value, int) and value.bit_length() > MANY_DIGITS * 3.3:
        return f"a number of about {int(value.bit_length() * math.log10(2)) + 1} digits"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # numbers of thousands of digits and lists of thousands of levels within it
        text = f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def check_clip(length: int, size: tuple[int, int], *, name: str = "clip", held: float = 1) -> None:
    """Refuse a clip of so many frames and that (height, width) in pixels that no machine, or not this one, can hold.

    `held` says how often it is in memory at once, in copies of 8 bits.
    """
    check_sizes(length, size, f"the length of the {name}", f" of the {name}")
    frames = f"{length} frames of " if length > 1 else ""
    check_bytes(length * size[0] * size[1] * 3 * held, f"a {name} of {frames}{size[1]}x{size[0]} takes")


def check_sizes(count: int, size: tuple[int, int], counted: str = "the number of frames", of: str = "") -> None:
    """Refuse a number of frames, or a (height, width), that no clip has; `counted` and `of` name them."""
    whole(counted, count, 1, MAX_FRAMES)
    whole(f"the height{of}", size[0], 1, MAX_SIDE)
    whole(f"the width{of}", size[1], 1, MAX_SIDE)


def check_bytes(
    needed: float, what: str, fix: str = "use fewer frames or a smaller size", error: type[ValueError] = ValueError
) -> None:
    """Refuse what takes more memory than is free, before any of it is allocated.

    `what` ends in a verb, such as "a clip takes"; `fix` says what to do, and `error` is raised.
    """
    free = free_bytes()
    if free is not None and needed > free:
        raise error(f"{what} {needed / GIBI:.1f} GiB of memory, {free / GIBI:.1f} GiB are free: {fix}")


def free_bytes() -> int | None:
    """Memory that is free without swapping; None where the system does not say (it does on Linux)."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    fields = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return int(fields["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in fields else None


# ---- Records ---------------------------------------------------------------------------------------------------------


def bounded(least: float, most: float = math.inf, default: Any = dataclasses.MISSING) -> Any:
    """A field of a frozen record: numbers from `least` to `most`, alone or in a tuple."""
    return dataclasses.field(default=default, metadata={"bounds": (least, most)})


def check_fields(record: Any) -> None:
    """Refuse a record of which a field has another type than it says, or lies outside its bounds."""
    hints = _hints(type(record))  # type: ignore[arg-type]  # every class is hashable
    for each in dataclasses.fields(record):
        least, most = each.metadata.get("bounds", (-math.inf, math.inf))
        _check(each.name, getattr(record, each.name), hints[each.name], least, most)


def _check(name: str, value: Any, hint: Any, least: float, most: float) -> None:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        if not any(type(value) is type(each) and value == each for each in arguments):
            raise ValueError(f"{name} must be {' or '.join(map(repr, arguments))}, got {shown(value)}")
    elif origin in (Union, UnionType):
        kinds = (each for each in arguments if isinstance(value, get_origin(each) or each))  # a number is the first
        _check(name, value, next(kinds, arguments[0]), least, most)
    elif hint is int:
        whole(name, value, least, most)
    elif hint is float:
        real(name, value, least, most)
    elif origin is tuple:
        _check_tuple(name, value, arguments, least, most)
    elif origin in (dict, Mapping):
        _expect(name, value, dict, "a table")
        for key, entry in value.items():
            _check(f"{name}.{key}", entry, arguments[1], least, most)
    elif hint is bool:
        _expect(name, value, bool, "true or false")
    elif hint is str:
        _expect(name, value, str, "a text")
    elif isinstance(hint, type):
        _expect(name, value, hint, f"a table of the fields of {hint.__name__}")


def _check_tuple(name: str, value: Any, arguments: tuple[Any, ...], least: float, most: float) -> None:
    _expect(name, value, tuple, "a list")
    if arguments[-1] is not Ellipsis and len(value) != len(arguments):
        raise ValueError(f"{name} must be a list of {len(arguments)}, got {len(value)}")
    for number, entry in enumerate(value):
        hint = arguments[0] if arguments[-1] is Ellipsis else arguments[number]
        _check(f"{name}[{number}]", entry, hint, least, most)


def _expect(name: str, value: Any, kind: type, words: str) -> None:
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be {words}, got {shown(value)}")


def _range(least: float, most: float) -> str:
    """Such as " from 1 to 8", " of 0 or more", or nothing."""
    if least == -math.inf:
        return "" if most == math.inf else f" of at most {most:,}"
    return f" of {least:,} or more" if most == math.inf else f" from {least:,} to {most:,}"


@cache  # there are as many as there are records
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls)

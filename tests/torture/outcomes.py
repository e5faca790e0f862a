"""How a case can end, and what counts as a clean refusal."""

from __future__ import annotations

import json
import linecache
import traceback
from collections.abc import Callable
from pathlib import Path

FINE = "fine"
REFUSED = "refused"
CRASHED = "crashed"  # also: a promise that does not hold, such as a given frame that is changed
HUNG = "hung"
LOST = "lost"
OUTCOMES = (FINE, REFUSED, CRASHED, HUNG, LOST)
BAD = (CRASHED, HUNG, LOST)

ROOT = Path(__file__).resolve().parents[2]
OURS = tuple(str(ROOT / name) for name in ("vdt", "vdt_studio", "nodes"))
MOST = 2500  # characters of a sentence: it may hold a path and lists of names
_NOT_WRITTEN = (UnicodeError, json.JSONDecodeError)  # ValueErrors of Python, with words for programmers


class LostError(AssertionError):
    """A file that was there is gone or damaged."""


class BrokenPromiseError(AssertionError):
    """The result is there and is not what it must be."""


def check(holds: bool, promise: str) -> None:
    """BrokenPromiseError unless it holds."""
    if not holds:
        raise BrokenPromiseError(promise)


def ending(case: Callable[[], str | None]) -> tuple[str, str]:
    """Run a case: its outcome, and for all but fine ones what was said."""
    try:
        outcome = case()
    except LostError as error:
        return LOST, _told(error)
    except Exception as error:
        if is_sentence(error):
            return REFUSED, str(error)
        return CRASHED, _told(error)
    return outcome or FINE, ""


def is_sentence(error: BaseException) -> bool:
    """Whether an exception is a ValueError of ours: raised by a `raise` in our code, one line, not too long."""
    return isinstance(error, ValueError) and not isinstance(error, _NOT_WRITTEN) and _is_ours(error) and is_line(error)


def is_line(said: object) -> bool:
    """Whether this is one line of reasonable length, without a traceback in it."""
    text = str(said)
    return 0 < len(text) <= MOST and "\n" not in text and "Traceback" not in text


def _is_ours(error: BaseException) -> bool:
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return False
    frame, line = frames[-1]
    name = frame.f_code.co_filename
    return name.startswith(OURS) and "raise" in linecache.getline(name, line)


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-6000:]

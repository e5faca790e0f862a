"""What every route reads of a request, with one sentence for what is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from vdt.bounds import shown

from ..limits import MAX_LEVELS, depth_of
from ..paths import PathError, confine
from .work import off_loop

_TOO_DEEP = f"the body is nested more than {MAX_LEVELS} levels deep"


async def text_of(request: web.Request) -> str:
    """The body as text; 400 if it is none."""
    try:
        return await request.text()
    except (UnicodeDecodeError, LookupError) as error:
        raise web.HTTPBadRequest(text="the body is not text in UTF-8, or names an unknown charset") from error


async def json_of(request: web.Request) -> Any:
    """The JSON value that a request brings; 400 with a sentence for what is none."""
    return await off_loop(parse_json, await text_of(request))


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object a request brings; an empty one where it brings nothing."""
    text = await text_of(request)
    if not text.strip():
        return {}
    body = await off_loop(parse_json, text)
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text=f"the body is {shown(body)}, expected a JSON object")
    return body


def parse_json(text: str) -> Any:
    """JSON as browsers read it: NaN and infinite numbers are none, nor is what stands too deep within itself."""
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise web.HTTPBadRequest(text=_TOO_DEEP) from error
    if depth_of(value) > MAX_LEVELS:
        raise web.HTTPBadRequest(text=_TOO_DEEP)
    return value


def number_in(values: Mapping[str, Any], name: str, default: float) -> float:
    """A number of a query or body, the default where there is none."""
    value = values.get(name)
    if value is None:
        return default
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise web.HTTPBadRequest(text=f"{name} is {shown(value)}, expected a number") from error
    if not math.isfinite(number):
        raise web.HTTPBadRequest(text=f"{name} must be finite")
    return number


def texts_in(values: Mapping[str, Any], name: str) -> list[str] | None:
    """A list of texts of a body, None where there is none."""
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, (str, int)) for item in value):
        raise web.HTTPBadRequest(text=f"{name} is {shown(value)}, expected a list of ids")
    return [item if isinstance(item, str) else shown(item) for item in value]


def path_in(root: Path, name: str) -> Path:
    """A path below a folder; 403 for names that lead out of it or that no file can have."""
    try:
        return confine(root, name)
    except PathError as error:
        raise web.HTTPForbidden(text=str(error)) from error


def is_true(value: str | None) -> bool:
    """Whether a query says yes."""
    return (value or "").lower() in ("true", "1", "yes")


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no number there")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value

"""What every route reads of a request, with one sentence for what is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from ..paths import PathError, confine


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object a request brings; an empty one where it brings nothing."""
    text = await request.text()
    if not text.strip():
        return {}
    try:
        body = json.loads(text)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body must be a JSON object")
    return body


def number_in(values: Mapping[str, Any], name: str, default: float) -> float:
    """A number of a query or body, the default where there is none."""
    value = values.get(name)
    if value is None:
        return default
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise web.HTTPBadRequest(text=f"{name} is {value!r}, expected a number") from error
    if not math.isfinite(number):
        raise web.HTTPBadRequest(text=f"{name} must be finite")
    return number


def path_in(root: Path, name: str) -> Path:
    """A path below a folder; 403 for names that lead out of it."""
    try:
        return confine(root, name)
    except PathError as error:
        raise web.HTTPForbidden(text=str(error)) from error


def is_true(value: str | None) -> bool:
    """Whether a query says yes."""
    return (value or "").lower() in ("true", "1", "yes")

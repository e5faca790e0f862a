"""Work for requests in few threads and for a limited time: nothing that takes long runs on the event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from aiohttp import web

MAX_SECONDS = 60.0  # then the request is answered; the thread ends by itself
_THREADS = 4
_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="vdt-studio-requests")
T = TypeVar("T")


async def off_loop(function: Callable[..., T], *arguments: Any, seconds: float = MAX_SECONDS) -> T:
    """The result of a function that runs in a thread; 503 with a sentence if it takes too long."""
    future = asyncio.get_running_loop().run_in_executor(_pool, function, *arguments)
    try:
        return await asyncio.wait_for(future, seconds)
    except asyncio.TimeoutError as error:
        raise web.HTTPServiceUnavailable(text=f"this takes longer than {seconds:g} s: ask for less") from error


async def json_off_loop(function: Callable[..., Any], *arguments: Any, status: int = 200) -> web.Response:
    """What a function returns as JSON; function and encoding run in a thread."""
    text = await off_loop(lambda: json.dumps(function(*arguments)))
    return web.Response(text=text, status=status, content_type="application/json")

"""Runs the host on 127.0.0.1 until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

from aiohttp import web

HOST = "127.0.0.1"  # never another: there is no password


def serve(app: web.Application, port: int, ready: Callable[[str], None]) -> None:
    """Serve until KeyboardInterrupt; `ready` is told the address. ValueError if the port is taken or none."""
    if not 0 <= port <= 65535:
        raise ValueError(f"got --port {port}, expected 0 to 65535")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        if os.name != "nt":  # a port may be used again at once; on Windows it would let two servers share one
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise ValueError(f"port {port} of {HOST} is in use: choose another with --port, or 0 for any") from error
        asyncio.run(_serve(app, listener, ready))


async def _serve(app: web.Application, listener: socket.socket, ready: Callable[[str], None]) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        ready(f"http://{HOST}:{listener.getsockname()[1]}/")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()

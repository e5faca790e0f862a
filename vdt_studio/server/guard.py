"""Who may ask: this machine, under its own name, from pages that this host has served."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

_log = logging.getLogger("vdt_studio.server")
NAMES = {"127.0.0.1", "localhost", "::1"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse other hosts' names (DNS rebinding) and other sites' pages (cross-site requests), whatever they ask.

    A browser says in Origin which page asks, and in Sec-Fetch-Site how it stands to us; a script that is no browser
    says neither and may ask.
    """
    host = request.headers.get("Host", "")
    if _name(f"//{host}") not in NAMES:
        raise web.HTTPForbidden(text=f"this host answers to {', '.join(sorted(NAMES))}, not to {host!r}")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != host:
        raise web.HTTPForbidden(text=f"pages of {origin!r} may not use this host")
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.path != "/":
        raise web.HTTPForbidden(text="pages of other sites may not use this host")
    try:
        response = await handler(request)
    except web.HTTPNotFound:
        _log.warning("404 %s %s", request.method, request.path_qs)  # an editor may ask for more than there is here
        raise
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    return response


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None

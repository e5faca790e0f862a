"""Who may ask: this machine, under its own name, from pages that this host has served; and answers in sentences."""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from vdt.bounds import shown

from ..errors import sentence_of
from ..paths import PathError

_log = logging.getLogger("vdt_studio.server")
NAMES = {"127.0.0.1", "localhost", "::1"}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",  # a foreign page that frames the editor could have it clicked unseen
    "Content-Security-Policy": "frame-ancestors 'self'",
}
_STATUS = {  # of errors of the file system that a request has caused
    **dict.fromkeys((errno.ENOENT,), 404),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), 403),
    **dict.fromkeys((errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY), 409),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP), 400),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), 507),
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse other hosts' names (DNS rebinding) and other sites' pages (cross-site requests), whatever they ask.

    A browser says in Origin which page asks, and in Sec-Fetch-Site how it stands to us; a script that is no browser
    says neither and may ask.
    """
    try:
        _admit(request)
        response = await _answered(request, handler)
    except web.HTTPException as answer:
        if isinstance(answer, web.HTTPNotFound):
            _log.warning("404 %s %s", request.method, request.path_qs)  # an editor may ask for more than there is
        _protect(answer)
        raise
    _protect(response)
    return response


def _admit(request: web.Request) -> None:
    host = request.headers.get("Host", "")
    if _name(f"//{host}") not in NAMES:
        raise web.HTTPForbidden(text=f"this host answers to {', '.join(sorted(NAMES))}, not to {shown(host)}")
    origin = request.headers.get("Origin")
    if origin is not None and _place(origin) != host:
        raise web.HTTPForbidden(text=f"pages of {shown(origin)} may not use this host")
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.path != "/":
        raise web.HTTPForbidden(text="pages of other sites may not use this host")


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, one sentence for what it raises."""
    try:
        return await handler(request)
    except (web.HTTPException, ConnectionError):
        raise
    except PathError as error:
        raise web.HTTPForbidden(text=str(error)) from error
    except OSError as error:
        status = _STATUS.get(error.errno or 0, 500)
        raise _exception(status, sentence_of(error)) from error
    except ValueError as error:  # the file that cannot be written is named in it
        cause = error.__cause__
        status = _STATUS.get(cause.errno or 0, 400) if isinstance(cause, OSError) else 400
        raise _exception(status, sentence_of(error)) from error
    except Exception as error:
        _log.exception("500 %s %s", request.method, request.path_qs)
        raise web.HTTPInternalServerError(text=f"this host failed at it: {sentence_of(error)}") from error


def _exception(status: int, text: str) -> web.HTTPException:
    kinds: dict[int, type[web.HTTPException]] = {
        400: web.HTTPBadRequest,
        403: web.HTTPForbidden,
        404: web.HTTPNotFound,
        409: web.HTTPConflict,
        507: web.HTTPInsufficientStorage,
    }
    return kinds.get(status, web.HTTPInternalServerError)(text=text)


def _protect(response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _place(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None

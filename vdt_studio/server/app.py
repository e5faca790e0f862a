"""The host as one aiohttp application: the editor's files, its requests, its WebSocket."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from vdt.bounds import shown

from ..pack import default_pack, web_directory
from ..paths import is_file
from ..shim.server import PromptServer
from ..studio import Studio
from .catalog import CatalogRoutes
from .clients import Clients
from .files import FileRoutes
from .guard import guard
from .jobs import JobQueue
from .prompts import PromptRoutes
from .requests import path_in
from .userdata import UserRoutes

MAX_UPLOAD = 512 << 20
MAX_BODY = 64 << 20  # of everything else: a graph, a setting


def create_app(
    studio: Studio,
    user: Path,
    *,
    pack: Path | None = None,
    frontend: Path | None = None,
    template: str = "",
    max_upload: int = MAX_UPLOAD,
) -> web.Application:
    """The application; `studio` should keep a cache.

    Args:
        studio: what runs graphs.
        user: folder of settings and saved workflows.
        pack: folder of the node pack, None = this checkout.
        frontend: folder of the editor's files, None = the installed comfyui-frontend-package.
        template: name of the shipped graph that a bare address opens; empty = the editor decides.
        max_upload: bytes of one upload.
    """
    root = (pack or default_pack()).resolve()
    clients = Clients(max_upload=max_upload)
    queue = JobQueue(studio, clients.tell)
    app = web.Application(middlewares=[guard], client_max_size=MAX_BODY)

    async def socket(request: web.Request) -> web.WebSocketResponse:
        return await clients.serve(request, queue.remaining())

    async def running(app: web.Application) -> AsyncIterator[None]:
        queue.start()
        yield
        queue.close()

    tables = [
        CatalogRoutes(studio, root, web_directory(root), max_upload=max_upload).table(),
        PromptRoutes(studio, queue).table(),
        FileRoutes(studio.folders, max_upload=max_upload).table(),
        UserRoutes(user).table(),
        [web.get("/ws", socket)],
        PromptServer.instance.routes.table.values(),  # those of the pack
    ]
    for route in (route for table in tables for route in table):
        app.router.add_route(route.method, route.path, route.handler)
        app.router.add_route(route.method, f"/api{route.path}", route.handler)
    _add_editor(app, frontend or frontend_files(), f"/?template={template}&source={root.name}" if template else "")
    app.cleanup_ctx.append(running)
    return app


def frontend_files() -> Path:
    """The editor's files; ImportError says how to get them."""
    spec = importlib.util.find_spec("comfyui_frontend_package")
    if spec is None or spec.origin is None:
        raise ImportError("the editor is not installed: pip install comfyui-frontend-package")
    return Path(spec.origin).parent / "static"


def _add_editor(app: web.Application, files: Path, first: str) -> None:
    async def index(request: web.Request) -> web.StreamResponse:
        if first and not request.query:
            raise web.HTTPFound(first)
        return web.FileResponse(files / "index.html", headers={"Cache-Control": "no-cache"})

    async def asset(request: web.Request) -> web.StreamResponse:
        path = path_in(files, request.match_info["file"])
        if not is_file(path):
            raise web.HTTPNotFound(text=f"there is nothing at {shown(request.path)}")
        return web.FileResponse(path)

    app.router.add_get("/", index)
    app.router.add_get("/{file:.+}", asset)

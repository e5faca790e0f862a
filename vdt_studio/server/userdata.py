"""What an editor keeps: settings and workflows, as files below one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from vdt.bounds import shown
from vdt.media.files import atomic_path

from ..paths import is_file, list_files
from .requests import body_of, is_true, json_of, path_in
from .work import json_off_loop, off_loop

SETTINGS = "comfy.settings.json"
FIRST_SETTINGS = {"Comfy.TutorialCompleted": True}  # else the first start covers the graph with a gallery


class UserRoutes:
    """/users, /settings, /userdata: one user, without an account."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def table(self) -> list[web.RouteDef]:
        return [
            web.get("/users", self.users),
            web.get("/settings", self.settings),
            web.post("/settings", self.change_settings),
            web.get("/settings/{id}", self.setting),
            web.post("/settings/{id}", self.change_setting),
            web.get("/userdata", self.listing),
            web.get("/userdata/{file}", self.read),
            web.post("/userdata/{file}", self.write),
            web.delete("/userdata/{file}", self.delete),
            web.post("/userdata/{file}/move/{target}", self.move),
        ]

    async def users(self, request: web.Request) -> web.Response:
        return web.json_response({"storage": "server", "migrated": True})

    # ---- Settings ----------------------------------------------------------------------------------------------------

    async def settings(self, request: web.Request) -> web.Response:
        return await json_off_loop(self._settings)

    async def setting(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        return await json_off_loop(lambda: self._settings().get(name))

    async def change_settings(self, request: web.Request) -> web.Response:
        await off_loop(self._save_settings, await body_of(request))
        return web.Response()

    async def change_setting(self, request: web.Request) -> web.Response:
        await off_loop(self._save_settings, {request.match_info["id"]: await json_of(request)})
        return web.Response()

    def _settings(self) -> dict[str, Any]:
        try:
            saved = json.loads((self._root / SETTINGS).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            saved = {}
        return {**FIRST_SETTINGS, **(saved if isinstance(saved, dict) else {})}

    def _save_settings(self, changes: Mapping[str, Any]) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        with atomic_path(self._root / SETTINGS) as temporary:
            temporary.write_text(json.dumps({**self._settings(), **changes}, indent=1), encoding="utf-8")

    # ---- Files -------------------------------------------------------------------------------------------------------

    async def listing(self, request: web.Request) -> web.Response:
        """The files of a folder: names, with `split` their parts, with `full_info` size and time."""
        folder = path_in(self._root, request.query.get("dir", ""))
        recurse, full, split = (is_true(request.query.get(name)) for name in ("recurse", "full_info", "split"))
        return await json_off_loop(lambda: _listed(folder, recurse=recurse, full=full, split=split))

    async def read(self, request: web.Request) -> web.StreamResponse:
        path = self._existing(request.match_info["file"])
        return web.FileResponse(path, headers={"Content-Type": "application/octet-stream", "Cache-Control": "no-store"})

    async def write(self, request: web.Request) -> web.Response:
        path = self._target(request, "file")
        data = await request.read()
        await off_loop(_write, path, data)
        return self._answer(request, path)

    async def delete(self, request: web.Request) -> web.Response:
        self._existing(request.match_info["file"]).unlink()
        return web.Response(status=204)

    async def move(self, request: web.Request) -> web.Response:
        source = self._existing(request.match_info["file"])
        target = self._target(request, "target")
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        return self._answer(request, target)

    def _target(self, request: web.Request, part: str) -> Path:
        """Where to write; 409 for a folder, and for a file that exists and may not be overwritten."""
        path = path_in(self._root, request.match_info[part])
        if path == self._root.resolve() or path.is_dir():
            raise web.HTTPConflict(text=f"{shown(request.match_info[part])} is a folder, expected the name of a file")
        if request.query.get("overwrite") == "false" and path.exists():
            raise web.HTTPConflict(text=f"{path.name} exists already")
        return path

    def _existing(self, name: str) -> Path:
        path = path_in(self._root, name)
        if not is_file(path):
            raise web.HTTPNotFound(text=f"there is no file {shown(name)}")
        return path

    def _answer(self, request: web.Request, path: Path) -> web.Response:
        full = is_true(request.query.get("full_info"))
        return web.json_response(_info(path, self._root) if full else path.relative_to(self._root.resolve()).as_posix())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def _listed(folder: Path, *, recurse: bool, full: bool, split: bool) -> list[Any]:
    names = list_files(folder, deep=recurse)
    if full:
        return [_info(folder / name, folder) for name in names]
    return [[name, *name.split("/")] for name in names] if split else names


def _info(path: Path, root: Path) -> dict[str, Any]:
    stat = path.stat()
    name = path.relative_to(root.resolve()).as_posix()
    times = {"modified": int(stat.st_mtime * 1000), "created": int(stat.st_ctime * 1000)}
    return {"path": name, "size": stat.st_size, **times}

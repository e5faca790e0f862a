"""Requests for what there is: nodes, models, templates, extensions, translations, and the machine."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import sys
from pathlib import Path
from typing import Any

import torch
from aiohttp import web

from vdt.bounds import shown

from ..paths import is_file
from ..runtime import device
from ..shim import folder_paths
from ..studio import Studio
from .clients import features
from .requests import path_in
from .work import json_off_loop

_log = logging.getLogger("vdt_studio.server")

PREVIEW_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
TEMPLATE_FOLDERS = ("workflows", "example_workflows")
CLAIMED_VERSION = "0.33.0"  # of ComfyUI: whose interface this host has


class CatalogRoutes:
    """Everything an editor asks for when it starts."""

    def __init__(self, studio: Studio, pack: Path, web_directory: Path | None, *, max_upload: int) -> None:
        self._studio = studio
        self._pack = pack
        self._web = web_directory
        self._max_upload = max_upload

    def table(self) -> list[web.RouteDef]:
        answers = {
            "/features": lambda: features(self._max_upload),
            "/object_info": self._studio.registry.object_info,
            "/system_stats": system_stats,
            "/extensions": self._extensions,
            "/workflow_templates": lambda: {self._pack.name: sorted(path.stem for path in self._templates())},
            "/i18n": self._translations,
            "/models": lambda: sorted(folder_paths.folder_names_and_paths),
            "/experiment/models": self._model_folders,
            "/embeddings": list,
            "/global_subgraphs": lambda: {key: _blueprint(path) for key, path in self._blueprints().items()},
            "/node_replacements": dict,
            "/internal/folder_paths": dict,
            "/internal/logs": str,
            "/internal/logs/raw": lambda: {"entries": [], "size": {"cols": 80, "rows": 24}},
            "/templates/index.json": list,
            "/templates/index_logo.json": dict,
        }
        routes = [web.get(path, _answering(answer)) for path, answer in answers.items()]
        return [
            *routes,
            web.get("/object_info/{name}", self.node_info),
            web.get("/models/{folder}", self.model_names),
            web.get("/experiment/models/{folder}", self.model_files),
            web.get("/workflow_templates/{pack}/{file}", self.template),
            web.get("/global_subgraphs/{id}", self.blueprint),
            web.get("/extensions/{pack}/{file:.+}", self.extension),
            web.patch("/internal/logs/subscribe", self.subscribe),
            web.get("/userdata/user.css", self.user_css),
            web.get("/user.css", self.user_css),
        ]

    async def node_info(self, request: web.Request) -> web.Response:
        known = self._studio.registry.get(request.match_info["name"])
        return await json_off_loop(lambda: {} if known is None else {known.name: known.info()})

    async def model_names(self, request: web.Request) -> web.Response:
        return await json_off_loop(self._names, request.match_info["folder"])

    async def model_files(self, request: web.Request) -> web.Response:
        folder = request.match_info["folder"]
        return await json_off_loop(lambda: [{"name": name, "pathIndex": 0} for name in self._names(folder)])

    async def template(self, request: web.Request) -> web.StreamResponse:
        """A shipped graph or its picture."""
        files = {path.name: path for graph in self._templates() for path in (graph, *_pictures(graph))}
        path = files.get(request.match_info["file"])
        if request.match_info["pack"] != self._pack.name or path is None:
            raise web.HTTPNotFound(text="there is no such template")
        return web.FileResponse(path)

    async def blueprint(self, request: web.Request) -> web.Response:
        """A subgraph to put into any graph."""
        path = self._blueprints().get(request.match_info["id"])
        if path is None:
            raise web.HTTPNotFound(text="there is no such subgraph")
        return await json_off_loop(lambda: {**_blueprint(path), "data": path.read_text(encoding="utf-8")})

    async def extension(self, request: web.Request) -> web.StreamResponse:
        """A file of the pack's web folder: scripts, help pages, pictures."""
        if request.match_info["pack"] != self._pack.name or self._web is None:
            raise web.HTTPNotFound(text="there is no such pack")
        path = path_in(self._web, request.match_info["file"])
        if not is_file(path):
            raise web.HTTPNotFound(text="there is no such file")
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    async def subscribe(self, request: web.Request) -> web.Response:
        return web.Response()

    async def user_css(self, request: web.Request) -> web.Response:
        return web.Response(content_type="text/css")

    def _extensions(self) -> list[str]:
        if self._web is None:
            return []
        scripts = sorted(path.relative_to(self._web).as_posix() for path in self._web.rglob("*.js"))
        return [f"/extensions/{self._pack.name}/{script}" for script in scripts]

    def _templates(self) -> list[Path]:
        return sorted(path for folder in TEMPLATE_FOLDERS for path in (self._pack / folder).glob("*.json"))

    def _blueprints(self) -> dict[str, Path]:
        found = sorted((self._pack / "subgraphs").glob("*.json"))
        return {hashlib.sha256(path.name.encode()).hexdigest(): path for path in found}

    def _translations(self) -> dict[str, Any]:
        """By language, the pack's files of locales/<language>/."""
        found: dict[str, Any] = {}
        for path in sorted((self._pack / "locales").glob("*/*.json")):
            try:
                values = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                _log.warning("%s cannot be read as translations: %s", path, error)
                continue
            language = found.setdefault(path.parent.name, {})
            language.update(values if path.stem == "main" else {path.stem: values})
        return found

    def _model_folders(self) -> list[dict[str, Any]]:
        folders = folder_paths.folder_names_and_paths
        return [{"name": name, "folders": list(paths)} for name, (paths, _) in sorted(folders.items())]

    def _names(self, folder: str) -> list[str]:
        if folder not in folder_paths.folder_names_and_paths:
            raise web.HTTPNotFound(text=f"there is no model folder {shown(folder)}")
        return folder_paths.get_filename_list(folder)


def system_stats() -> dict[str, Any]:
    """The machine, as far as an editor shows it; no paths and no command line."""
    where = device()
    free, total = torch.cuda.mem_get_info(where) if where.type == "cuda" else (0, 0)
    return {
        "system": {
            "os": sys.platform,
            "ram_total": 0,
            "ram_free": 0,
            "comfyui_version": CLAIMED_VERSION,
            "python_version": platform.python_version(),
            "pytorch_version": torch.__version__,
            "embedded_python": False,
            "argv": ["vdt-studio"],
        },
        "devices": [
            {
                "name": str(where),
                "type": where.type,
                "index": where.index,
                "vram_total": total,
                "vram_free": free,
                "torch_vram_total": total,
                "torch_vram_free": free,
            }
        ],
    }


def _blueprint(path: Path) -> dict[str, Any]:
    return {"name": path.stem, "source": "custom_node", "info": {"node_pack": path.parent.parent.name}}


def _pictures(graph: Path) -> list[Path]:
    return [path for suffix in PREVIEW_SUFFIXES if (path := graph.with_suffix(suffix)).is_file()]


def _answering(answer: Any) -> Any:
    async def handler(request: web.Request) -> web.Response:
        return await json_off_loop(answer)

    return handler

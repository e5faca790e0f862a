"""Requests for the studio's files: to look at results, and to upload inputs."""

from __future__ import annotations

import filecmp
import mimetypes
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from vdt.bounds import shown
from vdt.media.files import WriteError, atomic_path

from ..limits import MAX_NAME
from ..paths import KINDS, Folders, is_file
from .pictures import preview, put_alpha
from .requests import is_true, parse_json, path_in
from .work import off_loop

_SHOWN = ("image/", "video/", "audio/")  # what a browser may show; all else it gets as bytes, never as a page
_CHUNK = 1 << 20
_MAX_FIELD = 1 << 20  # bytes of a field beside the file
_MAX_FIELDS = 64
_UNCODED = ("binary", "8bit", "7bit")
_DAMAGES = (ValueError, RuntimeError, AssertionError, LookupError, EOFError, HttpProcessingError)  # of a form
_MAX_COPIES = 10_000  # files of one name


class FileRoutes:
    """/view, /upload/image, /upload/mask."""

    def __init__(self, folders: Folders, *, max_upload: int) -> None:
        self._folders = folders
        self._max_upload = max_upload

    def table(self) -> list[web.RouteDef]:
        return [
            web.get("/view", self.view),
            web.post("/upload/image", self.upload),
            web.post("/upload/mask", self.upload_mask),
        ]

    async def view(self, request: web.Request) -> web.StreamResponse:
        """A file, or the range of it that is asked for; images also as a small preview."""
        name = request.query.get("filename", "")
        path = self._place(request.query.get("type") or "output", request.query.get("subfolder", ""), name)
        if not name or not is_file(path):
            raise web.HTTPNotFound(text=f"there is no file {shown(name)}")
        kind = content_type(path)
        if "preview" in request.query and kind.startswith("image/"):
            picture = await off_loop(preview, path, request.query["preview"])
            return web.Response(body=picture, content_type="image/webp")
        return web.FileResponse(path, headers={"Content-Type": kind, "Cache-Control": "no-cache"})

    async def upload(self, request: web.Request) -> web.Response:
        """Take a file into the input folder; a name that exists gets a number unless overwriting is asked for."""
        async with self._received(request) as (temporary, name, fields):
            return web.json_response(await off_loop(self._keep, temporary, name, fields))

    async def upload_mask(self, request: web.Request) -> web.Response:
        """Take what the mask editor painted: the image it was painted on, with the alpha of the upload."""
        async with self._received(request) as (temporary, name, fields):
            wanted = parse_json(fields.get("original_ref", "null"))
            if not isinstance(wanted, dict) or not isinstance(wanted.get("filename"), str):
                raise web.HTTPBadRequest(text="a mask names its image in the field original_ref")
            kind, subfolder = wanted.get("type") or "output", wanted.get("subfolder") or ""
            original = self._place(kind, subfolder, wanted["filename"])
            if not is_file(original):
                raise web.HTTPBadRequest(text=f"there is no image {shown(wanted['filename'])} to lay this mask over")
            await off_loop(put_alpha, original, temporary)
            return web.json_response(await off_loop(self._keep, temporary, name, fields))

    @asynccontextmanager
    async def _received(self, request: web.Request) -> AsyncIterator[tuple[Path, str, Mapping[str | None, str]]]:
        """The file of a form under a temporary name, its own name, and the other fields."""
        if not request.content_type.startswith("multipart/"):
            raise web.HTTPBadRequest(text="an upload is a multipart form with the file as its field image")
        temporary = self._folders.temp / f"upload-{secrets.token_hex(8)}.part"
        try:
            try:
                name, fields = await self._read_form(request, temporary)
            except WriteError:
                raise
            except _DAMAGES as error:
                raise web.HTTPBadRequest(text=f"the multipart form is damaged: {shown(str(error))}") from error
            if not name:
                raise web.HTTPBadRequest(text="the form holds no file in its field image")
            yield temporary, name, fields
        finally:
            temporary.unlink(missing_ok=True)

    async def _read_form(self, request: web.Request, temporary: Path) -> tuple[str, Mapping[str | None, str]]:
        """Write the file of a form to a temporary; its name, empty if there is none, and the other fields."""
        fields: dict[str | None, str] = {}
        name = ""
        async for part in await request.multipart():
            if isinstance(part, MultipartReader):
                raise web.HTTPBadRequest(text="an upload has no forms within forms")
            coded = part.headers.get("Content-Transfer-Encoding", "binary").lower()
            if coded not in _UNCODED:
                raise web.HTTPBadRequest(text=f"a part of the form is coded as {shown(coded)}, expected plain bytes")
            if len(fields) > _MAX_FIELDS:
                raise web.HTTPBadRequest(text=f"the form has more than {_MAX_FIELDS} fields")
            if part.name == "image" and not name:
                name = Path((part.filename or "").replace("\\", "/")).name
                await self._receive(part, temporary)
            else:
                fields[part.name] = await _field(part)
        return name, fields

    async def _receive(self, part: BodyPartReader, path: Path) -> None:
        """Write a part to the temp folder, as it comes; 413 as soon as it is too large."""
        self._folders.temp.mkdir(parents=True, exist_ok=True)
        size = 0
        with path.open("wb") as file:
            while chunk := await part.read_chunk(_CHUNK):
                size += len(chunk)
                if size > self._max_upload:
                    raise web.HTTPRequestEntityTooLarge(max_size=self._max_upload, actual_size=size)
                try:
                    await off_loop(file.write, chunk)
                except OSError as error:
                    raise WriteError(f"cannot keep the upload '{part.filename}': {error.strerror}") from error

    def _keep(self, temporary: Path, name: str, fields: Mapping[str | None, str]) -> dict[str, str]:
        kind, subfolder = fields.get("type") or "input", fields.get("subfolder", "")
        if kind == "output":
            raise web.HTTPForbidden(text="uploads go to the input or temp folder")
        target = self._place(kind, subfolder, name)
        if target.is_dir():
            raise web.HTTPConflict(text=f"{shown(name)} is a folder there: give the file another name")
        if not is_true(fields.get("overwrite")):
            target = _free_name(target, temporary)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or is_true(fields.get("overwrite")):
            with atomic_path(target) as partial, temporary.open("rb") as source, partial.open("wb") as sink:
                while chunk := source.read(_CHUNK):
                    sink.write(chunk)
        return {"name": target.name, "subfolder": subfolder, "type": kind}

    def _place(self, kind: object, subfolder: object, name: str) -> Path:
        if kind not in KINDS:
            raise web.HTTPBadRequest(text=f"unknown folder {shown(kind)}, expected one of {', '.join(KINDS)}")
        if not isinstance(subfolder, str):
            raise web.HTTPBadRequest(text=f"the subfolder is {shown(subfolder)}, expected a text")
        return path_in(self._folders.of(str(kind)), f"{subfolder}/{name}" if subfolder else name)


def content_type(path: Path) -> str:
    """What a browser is told of a file: its type where that cannot run as a page, else bytes."""
    kind = mimetypes.guess_type(path.name)[0] or ""
    return kind if kind.startswith(_SHOWN) and kind != "image/svg+xml" else "application/octet-stream"


async def _field(part: BodyPartReader) -> str:
    """The text of a field; 413 if it is too long for one."""
    data = b""
    while chunk := await part.read_chunk(_CHUNK):
        data += chunk
        if len(data) > _MAX_FIELD:
            raise web.HTTPRequestEntityTooLarge(max_size=_MAX_FIELD, actual_size=len(data))
    return data.decode(errors="replace")


def _free_name(target: Path, upload: Path) -> Path:
    """The name itself if it is free or holds the same bytes, else with the first free number."""
    stem = target.stem
    for number in range(1, _MAX_COPIES):
        if not target.exists() or (target.is_file() and filecmp.cmp(target, upload, shallow=False)):
            return target
        name = f"{stem} ({number}){target.suffix}"
        if len(name.encode(errors="replace")) > MAX_NAME:
            raise web.HTTPBadRequest(text=f"{name[:40]}... is too long a name, expected at most {MAX_NAME} bytes")
        target = target.with_name(name)
    raise web.HTTPConflict(text=f"there are {_MAX_COPIES} files called {shown(stem)}: give it another name")

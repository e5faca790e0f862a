"""Requests for the studio's files: to look at results, and to upload inputs."""

from __future__ import annotations

import io
import json
import mimetypes
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import BodyPartReader, MultipartReader, web

from vdt.media.files import atomic_path

from ..images import png_texts
from ..paths import KINDS, Folders, PathError
from .requests import is_true, path_in

_SHOWN = ("image/", "video/", "audio/")  # what a browser may show; all else it gets as bytes, never as a page
_CHUNK = 1 << 20


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
        if not name or not path.is_file():
            raise web.HTTPNotFound(text=f"there is no file {name!r}")
        kind = content_type(path)
        if "preview" in request.query and kind.startswith("image/"):
            return web.Response(body=_preview(path, request.query["preview"]), content_type="image/webp")
        return web.FileResponse(path, headers={"Content-Type": kind, "Cache-Control": "no-cache"})

    async def upload(self, request: web.Request) -> web.Response:
        """Take a file into the input folder; a name that exists gets a number unless overwriting is asked for."""
        async with self._received(request) as (temporary, name, fields):
            return web.json_response(self._keep(temporary, name, fields))

    async def upload_mask(self, request: web.Request) -> web.Response:
        """Take what the mask editor painted: the image it was painted on, with the alpha of the upload."""
        async with self._received(request) as (temporary, name, fields):
            try:
                wanted = json.loads(fields["original_ref"])
                kind, subfolder, file = (
                    wanted.get("type") or "output",
                    wanted.get("subfolder") or "",
                    wanted["filename"],
                )
            except (KeyError, ValueError, AttributeError, TypeError) as error:
                raise web.HTTPBadRequest(text="a mask names its image in the field original_ref") from error
            original = self._place(kind, subfolder, file)
            if not original.is_file():
                raise web.HTTPBadRequest(text=f"there is no image {file!r} to lay this mask over")
            _put_alpha(original, temporary)
            return web.json_response(self._keep(temporary, name, fields))

    @asynccontextmanager
    async def _received(self, request: web.Request) -> AsyncIterator[tuple[Path, str, Mapping[str | None, str]]]:
        """The file of a form under a temporary name, its own name, and the other fields."""
        if not request.content_type.startswith("multipart/"):
            raise web.HTTPBadRequest(text="an upload is a multipart form with the file as its field image")
        fields: dict[str | None, str] = {}
        temporary, name = None, ""
        try:
            async for part in await request.multipart():
                if isinstance(part, MultipartReader):
                    raise web.HTTPBadRequest(text="an upload has no forms within forms")
                if part.name == "image" and temporary is None:
                    name = Path((part.filename or "").replace("\\", "/")).name
                    temporary = await self._receive(part)
                else:
                    fields[part.name] = (await part.read()).decode(errors="replace")
            if temporary is None or not name:
                raise web.HTTPBadRequest(text="the form holds no file in its field image")
            yield temporary, name, fields
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)

    async def _receive(self, part: BodyPartReader) -> Path:
        """Write a part to the temp folder, as it comes; 413 as soon as it is too large."""
        self._folders.temp.mkdir(parents=True, exist_ok=True)
        path = self._folders.temp / f"upload-{id(part):x}.part"
        size = 0
        with path.open("wb") as file:
            while chunk := await part.read_chunk(_CHUNK):
                size += len(chunk)
                if size > self._max_upload:
                    path.unlink(missing_ok=True)
                    raise web.HTTPRequestEntityTooLarge(max_size=self._max_upload, actual_size=size)
                file.write(chunk)
        return path

    def _keep(self, temporary: Path, name: str, fields: Mapping[str | None, str]) -> dict[str, str]:
        kind, subfolder = fields.get("type") or "input", fields.get("subfolder", "")
        if kind == "output":
            raise web.HTTPForbidden(text="uploads go to the input or temp folder")
        target = self._place(kind, subfolder, name)
        if not is_true(fields.get("overwrite")):
            target = _free_name(target, temporary)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or is_true(fields.get("overwrite")):
            with atomic_path(target) as partial, temporary.open("rb") as source, partial.open("wb") as sink:
                while chunk := source.read(_CHUNK):
                    sink.write(chunk)
        return {"name": target.name, "subfolder": subfolder, "type": kind}

    def _place(self, kind: str, subfolder: str, name: str) -> Path:
        if kind not in KINDS:
            raise web.HTTPBadRequest(text=f"unknown folder {kind!r}, expected one of {', '.join(KINDS)}")
        try:
            root = self._folders.of(kind)
        except PathError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return path_in(root, f"{subfolder}/{name}" if subfolder else name)


def content_type(path: Path) -> str:
    """What a browser is told of a file: its type where that cannot run as a page, else bytes."""
    kind = mimetypes.guess_type(path.name)[0] or ""
    return kind if kind.startswith(_SHOWN) and kind != "image/svg+xml" else "application/octet-stream"


def _free_name(target: Path, upload: Path) -> Path:
    """The name itself if it is free or holds the same bytes, else with the first free number."""
    stem, number = target.stem, 0
    while target.exists() and target.read_bytes() != upload.read_bytes():
        number += 1
        target = target.with_name(f"{stem} ({number}){target.suffix}")
    return target


def _preview(path: Path, wish: str) -> bytes:
    """An image as WEBP of the quality in a wish such as "webp;90"."""
    from PIL import Image, UnidentifiedImageError

    quality = wish.partition(";")[2]
    buffer = io.BytesIO()
    try:
        with Image.open(path) as image:
            image.save(buffer, format="WEBP", quality=min(100, int(quality)) if quality.isdigit() else 90)
    except (UnidentifiedImageError, OSError) as error:
        raise web.HTTPBadRequest(text=f"'{path.name}' cannot be read as an image") from error
    return buffer.getvalue()


def _put_alpha(original: Path, painted: Path) -> None:
    """Replace the file `painted` by the image `original`, its texts kept, with the alpha of `painted`."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(original) as image, Image.open(painted) as mask:
            if image.size != mask.size:
                raise web.HTTPBadRequest(text=f"the mask is {mask.size}, its image {image.size}: paint it again")
            texts = png_texts(getattr(image, "text", None))
            merged = image.convert("RGBA")
            merged.putalpha(mask.convert("RGBA").getchannel("A"))
        merged.save(painted, format="PNG", pnginfo=texts)
    except (UnidentifiedImageError, OSError) as error:
        raise web.HTTPBadRequest(text=f"{original.name!r} or its mask cannot be read as an image") from error

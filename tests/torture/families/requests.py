"""Requests that no editor sends, to every route of the studio: none may be answered with a server error."""

from __future__ import annotations

import asyncio
import json
import os
import random
from pathlib import Path
from typing import Any

from ..family import Family
from ..mutate import damaged_bytes, damaged_text, mutated
from ..outcomes import CRASHED, REFUSED, BrokenPromiseError, check, is_line
from .material import WORKFLOWS, open_studio
from .request_parts import GRAPH, KNOWN, body_of, form_of, headers_of, path_of

SECRET = "the words of a file outside"


class Requests(Family):
    name = "requests to the studio"
    small = 500
    full = 6000
    piece = 3000
    seconds = 90.0

    def prepare(self, folder: Path) -> Any:
        from aiohttp.test_utils import TestClient, TestServer

        from vdt_studio.server.app import create_app

        studio = open_studio(folder / "studio", cache=True)
        user = folder / "user"
        (folder / "secret").write_text(SECRET)
        for root in (studio.folders.input, studio.folders.output, user):
            root.mkdir(exist_ok=True)
            (root / "loop").symlink_to("loop")
            (root / "out.png").symlink_to(folder / "secret")
            (root / "folder.png").mkdir()
            (root / "good.json").write_text("{}")
        loop = asyncio.new_event_loop()
        client = TestClient(TestServer(create_app(studio, user), loop=loop), loop=loop)
        loop.run_until_complete(client.start_server())
        graphs = [json.loads(path.read_text(encoding="utf-8")) for path in WORKFLOWS]
        shared = {"loop": loop, "client": client, "graphs": graphs, "secret": folder / "secret", "known": [*KNOWN]}
        loop.run_until_complete(_run_once(shared))
        return shared

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        outcome = shared["loop"].run_until_complete(self._ask(shared, number, rng))
        check(shared["secret"].read_text() == SECRET, "files outside of the folders are untouched")
        return outcome

    async def _ask(self, shared: Any, number: int, rng: random.Random) -> str | None:
        kind = number % 10
        if kind == 0:
            return await _raw(shared["client"], rng)
        if kind == 1:
            return await _socket(shared["client"], rng)
        method, path = path_of(shared, rng)
        options: dict[str, Any] = {}
        if kind in (2, 3, 4):
            method, path = "POST", rng.choice(("/prompt", "/prompt", "/queue", "/history", "/interrupt", "/settings/a"))
            options = {"data": body_of(shared, path, rng), "headers": {"Content-Type": "application/json"}}
        elif kind == 5:
            method, path = "POST", rng.choice(("/upload/image", "/upload/mask"))
            options = form_of(rng)
        elif method == "POST":
            options = {"data": rng.choice((b"", b"{}", b"x" * 70_000, os.urandom(50)))}
        if rng.random() < 0.2:
            options["headers"] = {**options.get("headers", {}), **headers_of(rng)}
        return await _answered(shared["client"], method, path, options)

    def finish(self, shared: Any) -> None:
        async def last() -> None:
            async with shared["client"].get("/settings") as answer:
                check(answer.status == 200, "the server still answers")
            await shared["client"].close()

        shared["loop"].run_until_complete(last())


async def _run_once(shared: Any) -> None:
    """Graphs that run and one that fails, watched by an editor; names of what there is are kept to be asked for."""
    client, known = shared["client"], shared["known"]
    socket = await client.ws_connect("/ws?clientId=me")
    await socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
    wrong = {**GRAPH, "3": {"class_type": "LoadVideo", "inputs": {"file": "good.json"}}}
    wrong["4"] = {"class_type": "SaveVideo", "inputs": {"video": ["3", 0], "format": "auto", "filename_prefix": "x"}}
    for graph in (GRAPH, GRAPH, wrong):
        async with client.post("/prompt", json={"prompt": graph, "client_id": "me"}) as answer:
            known.append((await answer.json()).get("prompt_id", "x"))
    while (await (await client.get("/prompt")).json())["exec_info"]["queue_remaining"]:
        await asyncio.sleep(0.05)
    known += list(await (await client.get("/global_subgraphs")).json())
    known += [f"{path.stem}.json" for path in WORKFLOWS[:2]] + ["js/extension.js", "index.html"]
    await socket.close()


async def _answered(client: Any, method: str, path: str, options: dict[str, Any]) -> str | None:
    try:
        async with client.request(method, path, allow_redirects=False, **options) as answer:
            body = await answer.read()
            status, headers = answer.status, answer.headers
    except (ValueError, TypeError):  # the client itself cannot send this
        return REFUSED
    check(SECRET.encode() not in body, f"{method} {path[:200]} shows a file outside of the folders")
    said = body[:3000].decode(errors="replace")
    if status >= 500:
        raise BrokenPromiseError(f"{method} {path[:300]} {str(options)[:1000]}: {status} {said}")
    check("X-Frame-Options" in headers, f"{method} {path[:200]} can be framed")
    if status >= 400:
        wrong = method != "HEAD" and not said.strip()
        check(not wrong and "Traceback" not in said, f"{method} {path[:300]}: {status} with {said!r}")
        return REFUSED
    return None


async def _raw(client: Any, rng: random.Random) -> str | None:
    """Bytes that are hardly HTTP: the connection may be closed, the server must live."""
    lines = (
        "GET /settings HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "",
        "5",
        "hello",
    )
    request = "\r\n".join([*lines, ""]).encode()
    reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
    try:
        writer.write(damaged_bytes(request, rng))
        await writer.drain()
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(2000), 30)
    except (ConnectionError, OSError):
        answer = b""
    finally:
        writer.close()
    if b" 500 " in answer[:20]:
        raise BrokenPromiseError(answer.decode(errors="replace"))
    async with client.get("/settings") as alive:
        check(alive.status == 200, "the server still answers")
    return REFUSED if not answer.startswith(b"HTTP/1.1 200") else None


async def _socket(client: Any, rng: random.Random) -> str | None:
    """Messages over the WebSocket that mean nothing."""
    try:
        socket = await client.ws_connect(f"/ws?clientId={rng.randrange(5)}")
    except Exception as error:  # refused before it began
        return REFUSED if is_line(error) else CRASHED
    for _ in range(rng.randint(1, 4)):
        value = mutated({"type": "feature_flags", "data": {"supports_preview_metadata": True}}, rng)
        text = json.dumps(value)
        if rng.random() < 0.3:
            await socket.send_bytes(os.urandom(30))
        else:
            await socket.send_str(
                damaged_text(text, rng).encode(errors="replace").decode() if rng.random() < 0.5 else text
            )
    await socket.close()
    return None

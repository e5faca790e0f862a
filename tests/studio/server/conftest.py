"""A host over a small pack, driven as an editor would: requests and one WebSocket."""

from __future__ import annotations

import asyncio
import json

import pytest
import torch
from aiohttp import WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from vdt_studio.engine import Engine, ResultCache
from vdt_studio.server.app import create_app
from vdt_studio.shim.comfy.progress import ProgressBar
from vdt_studio.shim.comfy_api.latest import io
from vdt_studio.studio import Studio

HANG = 900  # seconds without a message after which the server counts as stuck
PACK = {
    "__init__.py": 'WEB_DIRECTORY = "./web"\n',
    "web/js/tool.js": "// a script\n",
    "web/docs/Grey.md": "# Grey\n",
    "workflows/first.json": '{"nodes": []}',
    "subgraphs/Chain of Two.json": '{"nodes": [], "definitions": {}}',
    "workflows/first.jpg": "a picture",
    "locales/zh/main.json": '{"title": "标题"}',
    "locales/zh/nodeDefs.json": '{"Grey": {"display_name": "灰"}}',
    "secret.txt": "not for the web",
}


class Slow(io.ComfyNode):
    """Counts, with a preview at every step; an odd number of steps fails at the end."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Slow",
            inputs=[io.Int.Input("steps", default=2, min=1, max=100_000)],
            outputs=[io.Image.Output(display_name="image")],
        )

    @classmethod
    def execute(cls, steps):
        bar = ProgressBar(steps)
        for step in range(steps):
            bar.update_absolute(step + 1, steps, ("JPEG", Image.new("RGB", (900, 30)), 300))
        if steps % 2:
            raise ValueError("an odd number of steps: use an even one")
        return io.NodeOutput(torch.zeros(1, 16, 16, 3))


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "ComfyUI-Small"
    for name, text in PACK.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def frontend(tmp_path):
    folder = tmp_path / "frontend"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>editor</title>")
    (folder / "assets/app.js").write_text("1")
    return folder


@pytest.fixture
def host(folders, registry, pack, frontend, tmp_path):
    """Run a scenario, an async function of a Visitor, against a fresh host."""
    registry.add(Slow, module="tests")
    studio = Studio(folders=folders, registry=registry, engine=Engine(registry, cache=ResultCache()))

    def run(scenario, **options):
        async def inner():
            app = create_app(studio, tmp_path / "user", pack=pack, frontend=frontend, **options)
            async with TestClient(TestServer(app)) as client:
                return await asyncio.wait_for(scenario(Visitor(client)), 60)

        return asyncio.run(inner())

    return run


class Visitor:
    """An editor."""

    def __init__(self, client):
        self.client = client

    async def get(self, path, **options):
        """Status and body: JSON where it is some, else bytes."""
        return await self._answer(self.client.get(path, **options))

    async def post(self, path, body=None, **options):
        return await self._answer(self.client.post(path, **({"json": body} if body is not None else {}), **options))

    async def _answer(self, request):
        async with request as answer:
            data = await answer.read()
            return answer.status, json.loads(data) if answer.content_type == "application/json" else data

    async def listen(self, sid="me", *, with_metadata=True):
        """Connect, and say what is understood."""
        socket = await self.client.ws_connect(f"/ws?clientId={sid}")
        if with_metadata:
            await socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        return socket

    async def until_idle(self, socket):
        """All messages up to the one that says that nothing runs any more: (type, data), binary ones as bytes."""
        received = []
        while not received or received[-1][0] != "executing" or received[-1][1]["node"] is not None:
            message = await socket.receive(timeout=HANG)
            assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
            if message.type is WSMsgType.BINARY:
                received.append(("binary", message.data))
            else:
                parsed = json.loads(message.data)
                received.append((parsed["type"], parsed["data"]))
        return received

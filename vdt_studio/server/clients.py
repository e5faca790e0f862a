"""The editors that listen: one WebSocket each, told from whichever thread something happens in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from typing import Any

from aiohttp import WSMsgType, web

from .wire import Message, PreviewFrame, status

MAX_MESSAGE = 1 << 20  # what an editor sends is small
MAX_WAITING = 2000  # messages; an editor that reads no more is let go


class Client:
    """One editor: what waits to be sent to it, and whether it understands previews with metadata."""

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.with_metadata = False
        self.outbox: asyncio.Queue[Message | PreviewFrame] = asyncio.Queue(MAX_WAITING)


class Clients:
    """All editors that are connected."""

    def __init__(self, *, max_upload: int) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients: dict[str, Client] = {}
        self._max_upload = max_upload

    def tell(self, message: Message | PreviewFrame, sid: str | None) -> None:
        """Send to one client, or to all; may be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):  # the loop may close in between
                self._loop.call_soon_threadsafe(self._deliver, message, sid)

    async def serve(self, request: web.Request, remaining: int) -> web.WebSocketResponse:
        """Talk to one editor until it goes."""
        self._loop = asyncio.get_running_loop()
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, heartbeat=60)
        await socket.prepare(request)
        client = Client(request.query.get("clientId") or uuid.uuid4().hex)
        self._clients[client.sid] = client
        client.outbox.put_nowait(status(remaining, client.sid))
        sender = asyncio.create_task(self._send(client, socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._receive(client, message.data)
        finally:
            sender.cancel()
            if self._clients.get(client.sid) is client:  # the page may have come back already
                del self._clients[client.sid]
        return socket

    def _deliver(self, message: Message | PreviewFrame, sid: str | None) -> None:
        for client in list(self._clients.values()):
            if sid in (None, client.sid) and not client.outbox.full():
                client.outbox.put_nowait(message)

    def _receive(self, client: Client, text: str) -> None:
        try:
            message = json.loads(text)
            flags = message["data"] if message["type"] == "feature_flags" else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return  # not for us
        if isinstance(flags, dict):
            client.with_metadata = bool(flags.get("supports_preview_metadata"))
            if not client.outbox.full():
                client.outbox.put_nowait(Message("feature_flags", features(self._max_upload)))

    async def _send(self, client: Client, socket: web.WebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                message = await client.outbox.get()
                if isinstance(message, Message):
                    await socket.send_str(message.encode())
                else:
                    await socket.send_bytes(message.encode(with_metadata=client.with_metadata))


def features(max_upload: int) -> dict[str, Any]:
    """What this host can do, as editors ask for it."""
    return {"supports_preview_metadata": True, "max_upload_size": max_upload}

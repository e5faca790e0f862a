"""`server`: where node files register requests of their own; the studio's server answers them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Handler = Callable[[Any], Any]  # an aiohttp request to an aiohttp response


@dataclass(frozen=True)
class Route:
    """One request that a pack answers."""

    method: str
    path: str
    handler: Handler


@dataclass
class Routes:
    """Registered as a decorator, `@routes.post("/path")`; a path that is registered again is answered anew."""

    table: dict[tuple[str, str], Route] = field(default_factory=dict)

    def get(self, path: str) -> Callable[[Handler], Handler]:
        return self._at("GET", path)

    def post(self, path: str) -> Callable[[Handler], Handler]:
        return self._at("POST", path)

    def _at(self, method: str, path: str) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.table[method, path] = Route(method, path, handler)
            return handler

        return register


class _Server:
    def __init__(self) -> None:
        self.routes = Routes()


class PromptServer:
    instance = _Server()

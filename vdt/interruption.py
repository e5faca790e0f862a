"""Stopping long work: a host says how to ask whether to go on, and every long loop of the library asks between parts.

Outside of `interruptible` nothing is asked and no network is watched, so that results and speed are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import nn

_CHECK: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


@contextmanager
def interruptible(check: Callable[[], None]) -> Iterator[None]:
    """Call `check` many times a second while the library works inside the block; what it raises ends the work."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def poll() -> None:
    """Ask the host whether to go on; called between the parts of long loops."""
    check = _CHECK.get()
    if check is not None:
        check()


@contextmanager
def watched(network: Any) -> Iterator[None]:
    """Ask before each layer of a network that runs inside the block, for one pass may take minutes; same bits."""
    if _CHECK.get() is None or not isinstance(network, nn.Module):
        yield
        return
    layers = [layer for layer in network.modules() if not isinstance(layer, nn.Linear)]  # plain ones are not called
    hooks = [layer.register_forward_pre_hook(lambda *_: poll()) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

"""Validates and executes graphs. Knows no host: whoever runs it listens to its events."""

from .cache import ResultCache
from .events import Event, NodeCached, NodeExecuted, NodeFailed, NodeProgress, NodeStarted
from .execute import Engine, RunResult
from .validate import Validation, validate

__all__ = [
    "Engine",
    "Event",
    "NodeCached",
    "NodeExecuted",
    "NodeFailed",
    "NodeProgress",
    "NodeStarted",
    "ResultCache",
    "RunResult",
    "Validation",
    "validate",
]

"""What can be wrong with a graph, always said as one sentence that names the node."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 80  # characters of a name in a sentence
_OUT_OF_MEMORY = re.compile(r"DefaultCPUAllocator|out of memory\. Tried to allocate")  # as torch says it


@dataclass(frozen=True, kw_only=True)
class NodeRef:
    """A node as people know it: its number in the editor, its title, its class."""

    id: str
    class_type: str
    title: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"node_id": self.id, "class_type": self.class_type, "title": self.title}

    def __str__(self) -> str:
        title = f' "{one_line(self.title)}"' if self.title and self.title != self.class_type else ""
        return f"node {one_line(self.id)}{title} ({one_line(self.class_type)})"


def one_line(name: object) -> str:
    """A name from a graph, which may be any text, for a sentence: on one line, and not longer than a name is."""
    line = " ".join(str(name).split())
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 3]}..."


class GraphError(ValueError):
    """A file that is not a graph, or one this runner cannot read."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One finding of the validation; `kind` is the name the server gives it on the wire."""

    kind: str
    sentence: str
    node: NodeRef | None = None
    input_name: str | None = None

    def __str__(self) -> str:
        return f"{self.node}: {self.sentence}" if self.node else self.sentence

    def as_dict(self) -> dict[str, Any]:
        found = {"type": self.kind, "message": self.sentence, "input": self.input_name}
        return {**found, **self.node.as_dict()} if self.node else found


class InvalidGraph(GraphError):  # noqa: N818
    """A graph that was read but must not run; all findings are in `problems`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        more = len(self.problems) - 1
        super().__init__(f"{self.problems[0]}" + (f" (and {more} more)" if more else ""))


class NodeError(RuntimeError):
    """A node failed while it ran; the original exception is the cause."""

    def __init__(self, node: NodeRef, error: BaseException) -> None:
        self.node = node
        self.sentence = sentence_of(error)
        super().__init__(f"{node}: {self.sentence}")


def sentence_of(error: BaseException) -> str:
    """The message of an exception as one line; errors that were not written for users keep their class name."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(text)):
        return "there is not enough memory: use fewer frames, a smaller size, or a smaller batch"
    if not text:
        return type(error).__name__
    return text if _written_for_users(error) else f"{type(error).__name__}: {text}"


def _written_for_users(error: BaseException) -> bool:
    if isinstance(error, ImportError):
        return error.name is None  # Python itself names the module
    return isinstance(error, ValueError) or type(error) in (RuntimeError, NotImplementedError)

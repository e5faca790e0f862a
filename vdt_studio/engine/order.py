"""Which nodes a run needs, and in which order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator

from ..graph.records import Graph


class Cycle(Exception):  # noqa: N818 - carries the answer to the search
    """Nodes that need each other, in a circle."""

    def __init__(self, node_ids: list[str]) -> None:
        self.node_ids = node_ids
        super().__init__(" -> ".join(node_ids))


def sources(graph: Graph, node_id: str) -> list[str]:
    """The nodes that a node reads from, each once, in the order of its inputs."""
    found = (link.node_id for link in graph[node_id].links.values())
    return list(dict.fromkeys(source for source in found if source in graph))


def execution_order(graph: Graph, outputs: Iterable[str], stop: Callable[[str], bool] = lambda _: False) -> list[str]:
    """All that the outputs need, sources before their consumers; what `stop` accepts needs nothing itself."""
    done: dict[str, None] = {}
    for output in outputs:
        path: dict[str, Iterator[str]] = {}  # nodes being visited -> the sources not looked at yet, in order
        todo = [] if output in done else [output]
        while todo:
            node_id = todo[-1]
            if node_id not in path:
                path[node_id] = iter(() if stop(node_id) else sources(graph, node_id))
            following = next((source for source in path[node_id] if source not in done), None)
            if following is None:
                done[node_id] = None
                del path[node_id]
                todo.pop()
            elif following in path:
                chain = list(path)
                raise Cycle([*chain[chain.index(following) :], following][::-1])
            else:
                todo.append(following)
    return list(done)


def readers(graph: Graph, outputs: Iterable[str], most: int) -> dict[str, list[str]]:
    """For each node up to `most` of the outputs that need it; links may run in circles."""
    found: dict[str, dict[str, None]] = {output: {output: None} for output in outputs if output in graph}
    todo = deque(found)
    while todo:
        node_id = todo.popleft()
        for source in sources(graph, node_id):
            known = found.setdefault(source, {})
            before = len(known)
            for output in found[node_id]:
                if len(known) < most:
                    known[output] = None
            if len(known) > before:
                todo.append(source)
    return {node_id: list(known) for node_id, known in found.items()}


def consumer_counts(graph: Graph, node_ids: Iterable[str]) -> Counter[str]:
    """How many of these nodes read from each node."""
    return Counter(source for node_id in node_ids for source in sources(graph, node_id))

"""Which nodes a run needs, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

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
        path: dict[str, list[str]] = {}  # nodes being visited -> the sources they still wait for
        todo = [output]
        while todo:
            node_id = todo[-1]
            if node_id in done:
                todo.pop()
                continue
            if node_id not in path:
                path[node_id] = [] if stop(node_id) else sources(graph, node_id)
            waiting = [source for source in path[node_id] if source not in done]
            if not waiting:
                done[node_id] = None
                del path[node_id]
                todo.pop()
            elif waiting[0] in path:
                chain = list(path)
                raise Cycle([*chain[chain.index(waiting[0]) :], waiting[0]][::-1])
            else:
                todo.append(waiting[0])
    return list(done)


def consumer_counts(graph: Graph, node_ids: Iterable[str]) -> Counter[str]:
    """How many of these nodes read from each node."""
    return Counter(source for node_id in node_ids for source in sources(graph, node_id))

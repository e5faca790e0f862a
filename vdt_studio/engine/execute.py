"""Runs graphs: sources before consumers, results shared through a cache or freed after their last reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ..errors import InvalidGraph, NodeError
from ..graph.records import ApiNode, Graph, Link
from ..registry import Registry
from ..runtime import ActiveRun, InterruptProcessingException, Preview, activate
from ..schema import Active
from .cache import NodeResult, ResultCache, signatures
from .call import call
from .events import Listener, NodeCached, NodeExecuted, NodeFailed, NodeProgress, NodeStarted
from .order import consumer_counts, execution_order
from .validate import validate


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run did: nodes executed and cached in order, and what they show by node id."""

    executed: tuple[str, ...]
    cached: tuple[str, ...]
    ui: Mapping[str, Mapping[str, Any]]


class Engine:
    """Executes graphs one at a time; with a cache, a run reuses what the one before it made."""

    def __init__(self, registry: Registry, *, cache: ResultCache | None = None) -> None:
        self.registry = registry
        self.cache = cache
        self._active: ActiveRun | None = None

    def interrupt(self) -> None:
        """Stop the run in progress at its next step; may be called from any thread."""
        if self._active is not None:
            self._active.interrupt()

    def run(
        self,
        graph: Graph,
        *,
        outputs: Sequence[str] | None = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
        listener: Listener = lambda event: None,
    ) -> RunResult:
        """Validate and execute a graph.

        Args:
            graph: any; with `outputs`, one that `validate` has returned.
            outputs: the nodes that are wanted; None validates and runs all.
            extra_pnginfo: what saved files carry beside the graph, such as the editor's form as "workflow".
            listener: told of every event, in the calling thread.

        Raises:
            InvalidGraph: the validation found something.
            NodeError: a node failed; its listener was told.
            InterruptProcessingException: `interrupt` was called.
        """
        if outputs is None:
            found = validate(graph, self.registry)
            if found.problems:
                raise InvalidGraph(found.problems)
            graph, outputs = found.graph, found.outputs
        run = _Run(self, graph, outputs, dict(extra_pnginfo or {}), listener)
        self._active = run.active
        try:
            with activate(run.active), torch.inference_mode():
                return run.execute()
        finally:
            self._active = None


class _Run:
    """The state of one run."""

    def __init__(
        self, engine: Engine, graph: Graph, outputs: Sequence[str], extra: dict[str, Any], listener: Listener
    ) -> None:
        self.active = ActiveRun(partial(_tell_progress, listener))  # no circle: results are freed with the run
        self._registry = engine.registry
        self._cache = engine.cache
        self._graph = graph
        self._outputs = outputs
        self._tell = listener
        self._results: dict[str, NodeResult] = {}
        self._signatures: dict[str, str] = {}
        self._hidden = {"PROMPT": graph.to_api(), "EXTRA_PNGINFO": extra}
        self._ui: dict[str, Mapping[str, Any]] = {}

    def execute(self) -> RunResult:
        cached = self._take_cached()
        order = execution_order(self._graph, self._outputs, stop=lambda node_id: node_id in self._results)
        executed = [node_id for node_id in order if node_id not in self._results]
        readers = consumer_counts(self._graph, executed)
        for node_id in executed:
            result = self._execute(self._graph[node_id])
            self._keep(node_id, result)
            if self._cache is None:
                self._release(node_id, readers)
        if self._cache is not None:
            self._cache.keep_only(self._signatures.values())
        return RunResult(executed=tuple(executed), cached=tuple(cached), ui=self._ui)

    def _take_cached(self) -> list[str]:
        """Results of the run before, for all nodes that have one."""
        if self._cache is None:
            return []
        order = execution_order(self._graph, self._outputs)
        self._signatures = signatures(self._graph, order, self._registry)
        for node_id in order:
            result = self._cache.results.get(self._signatures[node_id])
            if result is not None:
                self._results[node_id] = result
                self._show(node_id, result)
                self._tell(NodeCached(node_id=node_id, ui=result.ui))
        return list(self._results)

    def _keep(self, node_id: str, result: NodeResult) -> None:
        self._results[node_id] = result
        self._show(node_id, result)
        if self._cache is not None:
            self._cache.results[self._signatures[node_id]] = result

    def _show(self, node_id: str, result: NodeResult) -> None:
        if result.ui is not None:
            self._ui[node_id] = result.ui

    def _release(self, node_id: str, readers: dict[str, int]) -> None:
        """Free what nobody will read any more."""
        for source in {link.node_id for link in self._graph[node_id].links.values()}:
            readers[source] -= 1
            if not readers[source]:
                del self._results[source]
        if not readers[node_id]:
            del self._results[node_id]

    def _execute(self, node: ApiNode) -> NodeResult:
        self.active.check()
        self.active.node_id = node.id
        self._tell(NodeStarted(node_id=node.id))
        try:
            result = self._call(node)
        except (InterruptProcessingException, NodeError):
            raise
        except Exception as error:
            failure = NodeError(node.ref, error)
            self._tell(NodeFailed(node_id=node.id, error=failure))
            raise failure from error
        self._tell(NodeExecuted(node_id=node.id, ui=result.ui))
        return result

    def _call(self, node: ApiNode) -> NodeResult:
        known = self._registry.types[node.class_type]
        schema = known.schema()
        active = schema.active(node.inputs)
        function = known.bind(schema.hidden, {**self._hidden, "UNIQUE_ID": node.id})
        inputs = self._inputs(node, active)
        return call(lambda **values: function(**active.nested(values)), inputs, schema, takes_lists=known.takes_lists)

    def _inputs(self, node: ApiNode, active: Active) -> dict[str, list[Any]]:
        """Lists of values for the inputs the class knows; others in the file are left out."""
        known = {name: value for name, value in node.inputs.items() if name in active.specs}
        return {
            name: self._results[value.node_id].outputs[value.slot] if isinstance(value, Link) else [value]
            for name, value in known.items()
        }


def _tell_progress(listener: Listener, node_id: str, value: int, maximum: int, preview: Preview | None) -> None:
    listener(NodeProgress(node_id=node_id, value=value, maximum=maximum, preview=preview))

"""Damaged graphs of both forms: read, checked, overridden, written; none is run."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

from ..family import Family
from ..mutate import damaged_bytes, damaged_text, mutated
from ..outcomes import REFUSED, ROOT, LostError, check, is_line
from .material import open_studio

CORPUS = ("workflows/*.json", "tests/graphs/*/*.json", "subgraphs/*.json")
OVERRIDES = ("3.steps=20", "VDTSampler.seed=7", "Sampler.cfg=1e999", "SaveVideo.filename_prefix=../x", "1.value=[1]")


class Graphs(Family):
    name = "graphs: read and checked"
    small = 500
    full = 9000
    piece = 3000

    def prepare(self, folder: Path) -> Any:
        studio = open_studio(folder / "studio")
        texts = [path.read_text(encoding="utf-8") for pattern in CORPUS for path in sorted(ROOT.glob(pattern))]
        return studio, [json.loads(text) for text in texts], folder / "graph.json"

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        studio, graphs, path = shared
        graph = rng.choice(graphs)
        kind = rng.random()
        if kind < 0.15:
            path.write_bytes(damaged_bytes(json.dumps(graph).encode(), rng))
            workflow = studio.load(path, [])
        elif kind < 0.25:
            path.write_text(json.dumps(graph))
            workflow = studio.load(path, [damaged_text(rng.choice(OVERRIDES), rng)])
        elif kind < 0.3:
            return _laid_out(mutated(graph, rng), path)
        elif kind < 0.5:
            workflow = _read(_edited(graph, graphs, rng), studio)
        else:
            workflow = _read(mutated(graph, rng), studio)
        return _checked(workflow, studio)


def _edited(graph: Any, graphs: list[Any], rng: random.Random) -> Any:
    """A graph as a hasty artist leaves it: nodes bypassed, muted, deleted, replaced; or wrapped as requests wrap it."""
    if "nodes" not in graph:
        return {
            "prompt": graph,
            "extra_data": {"extra_pnginfo": {"workflow": mutated(rng.choice(graphs), rng, most=1)}},
        }
    graph = copy.deepcopy(graph)
    for node in rng.sample(graph["nodes"], min(3, len(graph["nodes"]))):
        kind = rng.randrange(6)
        if kind < 2:
            node["mode"] = rng.choice((2, 4, 4))
        elif kind == 2:
            node["type"] = rng.choice(("Reroute", "PrimitiveNode", "Note", "MarkdownNote", "VDTMask", "KSampler"))
        elif kind == 3:
            graph["nodes"].remove(node)
        elif kind == 4:
            values = node.get("widgets_values")
            if isinstance(values, list):
                node["widgets_values"] = dict(zip(("steps", "seed", "task", "given"), values, strict=False))
                node["widgets_values_named"] = {f"a{n}": value for n, value in enumerate(values)}
        else:
            rng.shuffle(node.get("widgets_values") if isinstance(node.get("widgets_values"), list) else [])
    return graph


def _read(data: Any, studio: Any) -> Any:
    from vdt_studio.graph import read_workflow

    return read_workflow(data, studio.registry)


def _laid_out(graph: Any, path: Path) -> str | None:
    """A file is written over with its graph laid out, or stays as it was."""
    from vdt_studio.graph.layout import lay_out_file

    before = json.dumps(graph)
    path.write_text(before)
    try:
        lay_out_file(path)
    except ValueError:
        if path.read_text() != before:
            raise LostError("the graph that was there is no longer as it was") from None
        raise
    check(len(json.loads(path.read_text())["nodes"]) == len(graph["nodes"]), "every node has a place")
    return None


def _checked(workflow: Any, studio: Any) -> str | None:
    from vdt_studio.engine import validate
    from vdt_studio.server.wire import node_errors

    found = validate(workflow.graph, studio.registry)
    json.dumps(found.graph.to_api())
    json.dumps(node_errors(workflow.graph, found.problems, [node.id for node in workflow.graph]))
    for problem in found.problems:
        check(is_line(problem), f"a sentence about {problem.kind}: {str(problem)[:2000]!r}")
    if found.problems:
        return REFUSED
    written = json.loads(json.dumps(workflow.graph.to_api()))
    check(_read(written, studio).graph.to_api() == written, "a graph survives being written")
    return None

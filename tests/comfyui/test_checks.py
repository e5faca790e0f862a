"""The mistakes of tests/nodes/test_checks.py in a real server: it marks the same node, with the same sentence."""

import importlib.util
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytestmark = [pytest.mark.comfy, pytest.mark.slow, pytest.mark.timeout(900)]

TABLE = Path(__file__).parents[1] / "nodes/test_checks.py"


def table():
    spec = importlib.util.spec_from_file_location("vdt_checks_table", TABLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def errors(server, prompt):
    """{node: [details]} of a prompt that is refused; it must be, else it would run."""
    data = json.dumps({"prompt": prompt}).encode()
    query = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/prompt", data=data, headers={"Content-Type": "application/json"}
    )
    try:
        urllib.request.urlopen(query, timeout=60).close()
    except urllib.error.HTTPError as refused:
        answer = json.loads(refused.read())
        return {node: [error["details"] for error in of["errors"]] for node, of in answer["node_errors"].items()}
    return {}


def graph(mistakes, changed, inputs):
    """The graph with one mistake, and with no output but one that needs it, so that nothing runs."""
    nodes = {key: {"class_type": kind, "inputs": dict(of)} for key, (kind, of) in mistakes.NODES.items()}
    for name, value in inputs.items():
        if value is mistakes.GONE:
            del nodes[changed]["inputs"][name]
        else:
            nodes[changed]["inputs"][name] = value
    needed = f"shown_{changed}" if changed in ("keyframes", "outpaint") else "shown"
    return {key: of for key, of in nodes.items() if not key.startswith("shown") or key == needed}


def test_a_mistake_is_found_on_its_node_before_anything_runs(server):
    mistakes, wrong = table(), []
    for changed, inputs, part in mistakes.WRONG:
        found = errors(server, graph(mistakes, changed, inputs))
        if set(found) != {changed} or not any(part in text for text in found[changed]):
            wrong.append((changed, inputs, found))
    assert wrong == []

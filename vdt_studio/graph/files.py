"""Workflow files as JSON values, whatever form of a graph they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import GraphError
from ..limits import MAX_TEXT


def read_json(path: Path) -> Any:
    """What a JSON file holds; GraphError says in one sentence why it cannot be read."""
    try:
        if path.stat().st_size > MAX_TEXT:
            raise GraphError(
                f"{path} has {path.stat().st_size >> 20} MiB, expected a graph of at most {MAX_TEXT >> 20}"
            )
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise GraphError(f"no such file: {path}") from error
    except OSError as error:
        raise GraphError(f"cannot read {path}: {error.strerror}") from error
    except GraphError:
        raise
    except ValueError as error:
        raise GraphError(f"{path} is not a JSON file: {error}") from error
    except RecursionError as error:
        raise GraphError(f"{path} is not a workflow: its lists and objects stand too deep within each other") from error

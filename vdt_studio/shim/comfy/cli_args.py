"""`comfy.cli_args`: the options of the command line that node files ask for."""

from __future__ import annotations

from types import SimpleNamespace

args = SimpleNamespace(disable_metadata=False)

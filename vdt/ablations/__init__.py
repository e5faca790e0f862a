"""Comparisons of trained models: a grid of runs at equal budgets, trained, measured and drawn.

What lives here plans, starts and reads runs; training and measuring are done by the commands that users have.
"""

from .grid import Grid, Run, read_grid
from .queue import run_grid
from .records import RunRecord, read_records

__all__ = ["Grid", "Run", "RunRecord", "read_grid", "read_records", "run_grid"]

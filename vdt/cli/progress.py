"""Progress of long work on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..diffusion import StepInfo


@contextmanager
def sampling_bar(name: str) -> Iterator[Callable[[StepInfo], None]]:
    """A bar with time left, and the callback that moves it with the steps of a sampler."""
    from tqdm import tqdm

    with tqdm(desc=name, unit="step", disable=None) as bar:

        def show(info: StepInfo) -> None:
            bar.total = info.num_steps
            bar.update(info.step - bar.n)

        yield show

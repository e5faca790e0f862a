"""How long a run of several windows takes and how much memory it needs, printed before the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...inference.pipeline import Pipeline
    from ...inference.settings import GenerationConfig


def estimate_line(
    pipeline: Pipeline,
    size: tuple[int, int],
    generation: GenerationConfig,
    *,
    count: int | None,
    coded: int,
    held: int = 0,
) -> str:
    """Such as "; about 3 min and 0.4 GiB", after refusing what cannot fit; see `estimate_run` for the numbers.

    Nothing for one window; where their number is not known, what each takes.
    """
    from ...inference.estimate import estimate_run, run_bytes
    from ...inference.memory import check_memory

    check_memory(run_bytes(pipeline, size, generation.sampling, generation.windows, held=held))
    if count is not None and count < 2:
        return ""
    estimate = estimate_run(
        pipeline, size, generation.sampling, generation.windows, count=count or 1, coded=coded, held=held
    )
    return f"; {estimate.describe()}{' for each window' if count is None else ''}"

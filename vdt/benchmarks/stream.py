"""Resident memory while a long video is read, extended or slowed down, and written, in its own process."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.figures import new_figure, save_figure
from ..inference.pipeline import Pipeline
from ..inference.settings import GenerationConfig, SamplingConfig
from ..inference.streaming import extend_frames, slow_frames
from ..media.video import read_frames, write_video
from .memory import MEBI, resident_bytes

EVERY = 20  # frames between two readings
SAMPLING = SamplingConfig(steps=2, sampler="ddim", spacing="even", text_guidance=1.0)  # more steps need the same memory


def bench_stream(*, size: int = 64, frames: int = 2000, every: int = 0) -> dict[str, Any]:
    """Resident MiB against frames written: the first half is a video, the second half its extension.

    With `every` it is slow motion instead: about one frame in so many is one of the video.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        readings = pool.submit(_readings, size, frames, every).result()
    return {
        "size": size,
        "every": every,
        "frames": [frame for frame, _ in readings],
        "rss_mib": [mib for _, mib in readings],
    }


def stream_table(record: dict[str, Any]) -> str:
    """Markdown: memory at a few frames, and how much it varies after the first window."""
    frames, memory = record["frames"], record["rss_mib"]
    low, high = relative_range(record)
    start = _after_first_window(record)
    shown = sorted({0, start - 1, start + 1, len(frames) - 1})
    lines = ["| frames written | resident, MiB |", "|---|---|"]
    lines += [f"| {frames[index]} | {memory[index]:.0f} |" for index in shown]
    return "\n".join([*lines, "", f"After the first window: {low:+.1%} to {high:+.1%}.", ""])


def relative_range(record: dict[str, Any]) -> tuple[float, float]:
    """The least and the most resident memory after the first generated window, relative to that just after it."""
    later = np.array(record["rss_mib"][_after_first_window(record) :])
    return float(later.min() / later[0] - 1), float(later.max() / later[0] - 1)


def plot_stream(record: dict[str, Any], path: Path) -> None:
    """Resident memory against frames, with a band of 5 % around that after the first window."""
    figure, (axis,) = new_figure(1)
    frames, memory = np.array(record["frames"]), np.array(record["rss_mib"])
    after = memory[_after_first_window(record)]
    axis.plot(frames, memory, color="#e0701a")
    axis.axhspan(0.95 * after, 1.05 * after, alpha=0.15, color="#7a7a7a", label="5 % around the first window")
    if not record.get("every"):
        axis.axvline(frames[-1] / 2, color="#7a7a7a", linestyle=":", label="read before, generated after")
    axis.set(xlabel="frames written", ylabel="resident memory, MiB", ylim=(0, 1.3 * memory.max()))
    axis.grid(alpha=0.25)
    axis.legend(frameon=False, loc="lower right")
    save_figure(figure, path)


def _after_first_window(record: dict[str, Any]) -> int:
    """The reading after the first generated window; slow motion begins with one."""
    return 1 if record.get("every") else len(record["frames"]) // 2 + 1


def _readings(size: int, frames: int, every: int) -> list[tuple[int, float]]:
    config = GenerationConfig(sampling=SAMPLING)
    pipeline = Pipeline.from_pretrained(device="cpu")
    found: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.mp4", Path(folder) / "out.mp4"
        write_video(source, _moving(size, (frames - 1) // every + 1 if every else frames - frames // 2), 20)
        if every:
            made = slow_frames(pipeline, read_frames(source), every=every, config=config)
        else:
            made = extend_frames(pipeline, read_frames(source), after=frames // 2, config=config)
        write_video(target, _measured(made, found), 20)
    return found


def _moving(size: int, frames: int) -> Iterator[np.ndarray]:
    """A bright square that crosses a dark picture again and again."""
    for index in range(frames):
        frame = np.full((size, size, 3), 60, np.uint8)
        left = index % (size - size // 4)
        frame[size // 2 : size // 2 + size // 4, left : left + size // 4] = (230, 140, 30)
        yield frame


def _measured(frames: Iterable[np.ndarray], found: list[tuple[int, float]]) -> Iterator[np.ndarray]:
    for index, frame in enumerate(frames):
        yield frame
        if (index + 1) % EVERY == 0:
            found.append((index + 1, resident_bytes() / MEBI))

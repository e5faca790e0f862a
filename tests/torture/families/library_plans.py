"""Plans: windows of long clips, clips from sources, requests of the command line, estimates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ..family import HypothesisFamily
from ..outcomes import check
from .library import frame_list, mostly, numbers, reals, small

bits = st.lists(st.booleans(), min_size=1, max_size=60)
length = st.one_of(st.integers(1, 40), numbers)
size = st.one_of(st.tuples(st.integers(1, 80), st.integers(1, 80)), st.tuples(numbers, numbers))
fits = mostly(st.sampled_from(["crop", "fit", "stretch"]))
SETTINGS = {"predict": "given", "backward": "given", "interpolate": "every", "image_to_video": "frame"}
CASES = {
    "windows": st.tuples(bits, st.tuples(small, small), st.booleans(), st.booleans()),
    "clip": st.tuples(length, size, fits, reals, st.tuples(st.integers(0, 40), st.integers(1, 80), reals)),
    "pick": st.tuples(st.integers(1, 60), st.floats(0.1, 60), st.integers(1, 40), reals, reals),
    "size": st.tuples(st.tuples(small, small), st.tuples(st.integers(1, 80), st.integers(1, 80))),
    "request": st.tuples(
        st.sampled_from([*SETTINGS, "frames", "spatial", "unconditional"]),
        st.fixed_dictionaries(
            {},
            optional={
                "setting": st.one_of(small, frame_list),
                "frames": st.one_of(st.integers(1, 40), numbers),
                "size": size,
                "fps": reals,
                "start": reals,
            },
        ),
        st.one_of(st.none(), st.tuples(st.integers(0, 40), st.floats(0, 60))),
    ),
    "estimate": st.tuples(size, st.tuples(small, small, small), st.integers(0, 100), st.integers(0, 10**6)),
    "counts": st.tuples(small, st.one_of(small, st.integers(0, 300)), small, st.tuples(small, small)),
}


class Plans(HypothesisFamily):
    name = "library: windows, plans, estimates"
    small = 1000
    full = 8000
    piece = 2000

    def prepare(self, folder: Path) -> Any:
        from .material import tiny_pipeline

        return tiny_pipeline()

    def strategy(self, shared: Any) -> Any:
        return st.one_of([st.tuples(st.just(name), drawn) for name, drawn in CASES.items()])

    def example(self, shared: Any, drawn: Any) -> None:
        name, values = drawn
        tries = {
            "windows": try_windows,
            "clip": try_clip,
            "pick": try_pick,
            "size": try_size,
            "request": try_request,
            "estimate": try_estimate,
            "counts": try_counts,
        }
        tries[name](shared, *values)


def try_windows(pipeline: Any, given: list[bool], numbers: Any, pad: bool, part: bool) -> None:
    import torch

    from vdt.inference.settings import WindowConfig
    from vdt.inference.windows import plan_windows

    cells = ~torch.tensor(given)[:, None, None].repeat(1, 2, 2)
    if part:
        cells[0, 0, 0] ^= True
    windows = WindowConfig(frames=numbers[0], overlap=numbers[1]).resolve(pipeline.model.config)
    plan = plan_windows(cells, windows, pad_short_clips=pad)
    made = [frame for window in plan for frame in window.makes if 0 <= frame < len(given)]
    wanted = cells.flatten(1).any(1).nonzero().flatten().tolist()
    check(sorted(made) == wanted, f"each frame is generated once: {made} of {wanted}")
    known = {frame for frame in range(len(given)) if frame not in wanted}
    for number, window in enumerate(plan):
        check(list(window.frames) == sorted(set(window.frames)), "frames of a window in order")
        check(len(window.frames) <= max(windows.frames, len(given) if len(given) <= windows.frames else 0), "its size")
        check(len(window.cells(cells)) == len(window.frames), "cells of each frame")
        check(bool(number == 0 or not known or known & set(window.frames)), "a window sees something known")
        known |= set(window.makes)


def try_clip(pipeline: Any, length: int, size: Any, fit: Any, fps: Any, source: Any) -> None:
    import numpy as np

    from vdt.bounds import check_clip
    from vdt.masks.clip_plan import Source, check_given, describe_clip, fit_size, plan_clip

    there = Source(num_frames=source[0], height=source[1], width=source[1] + 3, fps=source[2])
    plan = plan_clip(there, length=length, size=fit_size(size, (there.height, there.width)), fit=fit, fps=fps)
    check(bool(describe_clip(plan, there)), "a plan in words")
    check_clip(plan.num_frames, (plan.height, plan.width))
    if plan.num_frames * plan.height * plan.width > 10**6:
        return
    frames = plan.place(np.full((there.num_frames, plan.height, plan.width, 3), 7, np.uint8))
    mask = plan.mask()
    check(frames.shape[:3] == tuple(mask.shape), "frames and mask of one size")
    check(bool((frames[~mask.numpy()] == 7).all()), "given pixels are those of the source")
    check_given(frames, mask)


def try_pick(pipeline: Any, count: int, rate: float, length: int, fps: Any, start: Any) -> None:
    from vdt.masks.clip_plan import pick_frames

    picked = pick_frames(count, rate, length=length, fps=fps, start=start)
    check(1 <= len(picked) <= length and picked == sorted(picked), "as many as asked for at most, in order")
    check(picked[0] >= 0 and picked[-1] < count, "frames of the clip")


def try_size(pipeline: Any, size: Any, source: Any) -> None:
    from vdt.masks.clip_plan import fit_size

    fit_size(size, source)


def try_request(pipeline: Any, task: str, values: dict[str, Any], source: Any) -> None:
    from vdt.cli.generate.plan import make_plan
    from vdt.cli.generate.requests import GenerateRequest
    from vdt.masks.clip_plan import Source

    if task in SETTINGS and isinstance(values.get("setting"), str):
        values = {**values, "setting": len(values["setting"])}  # as argparse would
    if task == "frames" and isinstance(values.get("setting"), int):
        values = {**values, "setting": str(values["setting"])}
    if task == "spatial":
        values = {**values, "setting": Path("mask.png")}
    there = None if source is None else Source(num_frames=source[0], height=40, width=48, fps=source[1])
    plan = make_plan(pipeline.model.config, GenerateRequest(task=task, **values), there)
    check(len(plan.positions) == len(plan.sources), "a source for each given frame")
    check(all(0 <= place < plan.num_frames for place in plan.positions), "given frames lie in the clip")
    check(all(0 <= place < max(1, source[0] if source else 1) for place in plan.sources), "sources lie in the file")
    check(bool(plan.describe()), "a plan in words")


def try_estimate(pipeline: Any, size: Any, windows: Any, count: int, held: int) -> None:
    from vdt.diffusion import SamplingConfig
    from vdt.inference.estimate import run_bytes
    from vdt.inference.memory import check_frames, check_memory
    from vdt.inference.settings import WindowConfig

    check_frames(count, size)
    made = WindowConfig(frames=windows[0], overlap=windows[1], tile=windows[2])
    needed = run_bytes(pipeline, size, SamplingConfig(), made, held=held)
    check(needed > 0, "a run takes memory")
    check_memory(needed)


def try_counts(pipeline: Any, before: int, count: int, after: int, numbers: Any) -> None:
    from vdt.inference.settings import WindowConfig
    from vdt.inference.streaming import count_slow_windows, count_windows

    windows = WindowConfig(frames=numbers[0], overlap=numbers[1]).resolve(pipeline.model.config)
    before, after, count = max(0, before), max(0, after), max(1, count)
    check(count_windows(before, count, after, windows) >= 1, "new frames take a window or more")
    check(count_slow_windows(before + 2, every=after + 2, windows=windows) >= 1, "slow motion too")

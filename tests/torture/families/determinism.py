"""The same seed makes the same clip: again, in another process, with other threads, batches, chunks and hosts."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..family import Family
from ..outcomes import ROOT, BrokenPromiseError, check
from .material import square

KINDS = ("again", "process", "threads", "batch", "chunks", "lengths")
# What may differ where work is cut in another way: floats are added in another order.
LATENTS = 2e-3  # largest difference of a raw latent, whose deviation is about 1
LEVELS = 2  # largest difference of a pixel, of 255
HELD_LEVELS = 8  # the same where the threshold of the static background hold decides
SHARE = 1e-3  # of all pixels' values, held ones too, that differ by more than one level
SCRIPT = """
import json, sys
from tests.torture.families.determinism import made
print(json.dumps(made(*json.loads(sys.argv[1]))))
"""


def clip_of(seed: int, given: int, name: str, steps: int, *, hold: bool = True) -> Any:
    """A clip of the bundled model, with or without the static background hold."""
    import vdt
    from vdt.diffusion import SamplingConfig
    from vdt.inference.settings import CompositingConfig

    frames = square(16, 64, 64, shade=40 + seed % 100)
    return _pipeline()(
        frames,
        vdt.masks.predict(frames, given=given),
        seed=seed,
        sampling=SamplingConfig.named(name, steps=steps),
        compositing=CompositingConfig() if hold else CompositingConfig(static_background=0),
    )


def made(seed: int, given: int, name: str, steps: int) -> list[str]:
    """Digests of its latents and of its frames."""
    clip = clip_of(seed, given, name, steps)
    return [hashlib.sha256(data).hexdigest() for data in (clip.latents.numpy().tobytes(), clip.frames.tobytes())]


_loaded: list[Any] = []


def _pipeline() -> Any:
    if not _loaded:
        import torch

        import vdt

        torch.set_num_threads(1)
        _loaded.append(vdt.Pipeline.from_pretrained(device="cpu"))
    return _loaded[0]


class Determinism(Family):
    name = "determinism"
    small = 6
    full = 90
    piece = 120
    seconds = 600.0

    def prepare(self, folder: Path) -> Any:
        _pipeline()
        return None

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        kind = KINDS[number % len(KINDS)]
        settings = (rng.randrange(2**63), rng.choice((1, 4, 8)), rng.choice(("dpmpp_2m_quad", "ddim", "ancestral")), 3)
        if kind == "again":
            check(made(*settings) == made(*settings), "a clip that is made again is the same, bit for bit")
        elif kind == "process":
            check(_elsewhere(settings) == made(*settings), "another process makes the same clip, bit for bit")
        elif kind == "threads":
            threads = rng.choice((2, 3, 4))
            _near_with_hold_or_without(kind, lambda hold: _with_threads(threads, settings, hold), settings)
        elif kind == "chunks":
            frames = rng.choice((1, 2, 3, 5))
            _near_with_hold_or_without(kind, lambda hold: _in_chunks(frames, settings, hold), settings)
        elif kind == "batch":
            _batches(rng)
        else:
            _lengths(rng)
        return None


def _near_with_hold_or_without(kind: str, again: Callable[[bool], Any], settings: tuple[Any, ...]) -> None:
    """Within the bounds as the model and the autoencoder make it, and with the hold."""
    _near(kind, again(False), clip_of(*settings, hold=False))
    one, other = again(True), clip_of(*settings)
    _near(f"{kind}, held", one, other, HELD_LEVELS)
    share = float((abs(one.frames.astype(int) - other.frames) > 1).mean())
    check(share <= SHARE, f"{kind}, held: {share:.2%} of the pixels differ by more than 1")


def _near(kind: str, one: Any, other: Any, most: int = LEVELS) -> None:
    """Within the bounds."""
    latents = float((one.latents - other.latents).abs().max())
    levels = int(abs(one.frames.astype(int) - other.frames).max())
    check(latents <= LATENTS and levels <= most, f"{kind}: latents differ by {latents:.2g}, pixels by {levels}")


def _elsewhere(settings: tuple[Any, ...]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(settings)], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise BrokenPromiseError(done.stderr[-2000:])
    return list(json.loads(done.stdout.splitlines()[-1]))


def _with_threads(count: int, settings: tuple[Any, ...], hold: bool) -> Any:
    import torch

    torch.set_num_threads(count)
    try:
        return clip_of(*settings, hold=hold)
    finally:
        torch.set_num_threads(1)


def _in_chunks(count: int, settings: tuple[Any, ...], hold: bool) -> Any:
    """The autoencoder sees so many frames at a time."""
    from vdt.inference import codec

    before = codec.frames_at_once
    codec.frames_at_once = lambda height, width: count
    try:
        return clip_of(*settings, hold=hold)
    finally:
        codec.frames_at_once = before


def _batches(rng: random.Random) -> None:
    """Clips of a batch are those that are made alone, in whatever order they stand."""
    import vdt

    pipeline = _pipeline()
    clips = [square(16, 64, 64, shade=20 + 30 * number) for number in range(3)]
    seeds = [rng.randrange(2**63) for _ in clips]
    mask = vdt.masks.predict(clips[0], given=4)
    order = rng.sample(range(3), 3)
    together = pipeline.generate_batch(clips, mask, seeds=seeds)
    shuffled = pipeline.generate_batch([clips[n] for n in order], mask, seeds=[seeds[n] for n in order])
    for place, number in enumerate(order):
        _near("batch order", shuffled[place], together[number])
        _near("batch size", pipeline(clips[number], mask, seed=seeds[number]), together[number])


def _lengths(rng: random.Random) -> None:
    """A clip that is extended further begins as the shorter one did, bit for bit."""
    import numpy as np

    from vdt.inference.settings import GenerationConfig

    frames, config = square(8, 64, 64), GenerationConfig(seed=rng.randrange(2**63))
    short, long = rng.sample((5, 8, 12, 20), 2)
    one = np.stack(list(_pipeline().extend(frames, after=min(short, long), config=config)))
    other = np.stack(list(_pipeline().extend(frames, after=max(short, long), config=config)))
    check(np.array_equal(one[: len(frames)], frames), "given frames come back bit for bit")
    check(np.array_equal(other[: len(one)], one), "a longer clip begins as a shorter one")

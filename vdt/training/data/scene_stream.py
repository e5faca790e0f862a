"""Scenes that are simulated, drawn and encoded while a model trains: the newest ones of an endless row of seeds.

What a step learns from depends on its number alone, never on how fast the machine is, so that a run resumes exactly.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...inference.memory import check_memory
from ...media.frames import levels_to_pixels
from ...models.frame_autoencoder import FrameAutoencoder
from ...physics.language import SceneFacts, all_facts, captions, facts_of_windows
from ...physics.scenes import cast_frames, seeds_of, simulate
from ..recipe import DataRecipe
from .latents import LatentClips, LatentSet

CHUNK = 64  # scenes that are drawn and encoded together
FRAMES_AT_ONCE = {"cpu": 16, "cuda": 2048}  # encoded
TASK = 8  # scenes that a process makes at once

Scene = tuple[NDArray[np.uint8], list[SceneFacts | None]]  # frames (T, H, W, 3), and the facts of each window


class SceneStream:
    """The newest `recipe.clips` scenes of a split as raw latents float16 (N, T, C, h, w), each before its mirror image.

    Several processes simulate and draw ahead; whoever asks for a set encodes. Every set brings `per_set` new scenes.
    `texts` is the number of frames that a model which reads captions sees, 0 for one that reads none.
    """

    def __init__(
        self, recipe: DataRecipe, vae: FrameAutoencoder, device: torch.device, *, per_set: float, texts: int = 0
    ) -> None:
        bucket = recipe.shapes[0]
        self.vae, self.device, self.per_set, self.texts = vae, device, per_set, texts
        self.size, self.num_frames = bucket.size, bucket.frames
        self.at_first, self.capacity = (-(-count // CHUNK) * CHUNK for count in (recipe.first, recipe.clips))
        self.versions = 2 if recipe.flip else 1
        side = self.size // vae.config.downscale
        shape = (self.capacity, self.versions, self.num_frames, vae.config.z_channels, side, side)
        if device.type == "cpu":  # a GPU says itself what it lacks
            check_memory(2 * math.prod(shape))
        self._ring = torch.zeros(shape, dtype=torch.float16, device=device)
        self.windows = max(1, self.num_frames - texts + 1) if texts else 1
        self._captions: list[Sequence[str]] = [()] * (self.capacity * self.versions * self.windows)
        self._scenes = Scenes(seeds_of(recipe.split), _Make(size=self.size, num_frames=self.num_frames, window=texts))
        self.made = 0  # scenes so far
        self.step = 0  # of the next set

    def next_set(self, weight: float = 1.0) -> LatentSet:
        """What there is to draw from at this step; the next call is the next step."""
        self.go_to(scenes_at(self.step, self.per_set, self.at_first))
        self.step += 1
        count = min(self.made, self.capacity)
        captions = self._captions if self.texts else []
        latents = self._ring[:count].flatten(0, 1)
        return LatentSet(latents=latents, captions=captions, windows=self.windows, weight=weight)

    def first(self) -> Tensor:
        """The latents (N, T, C, h, w) that are there before the first step."""
        self.go_to(self.at_first)
        return self._ring[: self.at_first].flatten(0, 1)

    def validation(self, count: int) -> Tensor:
        """The first clips of the validation split, uint8 (n, T, H, W, 3)."""
        motions = [simulate(seed, num_frames=self.num_frames) for seed in seeds_of("val")[:count]]
        return cast_frames(motions, size=self.size, device=self.device)

    def go_to(self, made: int) -> None:
        """Let the newest scenes be those before the `made`-th, a whole number of chunks."""
        for first in range(max(self.made, made - self.capacity), made, CHUNK):
            scenes = self._scenes.take(first, CHUNK)
            frames = torch.from_numpy(np.stack([frames for frames, _ in scenes])).to(self.device)
            place = first % self.capacity
            for version, clips in enumerate((frames, frames.flip(3))[: self.versions]):
                self._ring[place : place + CHUNK, version] = self.encode(clips)
            for offset, (_, facts) in enumerate(scenes):
                self._tell(place + offset, facts)
            self.made = first + CHUNK

    def _tell(self, scene: int, facts: Sequence[SceneFacts | None]) -> None:
        """Set the captions of all windows of a scene and of its mirror image."""
        for start, each in enumerate(facts):
            versions = (each, each and each.mirrored())[: self.versions]
            for version, said in enumerate(versions):
                place = (scene * self.versions + version) * self.windows + start
                self._captions[place] = captions(said) if said else ()

    def close(self) -> None:
        """End the processes."""
        self._scenes.close()

    @torch.no_grad()
    def encode(self, clips: Tensor) -> Tensor:
        """Latents float16 (n, T, C, h, w), raw, of clips uint8 (n, T, H, W, 3)."""
        at_once = FRAMES_AT_ONCE.get(self.device.type, FRAMES_AT_ONCE["cpu"])
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            pixels = map(levels_to_pixels, clips.flatten(0, 1).split(at_once))
            parts = [self.vae.encode(part.contiguous(memory_format=torch.channels_last)).mean.half() for part in pixels]
        return torch.cat(parts).unflatten(0, clips.shape[:2])


@dataclass(frozen=True, kw_only=True)
class _Make:
    """How scenes are made: square pictures, and facts of the windows of so many frames, none where that is 0."""

    size: int
    num_frames: int
    window: int = 0

    def __call__(self, seeds: range) -> list[Scene]:
        motions = [simulate(seed, num_frames=self.num_frames) for seed in seeds]
        frames = cast_frames(motions, size=self.size).numpy()
        facts = [facts_of_windows(motion, self.window) if self.window else [] for motion in motions]
        return list(zip(frames, facts, strict=True))


class Scenes:
    """Pictures and facts of seeds in their order, from processes that work ahead of what is taken."""

    def __init__(self, seeds: range, make: _Make) -> None:
        self.seeds, self.make = seeds, make
        workers = max(1, (os.cpu_count() or 2) - 1)
        self._ahead = 2 * CHUNK + TASK * workers
        # spawn: a fork of a process that holds OpenMP threads can hang.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread)
        self._waiting: deque[Future[list[Scene]]] = deque()
        self._next = self._asked = 0  # the scene after the last one taken, and after the last one asked for

    def take(self, first: int, count: int) -> list[Scene]:
        """Those of `count` scenes, a multiple of TASK, from the first-th on."""
        if first != self._next:
            for future in self._waiting:
                future.cancel()
            self._waiting.clear()
            self._next = self._asked = first
        while self._asked < min(first + count + self._ahead, len(self.seeds)):
            self._waiting.append(self._pool.submit(self.make, self.seeds[self._asked : self._asked + TASK]))
            self._asked += TASK
        self._next = first + count
        if len(self._waiting) * TASK < count:
            raise ValueError(f"all {len(self.seeds)} scenes of the split have been drawn: lower steps or data.fresh")
        return [scene for _ in range(count // TASK) for scene in self._waiting.popleft().result()]

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _one_thread() -> None:
    """Each of the processes has a core, which it leaves to the training where that needs it."""
    torch.set_num_threads(1)
    if hasattr(os, "nice") and multiprocessing.parent_process() is not None:
        os.nice(10)


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamedClips(LatentClips):
    """The clips of a stream; `latents` are its first ones, `captions` all that there can be."""

    stream: SceneStream

    def draw_set(self, generator: torch.Generator) -> LatentSet:
        """What the stream has at this step."""
        return self.stream.next_set(self.weight)

    def start_at(self, step: int) -> None:
        """Let the next set be that of a step."""
        self.stream.step = step


def scenes_at(step: int, per_set: float, first: int) -> int:
    """How many scenes there have been when a step begins, `first` at the beginning: whole chunks."""
    return (first + int(step * per_set)) // CHUNK * CHUNK


def every_caption() -> list[tuple[str, ...]]:
    """All captions that a scene can have."""
    return [captions(facts) for facts in all_facts()]

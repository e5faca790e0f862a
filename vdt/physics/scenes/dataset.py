"""Many scenes at once: worker processes render them, a disk cache keeps them."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...media.files import atomic_path
from .offscreen import import_mujoco
from .render import SceneClip, render_scene
from .spec import FAMILIES, SCENES_VERSION, Family, seeds_of

SHARD = 16  # scenes in one cache file
CACHE_VERSION = 2  # of what a cache file holds of a scene: raise it when a field is added
CHUNK = 512  # scenes at once in memory
MAX_WORKERS = 61  # Windows waits for no more


def default_cache() -> Path:
    """Folder of the scene cache: $VDT_CACHE or ~/.cache/vdt."""
    return Path(os.environ.get("VDT_CACHE", Path.home() / ".cache" / "vdt"))


def scene_seeds(split: str, count: int, *, families: Sequence[Family] | None = None, start: int = 0) -> list[int]:
    """The first `count` seeds of a split from its `start`-th scene on, families taking turns.

    Raises ValueError for an unknown split or family, and for more scenes than a split holds.
    """
    every = seeds_of(split)
    wanted = set(families or FAMILIES)
    if unknown := sorted(wanted - set(FAMILIES)):
        raise ValueError(f"unknown scene families {unknown}, expected some of {', '.join(FAMILIES)}")
    seeds = (seed for seed in every[start:] if FAMILIES[seed % len(FAMILIES)] in wanted)
    chosen = list(islice(seeds, count))
    if count < 1 or len(chosen) < count:
        raise ValueError(f"asked for {count} scenes of split {split!r} from number {start}: it holds {len(chosen)}")
    return chosen


def load_clips(
    split: str,
    count: int,
    *,
    size: int = 64,
    num_frames: int = 16,
    families: Sequence[Family] | None = None,
    start: int = 0,
    workers: int | None = None,
    cache: Path | None = None,
    progress: bool = True,
) -> list[SceneClip]:
    """`count` clips of a split, from the cache where they are in it and rendered into it where they are not."""
    seeds = scene_seeds(split, count, families=families, start=start)
    return list(stream_clips(seeds, size=size, num_frames=num_frames, workers=workers, cache=cache, progress=progress))


def stream_clips(
    seeds: Sequence[int],
    *,
    size: int,
    num_frames: int,
    workers: int | None = None,
    cache: Path | None = None,
    progress: bool = True,
) -> Iterator[SceneClip]:
    """The clips of some seeds in rising order, one after another: many of them may not fit the memory."""
    folder = (cache or default_cache()) / f"scenes-v{SCENES_VERSION}.{CACHE_VERSION}-{size}x{num_frames}"
    shards = sorted({seed // SHARD for seed in seeds})
    wanted = set(seeds)
    bar = tqdm(total=len(shards) * SHARD, unit="scene", desc="scenes", disable=not progress or len(shards) < 2)
    with bar:
        for shard in _load_shards(folder, shards, size, num_frames, workers):
            yield from (clip for clip in shard if clip.seed in wanted)
            bar.update(SHARD)


def scene_clips(split: str, count: int, *, size: int, num_frames: int, cache: Path | None = None) -> np.ndarray:
    """Scenes without their annotations, uint8 (N, T, H, W, 3)."""
    scenes = stream_clips(scene_seeds(split, count), size=size, num_frames=num_frames, cache=cache)
    clips = np.empty((count, num_frames, size, size, 3), np.uint8)  # one copy only: many scenes fill the memory
    for index, scene in enumerate(scenes):
        clips[index] = scene.frames
    return clips


def scene_chunks(
    split: str, count: int, *, size: int, num_frames: int, cache: Path | None = None
) -> Iterator[np.ndarray]:
    """The same in pieces (n, T, H, W, 3), for what does not need them all at once."""
    scenes = stream_clips(scene_seeds(split, count), size=size, num_frames=num_frames, cache=cache, progress=False)
    while frames := [scene.frames for scene in islice(scenes, CHUNK)]:
        yield np.stack(frames)


def _load_shards(
    folder: Path, shards: Sequence[int], size: int, num_frames: int, workers: int | None
) -> Iterator[list[SceneClip]]:
    missing = [shard for shard in shards if not _shard_path(folder, shard).exists()]
    workers = min(len(missing), MAX_WORKERS, os.cpu_count() or 1 if workers is None else workers)
    if missing:
        import_mujoco()  # says what to install before a pool of workers dies of it
    if workers < 2:
        for shard in shards:
            yield _shard(folder, shard, size, num_frames)
        return
    # spawn: a fork of a process that holds OpenGL or OpenMP threads can hang.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures: dict[int, Future[list[SceneClip]]] = {
            shard: pool.submit(_shard, folder, shard, size, num_frames) for shard in missing
        }
        for shard in shards:
            yield futures.pop(shard).result() if shard in futures else _shard(folder, shard, size, num_frames)


def _shard_path(folder: Path, shard: int) -> Path:
    return folder / f"{shard:07d}.npz"


def _shard(folder: Path, shard: int, size: int, num_frames: int) -> list[SceneClip]:
    path = _shard_path(folder, shard)
    if path.exists():
        return _read_shard(path)
    clips = [render_scene(seed, size=size, num_frames=num_frames) for seed in range(shard * SHARD, (shard + 1) * SHARD)]
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **_to_arrays(clips))  # type: ignore[arg-type]
    return clips


def _to_arrays(clips: Sequence[SceneClip]) -> dict[str, np.ndarray]:
    return {
        f"{clip.seed}/{field.name}": np.asarray(getattr(clip, field.name))
        for clip in clips
        for field in dataclasses.fields(SceneClip)
    }


def _read_shard(path: Path) -> list[SceneClip]:
    with np.load(path, allow_pickle=False) as arrays:
        seeds = sorted({int(key.split("/")[0]) for key in arrays.files})
        return [
            _from_arrays({f.name: arrays[f"{seed}/{f.name}"] for f in dataclasses.fields(SceneClip)}) for seed in seeds
        ]


def _from_arrays(values: dict[str, np.ndarray]) -> SceneClip:
    return SceneClip(
        frames=values["frames"],
        family=str(values["family"]),  # type: ignore[arg-type]
        seed=int(values["seed"]),
        split=str(values["split"]),
        names=tuple(str(name) for name in values["names"]),
        centres=values["centres"],
        visible=values["visible"],
        silhouettes=values["silhouettes"],
        colours=values["colours"],
        radius=values["radius"],
        contact_frame=int(values["contact_frame"]),
    )

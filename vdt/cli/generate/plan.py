"""From a request and the clip that is there to a plan: length, size, rate, and which frames of the clip are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .requests import GenerateRequest

if TYPE_CHECKING:
    from ...config import VDTConfig
    from ...masks.clip_plan import Plan, Source


@dataclass(frozen=True)
class _Placement:
    """Length of the output, and which of its frames come from which frames of the source."""

    num_frames: int
    positions: tuple[int, ...]
    sources: tuple[int, ...]
    speed: int = 1


def make_plan(config: VDTConfig, request: GenerateRequest, source: Source | None, *, downscale: int = 8) -> Plan:
    """Decide length, size, rate and given frames; ValueError names what was got, what was expected and the fix."""
    from ...inference.memory import check_frames
    from ...masks.clip_plan import Plan
    from ...media.frames import DEFAULT_FPS

    if source is None and request.task != "unconditional":
        raise ValueError(f"the task {request.task} needs --input: a video or an image to start from")
    if source is not None and source.num_frames < 1:
        raise ValueError("the input has no frames: expected 1 or more")
    available = source.num_frames if source is not None else 0
    placement = _PLACEMENTS[request.task](request, available, request.clip_length(config))
    height, width = request.clip_size(config, downscale=downscale)
    check_frames(placement.num_frames, (height, width))  # before any of them is made
    rate = request.fps or (source.fps if source is not None and source.fps > 0 else DEFAULT_FPS)
    return Plan(
        task=request.task,
        num_frames=placement.num_frames,
        height=height,
        width=width,
        fps=rate * placement.speed,
        fit=request.fit,
        positions=placement.positions,
        sources=placement.sources,
    )


def _predict(request: GenerateRequest, available: int, length: int) -> _Placement:
    positions = _given(request, length, given=_given_count(request, available, length))
    return _Placement(length, positions, positions)


def _backward(request: GenerateRequest, available: int, length: int) -> _Placement:
    positions = _given(request, length, given=_given_count(request, available, length))
    offset = length - min(available, length)  # the clip is the end of the output
    return _Placement(length, positions, tuple(index - offset for index in positions))


def _interpolate(request: GenerateRequest, available: int, length: int) -> _Placement:
    from ...masks.tasks import Interpolate

    if available >= length:
        positions = _given(request, length)
        return _Placement(length, positions, positions)
    every = Interpolate(**request.task_settings()).every
    spread = (available - 1) * every + 1
    if available < 2 or request.frames not in (None, spread):
        fix = f"use --frames {spread} to spread them" if available > 1 else "give 2 frames or more"
        raise ValueError(
            f"interpolate to {length} frames got a clip of {available}: {fix}, or a clip of {length} frames"
        )
    return _Placement(spread, _given(request, spread), tuple(range(available)), speed=every)


def _image_to_video(request: GenerateRequest, available: int, length: int) -> _Placement:
    return _Placement(length, _given(request, length), (0,))


def _frames(request: GenerateRequest, available: int, length: int) -> _Placement:
    positions = _given(request, length)
    if available > positions[-1]:
        return _Placement(length, positions, positions)
    if available == len(positions):
        return _Placement(length, positions, tuple(range(available)))
    raise ValueError(
        f"--known {request.setting} asks for frame {positions[-1]}, the clip has {available} frames: "
        f"give {positions[-1] + 1} or more, or exactly the {len(positions)} given ones in order"
    )


def _spatial(request: GenerateRequest, available: int, length: int) -> _Placement:
    if request.frames is not None and available < request.frames:
        raise ValueError(
            f"--frames {request.frames} got a clip of {available} frames: use --frames {available} or fewer"
        )
    everything = tuple(range(min(available, length)))
    return _Placement(len(everything), everything, everything)


def _unconditional(request: GenerateRequest, available: int, length: int) -> _Placement:
    return _Placement(length, (), ())


_PLACEMENTS: dict[str, Callable[[GenerateRequest, int, int], _Placement]] = {
    "predict": _predict,
    "backward": _backward,
    "interpolate": _interpolate,
    "image_to_video": _image_to_video,
    "frames": _frames,
    "spatial": _spatial,
    "unconditional": _unconditional,
}


def _given(request: GenerateRequest, length: int, **settings: Any) -> tuple[int, ...]:
    """Places of the frames that the task of a request gives of a clip of so many."""
    from ...masks.tasks import make_task

    generated = make_task(request.task, **{**request.task_settings(), **settings}).frame_mask(length)
    return tuple((~generated).nonzero().flatten().tolist())


def _given_count(request: GenerateRequest, available: int, length: int) -> int:
    """How many frames of the clip are given: those asked for, or as many as there are up to the task's default."""
    from ...masks.tasks import Predict

    given = request.setting
    if given is None:
        return min(Predict().given, available, max(length - 1, 1))
    if available < given < length:
        raise ValueError(
            f"--given {given} needs a clip of {given} frames, got {available}: use --given {available} or a longer clip"
        )
    return given  # the mask refuses less than 1 and all of the clip

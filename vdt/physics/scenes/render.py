"""From a scene's description to pixels and ground truth, through MuJoCo (extra `train`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...bounds import check_clip
from ...interruption import poll
from .draw import draw_scene
from .offscreen import OffscreenRenderer, renderer_for
from .simulate import Simulation, colours_of
from .spec import Body, Family

OVERSAMPLE = 2  # rendered at twice the size and averaged: cheaper and smoother than OSMesa's multisampling


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneClip:
    """One rendered scene with its ground truth.

    frames uint8 (T,H,W,3); centres float32 (K,T,2) as (x, y) in px with pixel centres at integers; visible float32
    (K,T), the share of each object's disc in view; silhouettes bool (K,T,H,W), the pixels that show it; colours uint8
    (K,3); radius float32 (T,) of the tracked ball in px; contact_frame is the first frame in which ball and target have
    touched, -1 for never.
    Object 0 is the tracked ball, object 1 its target.
    """

    frames: NDArray[np.uint8]
    family: Family
    seed: int
    split: str
    names: tuple[str, ...]
    centres: NDArray[np.float32]
    visible: NDArray[np.float32]
    silhouettes: NDArray[np.bool_]
    colours: NDArray[np.uint8]
    radius: NDArray[np.float32]
    contact_frame: int

    @property
    def size(self) -> int:
        """Height of the pictures in pixels."""
        return self.frames.shape[1]


def render_scene(seed: int, *, size: int = 64, num_frames: int = 16) -> SceneClip:
    """Simulate and render the scene of a seed at FPS frames a second; longer clips begin with the shorter ones."""
    check_clip(num_frames, (size, size), name="scene")
    simulation = Simulation(draw_scene(seed), size * OVERSAMPLE)
    return _film(simulation, renderer_for(simulation.model, size * OVERSAMPLE), size, num_frames)


def _film(simulation: Simulation, renderer: OffscreenRenderer, size: int, num_frames: int) -> SceneClip:
    spec, model, data, geoms = simulation.spec, simulation.model, simulation.data, simulation.geoms
    num_objects = len(spec.bodies)
    frames = np.zeros((num_frames, size, size, 3), np.uint8)
    centres = np.zeros((num_objects, num_frames, 2), np.float32)
    visible = np.zeros((num_objects, num_frames), np.float32)
    silhouettes = np.zeros((num_objects, num_frames, size, size), np.bool_)
    radius = np.zeros(num_frames, np.float32)
    for frame in range(num_frames):
        poll()
        simulation.go_to(frame)
        image, identity = renderer.film(data)
        frames[frame] = _downsample(image)
        for k, body in enumerate(spec.bodies):
            centres[k, frame], scale = _project(model, data, data.xpos[1 + k], size)
            disc = _silhouette_area(body) * (scale * OVERSAMPLE) ** 2
            visible[k, frame] = min(1.0, float((identity == geoms[k]).sum()) / disc)
            silhouettes[k, frame] = _share(identity == geoms[k]) >= 0.5
            if k == 0:
                radius[frame] = body.radius * scale
    return SceneClip(
        frames=frames,
        family=spec.family,
        seed=spec.seed,
        split=spec.split,
        names=tuple(body.name for body in spec.bodies),
        centres=centres,
        visible=visible,
        silhouettes=silhouettes,
        colours=colours_of(spec),
        radius=radius,
        contact_frame=simulation.contact_frame,
    )


def _downsample(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.round(_share(image)).astype(np.uint8)


def _share(image: NDArray[Any]) -> NDArray[np.float32]:
    """Means over the samples of each pixel: (size, size) or (size, size, channels) of a picture rendered larger."""
    height, width, *channels = image.shape
    blocks = image.reshape(height // OVERSAMPLE, OVERSAMPLE, width // OVERSAMPLE, OVERSAMPLE, *channels)
    return blocks.mean(axis=(1, 3), dtype=np.float32)  # type: ignore[no-any-return]


def _project(model: Any, data: Any, point: NDArray[np.float64], size: int) -> tuple[NDArray[np.float32], float]:
    """Pixel position of a world point, and pixels per metre at its depth."""
    x, y, z = data.cam_xmat[0].reshape(3, 3).T @ (point - data.cam_xpos[0])
    scale = size / 2 / np.tan(np.radians(model.cam_fovy[0]) / 2) / -z
    return np.array([size / 2 + x * scale - 0.5, size / 2 - y * scale - 0.5], np.float32), float(scale)


def _silhouette_area(body: Body) -> float:
    """Area in square metres that an unoccluded body shows, seen from the side."""
    return 4 * body.radius * body.half_height if body.half_height else np.pi * body.radius**2

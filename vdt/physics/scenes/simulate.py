"""How the bodies of a scene move: MuJoCo without a picture (extra `train`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...bounds import check_clip
from ...interruption import poll
from .draw import draw_scene
from .mjcf import FIELD_OF_VIEW, TIMESTEP, camera_of, mjcf
from .offscreen import import_mujoco
from .spec import FPS, SceneSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """A scene and the way of its bodies: positions float32 (T, K, 3) in metres, rotations float32 (T, K, 3, 3).

    A rotation's columns are the axes of the body in the world. contact_frame is the first frame in which ball and
    target have touched, -1 for never.
    """

    spec: SceneSpec
    positions: NDArray[np.float32]
    rotations: NDArray[np.float32]
    contact_frame: int
    size: int = 64  # of the pictures that centres are told for

    @property
    def names(self) -> tuple[str, ...]:
        """What the bodies are, the tracked ball first."""
        return tuple(body.name for body in self.spec.bodies)

    @property
    def colours(self) -> NDArray[np.uint8]:
        """Of the bodies, uint8 (K, 3)."""
        return colours_of(self.spec)

    @property
    def centres(self) -> NDArray[np.float32]:
        """Where pictures show the bodies, float32 (K, T, 2) as (x, y) in px with pixel centres at integers."""
        camera = camera_of(self.spec.look)
        offset = self.positions.transpose(1, 0, 2) - camera.position
        across = offset @ np.stack([camera.right, -camera.up], axis=1)
        scale = self.size / 2 / np.tan(np.radians(FIELD_OF_VIEW) / 2) / (offset @ camera.forward)
        return np.asarray(self.size / 2 - 0.5 + across * scale[..., None], np.float32)


class Simulation:
    """One scene in MuJoCo, from its first frame on; `pixels` is the side of what may be rendered of it."""

    def __init__(self, spec: SceneSpec, pixels: int = 64) -> None:
        mujoco = import_mujoco()
        self.spec = spec
        self.model = mujoco.MjModel.from_xml_string(mjcf(spec, pixels))
        self.data = mujoco.MjData(self.model)
        self.geoms = [self.model.geom(body.name).id for body in spec.bodies]
        self._contact_time = np.inf
        for index, body in enumerate(spec.bodies):
            self.data.qvel[6 * index : 6 * index + 6] = (*body.velocity, *body.spin)
        mujoco.mj_forward(self.model, self.data)

    def go_to(self, frame: int) -> None:
        """Move on to a frame, at FPS frames a second."""
        mujoco, data = import_mujoco(), self.data
        while data.time < frame / FPS - TIMESTEP / 2:
            mujoco.mj_step(self.model, data)
            if self._contact_time == np.inf and self._is_touching():
                self._contact_time = data.time
        mujoco.mj_forward(self.model, data)

    @property
    def contact_frame(self) -> int:
        """The first frame, of those gone to, in which ball and target have touched; -1 for none."""
        return -1 if self._contact_time == np.inf else int(np.ceil(self._contact_time * FPS - 1e-6))

    def _is_touching(self) -> bool:
        pair, data = set(self.geoms[:2]), self.data
        return len(pair) == 2 and any({int(a), int(b)} == pair for a, b in data.contact.geom[: data.ncon])


def colours_of(spec: SceneSpec) -> NDArray[np.uint8]:
    """Of the bodies of a scene, uint8 (K, 3)."""
    return np.round(255 * np.array([body.colour for body in spec.bodies])).astype(np.uint8)


def simulate(seed: int, *, num_frames: int = 16) -> Motion:
    """The motion of the scene of a seed, which longer clips begin with too."""
    check_clip(num_frames, (64, 64), name="scene")
    spec = draw_scene(seed)
    count = len(spec.bodies)
    positions = np.zeros((num_frames, count, 3), np.float32)
    rotations = np.zeros((num_frames, count, 3, 3), np.float32)
    simulation = Simulation(spec)
    for frame in range(num_frames):
        poll()
        simulation.go_to(frame)
        positions[frame] = simulation.data.xpos[1 : 1 + count]
        rotations[frame] = simulation.data.xmat[1 : 1 + count].reshape(count, 3, 3)
    return Motion(spec=spec, positions=positions, rotations=rotations, contact_frame=simulation.contact_frame)

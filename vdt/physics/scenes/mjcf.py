"""A scene as a model of MuJoCo: bodies, contacts, materials, lights and the camera."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .spec import Body, Look, SceneSpec

TIMESTEP = 0.002
FIELD_OF_VIEW = 42.0  # degrees, vertical
FLOOR_HALF = 6.0  # metres: half the side of the floor
FLOOR_REPEAT = 7  # of the floor's texture along a side
HEADLIGHT = 0.15  # diffuse light from the camera
HIGHLIGHT = 0.1  # specular light of the lamp
FLOOR_STIFFNESS = 2.0e4


def mjcf(spec: SceneSpec, pixels: int) -> str:
    """The model of a scene in MuJoCo's format, for square pictures of so many pixels."""
    look = spec.look
    builtin = {"flat": "flat", "checker": "checker", "gradient": "gradient"}[look.floor]
    first, second = (_numbers(colour) for colour in look.floor_colours)
    zenith, horizon = (_numbers(colour) for colour in look.sky_colours)
    boxes = "".join(
        f'<geom type="box" pos="{_numbers(position)}" size="{_numbers(half)}" rgba="{_numbers(colour)} 1"/>'
        for position, half, colour in look.scenery
    )
    gravity = _numbers((0.0, 0.0, -spec.gravity))
    ambient, headlight = _numbers((look.light_ambient,) * 3), _numbers((HEADLIGHT,) * 3)
    return f"""
    <mujoco>
      <option timestep="{TIMESTEP}" gravity="{gravity}" cone="elliptic" impratio="5" integrator="implicitfast"/>
      <visual>
        <global offwidth="{pixels}" offheight="{pixels}"/>
        <quality shadowsize="1024" offsamples="0"/>
        <headlight ambient="{ambient}" diffuse="{headlight}" specular="0 0 0"/>
        <map znear="0.05" zfar="30" shadowclip="8"/>
      </visual>
      <statistic extent="2" center="0 0 0.4"/>
      <asset>
        <texture name="floor" type="2d" builtin="{builtin}" rgb1="{first}" rgb2="{second}" width="256" height="256"/>
        <material name="floor" texture="floor" texrepeat="{FLOOR_REPEAT} {FLOOR_REPEAT}" specular="0"/>
        <texture type="skybox" builtin="gradient" rgb1="{zenith}" rgb2="{horizon}" width="64" height="64"/>
      </asset>
      <worldbody>
        <light directional="true" castshadow="true" pos="0 0 3" dir="{_numbers(look.light_direction)}"
               diffuse="{_numbers((look.light_diffuse,) * 3)}" specular="{_numbers((HIGHLIGHT,) * 3)}"/>
        {_camera(spec)}
        <geom name="floor" type="plane" size="{FLOOR_HALF:g} {FLOOR_HALF:g} 0.1" material="floor"
              friction="1 0.005 0.0001"/>
        {boxes}
        {"".join(_body(body) for body in spec.bodies)}
      </worldbody>
    </mujoco>"""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Where a scene is seen from: position and unit axes in the world, metres."""

    position: NDArray[np.float64]
    right: NDArray[np.float64]
    up: NDArray[np.float64]
    forward: NDArray[np.float64]


def camera_of(look: Look) -> Camera:
    """The camera of a scene, which looks at a point above its middle."""
    azimuth, elevation = look.camera_azimuth, look.camera_elevation
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    forward = np.array([-np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), -np.sin(elevation)])
    position = np.array([0.0, 0.0, 0.55]) - look.camera_distance * forward
    return Camera(position=position, right=right, up=np.cross(right, forward), forward=forward)


def _camera(spec: SceneSpec) -> str:
    camera = camera_of(spec.look)
    axes = (*camera.right, *camera.up)
    return f'<camera name="camera" pos="{_numbers(camera.position)}" xyaxes="{_numbers(axes)}" fovy="{FIELD_OF_VIEW}"/>'


def _body(body: Body) -> str:
    shape = (
        f'type="cylinder" size="{_numbers((body.radius, body.half_height))}"'
        if body.half_height
        else f'type="sphere" size="{_numbers((body.radius,))}"'
    )
    # A contact takes its spring from the body with the higher priority: two balls share one restitution.
    priority = 2 if body.name == "ball" else 1
    return f"""
        <body name="{body.name}" pos="{_numbers(body.position)}"><freejoint/>
          <geom name="{body.name}" {shape} mass="{body.mass:.9g}" rgba="{_numbers(body.colour)} 1" condim="6"
                priority="{priority}" friction="{_numbers((body.friction, 0.002, body.rolling_friction))}"
                solref="{_numbers((-FLOOR_STIFFNESS, -_damping(body.restitution)))}" solimp="0.95 0.99 0.001"/>
        </body>"""


def _damping(restitution: float) -> float:
    """Damping per unit mass of a contact spring whose rebound speed is `restitution` times the impact speed."""
    log = np.log(restitution)
    ratio = -log / np.sqrt(np.pi**2 + log**2)
    return float(2 * ratio * np.sqrt(FLOOR_STIFFNESS))


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.9g}" for value in values)

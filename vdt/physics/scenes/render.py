"""From a scene's description to pixels and ground truth, through MuJoCo (extra `train`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...bounds import check_clip
from ...interruption import poll
from .offscreen import OffscreenRenderer, import_mujoco, renderer_for
from .spec import FPS, GRAVITY, Body, Family, SceneSpec, Vec3, draw_scene

TIMESTEP = 0.002
OVERSAMPLE = 2  # rendered at twice the size and averaged: cheaper and smoother than OSMesa's multisampling
FIELD_OF_VIEW = 42.0  # degrees, vertical
FLOOR_STIFFNESS = 2.0e4


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


def render_scene(seed: int, *, size: int = 64, num_frames: int = 16) -> SceneClip:
    """Simulate and render the scene of a seed at FPS frames a second; longer clips begin with the shorter ones."""
    check_clip(num_frames, (size, size), name="scene")
    mujoco = import_mujoco()
    spec = draw_scene(seed)
    model = mujoco.MjModel.from_xml_string(_mjcf(spec, size * OVERSAMPLE))
    data = mujoco.MjData(model)
    for index, body in enumerate(spec.bodies):
        data.qvel[6 * index : 6 * index + 6] = (*body.velocity, *body.spin)
    mujoco.mj_forward(model, data)
    return _film(spec, model, data, renderer_for(model, size * OVERSAMPLE), size, num_frames)


def _film(spec: SceneSpec, model: Any, data: Any, renderer: OffscreenRenderer, size: int, num_frames: int) -> SceneClip:
    mujoco = import_mujoco()
    num_objects = len(spec.bodies)
    frames = np.zeros((num_frames, size, size, 3), np.uint8)
    centres = np.zeros((num_objects, num_frames, 2), np.float32)
    visible = np.zeros((num_objects, num_frames), np.float32)
    silhouettes = np.zeros((num_objects, num_frames, size, size), np.bool_)
    radius = np.zeros(num_frames, np.float32)
    geoms = [model.geom(body.name).id for body in spec.bodies]
    contact_time = np.inf
    for frame in range(num_frames):
        poll()
        while data.time < frame / FPS - TIMESTEP / 2:
            mujoco.mj_step(model, data)
            if contact_time == np.inf and _touching(data, geoms):
                contact_time = data.time
        mujoco.mj_forward(model, data)
        image, identity = renderer.film(data)
        frames[frame] = _downsample(image)
        for k, body in enumerate(spec.bodies):
            centres[k, frame], scale = _project(model, data, data.xpos[1 + k], size)
            disc = _silhouette_area(body) * (scale * OVERSAMPLE) ** 2
            visible[k, frame] = min(1.0, float((identity == geoms[k]).sum()) / disc)
            silhouettes[k, frame] = _share(identity == geoms[k]) >= 0.5
            if k == 0:
                radius[frame] = body.radius * scale
    contact_frame = -1 if contact_time == np.inf else int(np.ceil(contact_time * FPS - 1e-6))
    return SceneClip(
        frames=frames,
        family=spec.family,
        seed=spec.seed,
        split=spec.split,
        names=tuple(body.name for body in spec.bodies),
        centres=centres,
        visible=visible,
        silhouettes=silhouettes,
        colours=np.round(255 * np.array([body.colour for body in spec.bodies])).astype(np.uint8),
        radius=radius,
        contact_frame=contact_frame,
    )


def _downsample(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.round(_share(image)).astype(np.uint8)


def _share(image: NDArray[Any]) -> NDArray[np.float32]:
    """Means over the samples of each pixel: (size, size) or (size, size, channels) of a picture rendered larger."""
    height, width, *channels = image.shape
    blocks = image.reshape(height // OVERSAMPLE, OVERSAMPLE, width // OVERSAMPLE, OVERSAMPLE, *channels)
    return blocks.mean(axis=(1, 3), dtype=np.float32)  # type: ignore[no-any-return]


def _touching(data: Any, geoms: list[int]) -> bool:
    pair = set(geoms)
    return len(pair) == 2 and any({int(a), int(b)} == pair for a, b in data.contact.geom[: data.ncon])


def _project(model: Any, data: Any, point: NDArray[np.float64], size: int) -> tuple[NDArray[np.float32], float]:
    """Pixel position of a world point, and pixels per metre at its depth."""
    x, y, z = data.cam_xmat[0].reshape(3, 3).T @ (point - data.cam_xpos[0])
    scale = size / 2 / np.tan(np.radians(model.cam_fovy[0]) / 2) / -z
    return np.array([size / 2 + x * scale - 0.5, size / 2 - y * scale - 0.5], np.float32), float(scale)


def _silhouette_area(body: Body) -> float:
    """Area in square metres that an unoccluded body shows, seen from the side."""
    return 4 * body.radius * body.half_height if body.half_height else np.pi * body.radius**2


def _numbers(values: Vec3 | tuple[float, ...]) -> str:
    return " ".join(f"{value:.9g}" for value in values)


def _mjcf(spec: SceneSpec, pixels: int) -> str:
    look = spec.look
    builtin = {"flat": "flat", "checker": "checker", "gradient": "gradient"}[look.floor]
    first, second = (_numbers(colour) for colour in look.floor_colours)
    zenith, horizon = (_numbers(colour) for colour in look.sky_colours)
    boxes = "".join(
        f'<geom type="box" pos="{_numbers(position)}" size="{_numbers(half)}" rgba="{_numbers(colour)} 1"/>'
        for position, half, colour in look.scenery
    )
    return f"""
    <mujoco>
      <option timestep="{TIMESTEP}" gravity="0 0 {-GRAVITY}" cone="elliptic" impratio="5" integrator="implicitfast"/>
      <visual>
        <global offwidth="{pixels}" offheight="{pixels}"/>
        <quality shadowsize="1024" offsamples="0"/>
        <headlight ambient="{_numbers((look.light_ambient,) * 3)}" diffuse="0.15 0.15 0.15" specular="0 0 0"/>
        <map znear="0.05" zfar="30" shadowclip="8"/>
      </visual>
      <statistic extent="2" center="0 0 0.4"/>
      <asset>
        <texture name="floor" type="2d" builtin="{builtin}" rgb1="{first}" rgb2="{second}" width="256" height="256"/>
        <material name="floor" texture="floor" texrepeat="7 7" specular="0"/>
        <texture type="skybox" builtin="gradient" rgb1="{zenith}" rgb2="{horizon}" width="64" height="64"/>
      </asset>
      <worldbody>
        <light directional="true" castshadow="true" pos="0 0 3" dir="{_numbers(look.light_direction)}"
               diffuse="{_numbers((look.light_diffuse,) * 3)}" specular="0.1 0.1 0.1"/>
        {_camera(spec)}
        <geom name="floor" type="plane" size="6 6 0.1" material="floor" friction="1 0.005 0.0001"/>
        {boxes}
        {"".join(_body(body) for body in spec.bodies)}
      </worldbody>
    </mujoco>"""


def _camera(spec: SceneSpec) -> str:
    azimuth, elevation = spec.look.camera_azimuth, spec.look.camera_elevation
    right = (np.cos(azimuth), np.sin(azimuth), 0.0)
    forward = (-np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), -np.sin(elevation))
    position = np.array([0.0, 0.0, 0.55]) - spec.look.camera_distance * np.array(forward)
    axes = (*right, *np.cross(right, forward))
    return f'<camera name="camera" pos="{_numbers(tuple(position))}" xyaxes="{_numbers(axes)}" fovy="{FIELD_OF_VIEW}"/>'


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

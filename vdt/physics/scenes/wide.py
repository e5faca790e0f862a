"""A wider world: known scenes with other sizes, speeds, masses, gravity, friction, light and camera, one thing more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .colours import free_hue, vivid
from .spec import Body, Look, SceneSpec

SPEED, SIZE, MASS = (0.6, 1.5), (0.75, 1.35), (0.4, 2.5)  # factors
GRAVITIES = (3.0, 18.0)  # metres a second squared
MORE = 0.4  # share of scenes with one thing more
ATTEMPTS = 20  # to find a free place for it
APART = 0.05  # metres between things at the beginning


def widened(spec: SceneSpec, rng: np.random.Generator) -> SceneSpec:
    """A scene of the same family with one to three things, drawn far outside of what other splits have."""
    speed = rng.uniform(*SPEED)
    bodies = tuple(_other_body(body, speed, rng) for body in spec.bodies)
    if rng.uniform() < MORE:
        bodies += _one_more(bodies, rng)
    return replace(spec, bodies=bodies, look=_other_look(spec.look, rng), gravity=_between(*GRAVITIES, rng))


def _other_body(body: Body, speed: float, rng: np.random.Generator) -> Body:
    size = _between(*SIZE, rng)
    radius, half_height = body.radius * size, body.half_height * size
    x, y, z = body.position
    on_floor = half_height > 0 or z <= body.radius + 1e-6
    low = half_height or radius
    return replace(
        body,
        radius=radius,
        half_height=half_height,
        mass=body.mass * _between(*MASS, rng),
        position=(x, y, low if on_floor else max(z, low)),
        velocity=(body.velocity[0] * speed, body.velocity[1] * speed, body.velocity[2] * speed),
        friction=rng.uniform(0.2, 1.2),
        rolling_friction=body.rolling_friction * _between(0.3, 3.0, rng),
        restitution=rng.uniform(0.2, 0.92),
    )


def _one_more(bodies: tuple[Body, ...], rng: np.random.Generator) -> tuple[Body, ...]:
    """A still ball or cylinder of a name and a colour that are free, where nothing stands; none if there is no room."""
    is_ball = rng.uniform() < 0.5 if len(bodies) == 1 else bodies[1].name == "cylinder"
    radius, half_height = (rng.uniform(0.14, 0.3), 0.0) if is_ball else (rng.uniform(0.09, 0.2), rng.uniform(0.18, 0.5))
    more = Body(
        name="other_ball" if is_ball else "cylinder",
        colour=vivid(free_hue([body.colour for body in bodies]) + rng.uniform(-0.03, 0.03), rng),
        radius=radius,
        half_height=half_height,
        mass=_between(0.3, 4.0, rng),
        position=(0.0, 0.0, half_height or radius),
        friction=rng.uniform(0.2, 1.2),
        restitution=rng.uniform(0.2, 0.9),
    )
    for _ in range(ATTEMPTS):
        x, y = rng.uniform(-1.1, 1.1), rng.uniform(-0.5, 0.9)
        if all(np.hypot(x - b.position[0], y - b.position[1]) > b.radius + radius + APART for b in bodies):
            return (replace(more, position=(float(x), float(y), more.position[2])),)
    return ()


def _other_look(look: Look, rng: np.random.Generator) -> Look:
    azimuth, slant = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.2)
    return replace(
        look,
        light_direction=(slant * float(np.cos(azimuth)), slant * float(np.sin(azimuth)), -1.0),
        light_diffuse=rng.uniform(0.25, 0.75),
        light_ambient=rng.uniform(0.25, 0.65),
        camera_azimuth=rng.uniform(-0.6, 0.6),
        camera_elevation=rng.uniform(0.06, 0.7),
        camera_distance=rng.uniform(3.2, 4.6),
    )


def _between(low: float, high: float, rng: np.random.Generator) -> float:
    """A number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))

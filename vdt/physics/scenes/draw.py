"""Every random choice of a scene, drawn from one seed."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .colours import vivid
from .spec import FAMILIES, GRAVITY, Body, Look, Rgb, SceneSpec, Vec3, split_of
from .wide import widened

HELD_OUT = {"interior": True, "train_apart": False}  # splits that want, or avoid, the pairing of `is_held_out`
HELD_OUT_RADIUS, HELD_OUT_SPEED = (0.22, 0.25), (1.5, 2.4)  # the middle of both: metres, metres a second
WIDE_SPLITS = ("wide", "wide_test")
WIDE = 1_000_003  # beside the seed, of what `widened` draws


def draw_scene(seed: int) -> SceneSpec:
    """The scene of a seed, the same for ever; seeds of the "ood" split draw faster, heavier, larger balls."""
    split = split_of(seed)
    spec = _draw_scene(seed, split, np.random.default_rng(seed))
    attempt = 0
    while split in HELD_OUT and is_held_out(spec) != HELD_OUT[split]:
        attempt += 1
        spec = _draw_scene(seed, split, np.random.default_rng([seed, attempt]))
    return widened(spec, np.random.default_rng([seed, WIDE])) if split in WIDE_SPLITS else spec


def is_held_out(spec: SceneSpec) -> bool:
    """Whether a ball of middle size has a middle speed: values that "train_apart" has singly, but never together."""
    ball = spec.bodies[0]
    pairs = ((ball.radius, HELD_OUT_RADIUS), (abs(ball.velocity[0]), HELD_OUT_SPEED))
    return all(low <= value <= high for value, (low, high) in pairs)


def _draw_scene(seed: int, split: str, rng: np.random.Generator) -> SceneSpec:
    """A scene of the split from a generator."""
    family = FAMILIES[seed % len(FAMILIES)]
    hue = rng.uniform()
    draw = _Draw(rng, hue=hue, boost=rng.uniform(1.25, 1.5) if split == "ood" else 1.0)
    bodies = {
        "projectile": _projectile,
        "roll_collide": _roll_collide,
        "roll_stop": _roll_stop,
        "two_balls": _two_balls,
    }[family](draw)
    if rng.uniform() < 0.5:  # half of all scenes run from right to left
        bodies = tuple(_mirrored(body) for body in bodies)
    return SceneSpec(family=family, seed=seed, split=split, bodies=bodies, look=_draw_look(draw))


@dataclass(frozen=True)
class _Draw:
    """The generator of one scene with what all its draws share."""

    rng: np.random.Generator
    hue: float
    boost: float  # 1 inside the training distribution

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def vivid(self, hue: float) -> Rgb:
        return vivid(hue, self.rng)

    def muted(self, low: float, high: float) -> Rgb:
        """A greyish colour whose slight tint lies on the far side of the tracked ball's hue."""
        hue = self.hue + 0.5 + self.uniform(-0.15, 0.15)
        return colorsys.hsv_to_rgb(hue % 1.0, self.uniform(0.0, 0.25), self.uniform(low, high))

    def ball(self, position_x: float, height: float | None, velocity: Vec3, **physics: float) -> Body:
        radius = self.uniform(0.19, 0.28) * (1 + 0.6 * (self.boost - 1))
        return Body(
            name="ball",
            colour=self.vivid(self.hue),
            radius=radius,
            mass=self.uniform(0.5, 2.5) * self.boost**2,
            position=(position_x, 0.0, radius if height is None else max(height, radius)),
            velocity=velocity,
            **physics,
        )

    def cylinder(self, position_x: float, offset: float) -> Body:
        half_height = self.uniform(0.22, 0.38)
        return Body(
            name="cylinder",
            colour=self.vivid(self.hue + self.uniform(0.33, 0.67)),
            radius=self.uniform(0.10, 0.16),
            mass=self.uniform(0.3, 1.5),
            position=(position_x, offset, half_height),
            half_height=half_height,
            friction=self.uniform(0.4, 0.9),
            restitution=self.uniform(0.2, 0.5),
        )


def _projectile(draw: _Draw) -> tuple[Body, ...]:
    velocity = (draw.uniform(1.1, 2.6) * draw.boost, draw.uniform(-0.2, 0.2), draw.uniform(-0.5, 2.4))
    restitution = draw.uniform(0.45, 0.85)
    return (draw.ball(draw.uniform(-1.25, -0.8), draw.uniform(0.5, 1.25), velocity, restitution=restitution),)


def _roll_collide(draw: _Draw) -> tuple[Body, ...]:
    start, target_x = draw.uniform(-1.2, -0.85), draw.uniform(0.1, 0.7)
    gap = target_x - start - 0.36
    speed = gap / draw.uniform(0.2, 1.0) * draw.boost  # seconds to contact: most within a 0.8 s clip, some after it
    offset = draw.uniform(-0.22, 0.22) if draw.uniform(0, 1) < 0.85 else 0.6 * float(np.sign(draw.uniform(-1, 1)))
    ball = draw.ball(start, None, (min(speed, 4.0 * draw.boost), 0.0, 0.0), restitution=draw.uniform(0.3, 0.6))
    return ball, draw.cylinder(target_x, offset)


def _roll_stop(draw: _Draw) -> tuple[Body, ...]:
    start, target_x = draw.uniform(-1.2, -0.85), draw.uniform(0.3, 0.9)
    gap = target_x - start - 0.36
    reach, seconds = gap * draw.uniform(0.45, 1.1), draw.uniform(0.4, 0.85)
    speed, deceleration = 2 * reach / seconds * draw.boost, 2 * reach / seconds**2
    ball = draw.ball(start, None, (speed, 0.0, 0.0), restitution=draw.uniform(0.3, 0.6))
    lever = deceleration * ball.radius * 1.4 / GRAVITY  # a solid sphere slows by g * lever / (1.4 radius)
    ball = replace(ball, rolling_friction=lever, friction=1.0)
    return ball, draw.cylinder(target_x, draw.uniform(-0.15, 0.15))


def _two_balls(draw: _Draw) -> tuple[Body, ...]:
    start, target_x = draw.uniform(-1.2, -0.85), draw.uniform(0.1, 0.7)
    speed = draw.uniform(1.4, 3.2) * draw.boost
    ball = draw.ball(start, None, (speed, 0.0, 0.0), restitution=draw.uniform(0.6, 0.9))
    radius = draw.uniform(0.16, 0.26)
    other = Body(
        name="other_ball",
        colour=draw.vivid(draw.hue + draw.uniform(0.33, 0.67)),
        radius=radius,
        mass=draw.uniform(0.5, 2.5),
        position=(target_x, draw.uniform(-0.15, 0.15), radius),
        velocity=(-draw.uniform(0.3, 1.5) if draw.uniform(0, 1) < 0.5 else 0.0, 0.0, 0.0),
        restitution=ball.restitution,
    )
    return ball, other


def _mirrored(body: Body) -> Body:
    (x, y, z), (vx, vy, vz) = body.position, body.velocity
    return replace(body, position=(-x, y, z), velocity=(-vx, vy, vz))


def _draw_look(draw: _Draw) -> Look:
    floor: Literal["flat", "checker", "gradient"] = ("flat", "checker", "gradient")[int(draw.rng.integers(3))]
    base = draw.uniform(0.35, 0.75)
    contrast = draw.uniform(0.04, 0.14)
    azimuth = draw.uniform(0, 2 * np.pi)
    scenery = tuple(
        (
            (draw.uniform(-1.4, 1.4), draw.uniform(1.2, 2.0), half[2]),
            half,
            draw.muted(0.3, 0.8),
        )
        for half in [
            (draw.uniform(0.1, 0.35), draw.uniform(0.1, 0.3), draw.uniform(0.15, 0.6))
            for _ in range(int(draw.rng.integers(0, 3)))
        ]
    )
    return Look(
        floor=floor,
        floor_colours=(draw.muted(base, base + 0.02), draw.muted(base + contrast, base + contrast + 0.02)),
        sky_colours=(draw.muted(0.6, 0.95), draw.muted(0.4, 0.8)),
        light_direction=(0.7 * float(np.cos(azimuth)), 0.7 * float(np.sin(azimuth)), -1.0),
        light_diffuse=draw.uniform(0.4, 0.65),
        light_ambient=draw.uniform(0.35, 0.55),
        camera_azimuth=draw.uniform(-0.3, 0.3),
        camera_elevation=draw.uniform(0.12, 0.42),
        camera_distance=draw.uniform(3.5, 4.0),
        scenery=scenery,
    )

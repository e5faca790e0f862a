"""What a scene is before anything is simulated, in SI units, and which seeds belong to which split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Family = Literal["projectile", "roll_collide", "roll_stop", "two_balls"]
Rgb = tuple[float, float, float]
Vec3 = tuple[float, float, float]

FAMILIES: tuple[Family, ...] = ("projectile", "roll_collide", "roll_stop", "two_balls")
SPLITS: dict[str, range] = {
    "train": range(0, 10_000_000),
    "val": range(10_000_000, 11_000_000),
    "test": range(20_000_000, 21_000_000),
    "ood": range(30_000_000, 31_000_000),
    "interior": range(40_000_000, 41_000_000),  # every scene has a pairing that train_apart never has
    "train_apart": range(50_000_000, 60_000_000),
    "wide": range(60_000_000, 70_000_000),  # see `wide`
    "wide_test": range(70_000_000, 71_000_000),
}
FPS = 20
GRAVITY = 9.81
SCENES_VERSION = 1  # part of every cache key: raise it when any draw below changes


@dataclass(frozen=True, kw_only=True)
class Body:
    """One moving object: a ball (half_height 0) or an upright cylinder."""

    name: Literal["ball", "cylinder", "other_ball"]
    colour: Rgb
    radius: float
    mass: float
    position: Vec3
    velocity: Vec3 = (0.0, 0.0, 0.0)
    half_height: float = 0.0
    friction: float = 0.7
    rolling_friction: float = 0.001  # metres: the lever arm of rolling resistance
    restitution: float = 0.5

    @property
    def spin(self) -> Vec3:
        """Angular velocity of rolling without slipping, zero in the air (rad/s)."""
        on_floor = self.half_height == 0 and self.position[2] <= self.radius + 1e-6
        return (-self.velocity[1] / self.radius, self.velocity[0] / self.radius, 0.0) if on_floor else (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Look:
    """Floor, sky, light, camera and scenery; nothing here moves."""

    floor: Literal["flat", "checker", "gradient"]  # MuJoCo's builtin textures
    floor_colours: tuple[Rgb, Rgb]
    sky_colours: tuple[Rgb, Rgb]
    light_direction: Vec3
    light_diffuse: float
    light_ambient: float
    camera_azimuth: float  # radians around the vertical, 0 looks along +y
    camera_elevation: float  # radians above the floor
    camera_distance: float
    scenery: tuple[tuple[Vec3, Vec3, Rgb], ...]  # (position, half sizes, colour) of still boxes in the background


@dataclass(frozen=True, kw_only=True)
class SceneSpec:
    """One scene: the tracked ball first, its target (if any) second."""

    family: Family
    seed: int
    split: str
    bodies: tuple[Body, ...]
    look: Look
    gravity: float = GRAVITY  # metres a second squared


def seeds_of(split: str) -> range:
    """The seeds of a split; ValueError for a name that none has."""
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}, expected one of {', '.join(SPLITS)}")
    return SPLITS[split]


def split_of(seed: int) -> str:
    """Name of the split that owns a seed; ValueError when none does."""
    for name, seeds in SPLITS.items():
        if seed in seeds:
            return name
    raise ValueError(f"seed {seed} belongs to no split, expected one of {SPLITS}")

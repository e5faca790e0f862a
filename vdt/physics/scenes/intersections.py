"""Where rays meet spheres, cylinders, boxes and the floor, in closed form.

Rays start at `origin` and have unit `direction`, both (..., 3); everything broadcasts. Answers are distances along the
ray, infinite where it misses. A ray that starts inside a shape misses it.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST = 1e-4  # metres: what is nearer is where the ray starts
NEVER = float("inf")


def dot(first: Tensor, second: Tensor) -> Tensor:
    """Inner products along the last axis, (...)."""
    return first[..., 0] * second[..., 0] + first[..., 1] * second[..., 1] + first[..., 2] * second[..., 2]


def meet_sphere(origin: Tensor, direction: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """Distance to a sphere; centre (..., 3), radius (...)."""
    along = dot(origin, direction) - dot(centre, direction)
    beyond = dot(origin, origin) - 2 * dot(origin, centre) + dot(centre, centre) - radius * radius
    square = along * along - beyond
    return _ahead(-along - _root(square), square >= 0)


def meet_cylinder(origin: Tensor, direction: Tensor, radius: Tensor, half_height: Tensor) -> tuple[Tensor, Tensor]:
    """Distances to the side and to the ends of a cylinder around the third axis, ray and cylinder in its own frame."""
    flat = direction[..., 0] ** 2 + direction[..., 1] ** 2
    along = origin[..., 0] * direction[..., 0] + origin[..., 1] * direction[..., 1]
    beyond = origin[..., 0] ** 2 + origin[..., 1] ** 2 - radius * radius
    square = along * along - flat * beyond
    side = (-along - _root(square)) / flat
    is_on_side = (square >= 0) & ((origin[..., 2] + side * direction[..., 2]).abs() <= half_height)
    end = (-direction[..., 2].sign() * half_height - origin[..., 2]) / direction[..., 2]
    across = (origin[..., 0] + end * direction[..., 0]) ** 2 + (origin[..., 1] + end * direction[..., 1]) ** 2
    return _ahead(side, is_on_side), _ahead(end, across <= radius * radius)


def meet_box(origin: Tensor, direction: Tensor, centre: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to a box along the axes, and the axis (0, 1 or 2) of the face that is met; centre and half (..., 3)."""
    middle = (centre - origin) / direction
    reach = (half / direction).abs()
    enters, leaves = (middle - reach).max(-1), (middle + reach).amin(-1)
    return _ahead(enters.values, enters.values <= leaves), enters.indices


def meet_floor(origin: Tensor, direction: Tensor, half: float) -> Tensor:
    """Distance to a square of side 2 * half in the plane of the first two axes, around the origin of the world."""
    away = -origin[..., 2] / direction[..., 2]
    reach = torch.maximum(
        (origin[..., 0] + away * direction[..., 0]).abs(), (origin[..., 1] + away * direction[..., 1]).abs()
    )
    return _ahead(away, reach <= half)


def _root(square: Tensor) -> Tensor:
    """Square roots, 0 of negative numbers: a CPU takes five times as long where the answer is NaN."""
    return square.clamp(min=0).sqrt_()


def _ahead(away: Tensor, is_hit: Tensor) -> Tensor:
    """Distances that lie ahead of the ray's start, and are hits; infinite elsewhere."""
    return torch.where((away > LEAST) & is_hit, away, NEVER)

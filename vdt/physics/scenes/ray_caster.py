"""Pictures of scenes without OpenGL: rays against spheres, cylinders, boxes and a floor, lit as MuJoCo lights them.

Scenes of one make (the same kinds of bodies, as many boxes) are cast together, on a CPU or a GPU. The pictures are
those of `render_scene` to about a level; only edges, which MuJoCo draws as polygons, differ by more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .floor_texture import KINDS, blend, floor_share
from .intersections import NEVER, dot, meet_box, meet_cylinder, meet_floor, meet_sphere
from .mjcf import FIELD_OF_VIEW, FLOOR_HALF, FLOOR_REPEAT, HEADLIGHT, HIGHLIGHT, camera_of
from .simulate import Motion
from .spec import SceneSpec

OVERSAMPLE = 2  # rays along the side of a pixel
MOST_RAYS = {"cpu": 2**20, "cuda": 2**25}  # at once
GLOSS, SHININESS = 0.5, 64  # of everything but the floor
OFF_SURFACE = 2e-3  # metres between a surface and where a ray to the lamp starts
ROUNDING = 1e-4  # metres

# B scenes of one make, T frames, R rays of a picture.


def cast_frames(motions: Sequence[Motion], *, size: int = 64, device: torch.device | str = "cpu") -> Tensor:
    """Square pictures of scenes of as many frames each, uint8 (B, T, size, size, 3) on the device."""
    device = torch.device(device)
    num_frames = len(motions[0].positions)
    assert all(len(motion.positions) == num_frames for motion in motions), "scenes of one length"
    frames = torch.empty(len(motions), num_frames, size, size, 3, dtype=torch.uint8, device=device)
    makes: dict[tuple[object, ...], list[int]] = {}
    for index, motion in enumerate(motions):
        makes.setdefault(_make(motion.spec), []).append(index)
    rays = num_frames * (size * OVERSAMPLE) ** 2
    at_once = max(1, MOST_RAYS.get(device.type, MOST_RAYS["cpu"]) // rays)
    for indices in makes.values():
        for start in range(0, len(indices), at_once):
            part = indices[start : start + at_once]
            frames[part] = _cast([motions[index] for index in part], size * OVERSAMPLE, device)
    return frames


def _make(spec: SceneSpec) -> tuple[object, ...]:
    return (*(body.half_height > 0 for body in spec.bodies), len(spec.look.scenery))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Body:
    """The same body of B scenes: a sphere, or a cylinder where half_height is there; the last axis but one is rays."""

    centre: Tensor  # (B, T, 1, 3)
    axes: Tensor  # (B, T, 3, 3), columns
    colour: Tensor  # (B, T, 1, 3)
    radius: Tensor  # (B, T, 1)
    half_height: Tensor | None

    def at(self, scene: Tensor, frame: Tensor) -> _Body:
        """The body in N frames of N scenes."""
        parts = {name: value[scene, frame] for name, value in vars(self).items() if value is not None}
        return replace(self, **parts)

    def meet(self, origin: Tensor, direction: Tensor) -> Tensor:
        if self.half_height is None:
            return meet_sphere(origin, direction, self.centre, self.radius)
        local = (origin @ self.axes - self.centre @ self.axes, direction @ self.axes)
        return torch.minimum(*meet_cylinder(*local, self.radius, self.half_height))

    def normal(self, point: Tensor) -> Tensor:
        """Of the surface at a point of it."""
        if self.half_height is None:
            return (point - self.centre) / self.radius[..., None]
        local = (point - self.centre) @ self.axes
        is_end = local[..., 2:].abs() > self.half_height[..., None] - ROUNDING
        flat = torch.cat([local[..., :2] / self.radius[..., None], torch.zeros_like(local[..., 2:])], dim=-1)
        end = torch.cat([torch.zeros_like(local[..., :2]), local[..., 2:].sign()], dim=-1)
        return torch.where(is_end, end, flat) @ self.axes.mT


@dataclass(frozen=True, kw_only=True, eq=False)
class _View:
    """Camera and light of B scenes: everything is (B, 1, R or 1, 3) or (B, 1, 1, 1)."""

    origin: Tensor
    direction: Tensor
    facing: Tensor  # toward the camera
    lamp: Tensor  # toward the lamp
    ambient: Tensor
    diffuse: Tensor

    @classmethod
    def of(cls, specs: Sequence[SceneSpec], pixels: int, device: torch.device) -> _View:
        looks = [spec.look for spec in specs]
        cameras = [camera_of(look) for look in looks]
        place = ((torch.arange(pixels, device=device) + 0.5) * 2 / pixels - 1) * math.tan(
            math.radians(FIELD_OF_VIEW / 2)
        )
        x, y = place.repeat(pixels), -place.repeat_interleave(pixels)
        right, up, forward, origin = (
            _tensor([getattr(camera, name) for camera in cameras], device)[:, None, None]
            for name in ("right", "up", "forward", "position")
        )
        direction = forward + x[:, None] * right + y[:, None] * up
        return cls(
            origin=origin,
            direction=torch.nn.functional.normalize(direction, dim=-1),
            facing=-forward,
            lamp=-torch.nn.functional.normalize(_tensor([look.light_direction for look in looks], device), dim=-1)[
                :, None, None
            ],
            ambient=_tensor([look.light_ambient for look in looks], device).view(-1, 1, 1, 1),
            diffuse=_tensor([look.light_diffuse for look in looks], device).view(-1, 1, 1, 1),
        )

    def shade(self, colour: Tensor, normal: Tensor, gloss: Tensor | float) -> tuple[Tensor, Tensor]:
        """What a surface shows in the shadow, and what the lamp adds to it."""
        facing, lamp = dot(normal, self.facing).clamp(min=0), dot(normal, self.lamp)
        half = torch.nn.functional.normalize(self.facing + self.lamp, dim=-1)
        highlight = gloss * HIGHLIGHT * dot(normal, half).clamp(min=0) ** SHININESS * (lamp > 0)
        without = colour * (self.ambient + HEADLIGHT * facing[..., None])
        return without, colour * self.diffuse * lamp.clamp(min=0)[..., None] + highlight[..., None]

    def at(self, scene: Tensor) -> _View:
        """The same for N rays of N scenes, (N, 1, 3); directions stay behind."""
        return replace(self, **{name: value[scene, 0, :1] for name, value in vars(self).items() if name != "direction"})


@dataclass(frozen=True, kw_only=True, eq=False)
class _Boxes:
    """The boxes of B scenes that stand still, one after another: (B, 1, 1, 3) each."""

    centres: list[Tensor]
    halves: list[Tensor]
    colours: list[Tensor]

    @classmethod
    def of(cls, specs: Sequence[SceneSpec], device: torch.device) -> _Boxes:
        parts = [
            [_tensor([spec.look.scenery[index][part] for spec in specs], device)[:, None, None] for part in range(3)]
            for index in range(len(specs[0].look.scenery))
        ]
        centres, halves, colours = ([each[part] for each in parts] for part in range(3))
        return cls(centres=centres, halves=halves, colours=colours)

    def hides(self, start: Tensor, lamp: Tensor, scene: Tensor | None = None) -> Tensor:
        """Whether a box stands between a point and the lamp; for N points of N scenes if `scene` (N,) says which."""
        hidden = torch.zeros(start.shape[:-1], dtype=torch.bool, device=start.device)
        for centre, half in zip(self.centres, self.halves, strict=True):
            box = (centre, half) if scene is None else (centre[scene, 0], half[scene, 0])
            hidden |= meet_box(start, lamp, *box)[0] < NEVER
        return hidden


@dataclass(frozen=True, kw_only=True, eq=False)
class _Backdrop:
    """What stands still, seen by every ray: floor, boxes and sky, (B, 1, R) or (B, 1, R, 3)."""

    depth: Tensor
    without: Tensor  # colour in the shadow
    lamp: Tensor  # what the lamp adds
    start: Tensor  # of the ray to the lamp
    hidden: Tensor  # from the lamp, by a box


def _backdrop(specs: Sequence[SceneSpec], view: _View, boxes: _Boxes, pixels: int) -> _Backdrop:
    depth = meet_floor(view.origin, view.direction, FLOOR_HALF)
    colour = _floor_colour(specs, view, pixels)
    normal = torch.tensor([0.0, 0.0, 1.0], device=depth.device).expand_as(colour)
    gloss = torch.zeros_like(depth)
    for centre, half, tint in zip(boxes.centres, boxes.halves, boxes.colours, strict=True):
        away, axis = meet_box(view.origin, view.direction, centre, half)
        is_nearer = away < depth
        face = -view.direction.sign() * torch.nn.functional.one_hot(axis, 3)
        depth = torch.where(is_nearer, away, depth)
        gloss = torch.where(is_nearer, GLOSS, gloss)
        colour, normal = (torch.where(is_nearer[..., None], new, old) for new, old in ((tint, colour), (face, normal)))
    without, lamp = view.shade(colour, normal, gloss)
    is_sky = (depth == NEVER)[..., None]
    start = view.origin + torch.where(is_sky, 0.0, depth[..., None]) * view.direction + OFF_SURFACE * normal
    return _Backdrop(
        depth=depth,
        without=torch.where(is_sky, _sky_colour(specs, view.direction), without),
        lamp=torch.where(is_sky, 0.0, lamp),
        start=start,
        hidden=boxes.hides(start, view.lamp),
    )


def _floor_colour(specs: Sequence[SceneSpec], view: _View, pixels: int) -> Tensor:
    away = -view.origin[..., 2] / view.direction[..., 2]
    u, v = (
        (0.5 + sign * FLOOR_REPEAT / 2 / FLOOR_HALF * (view.origin[..., axis] + away * view.direction[..., axis]))
        .clamp(-1e3, 1e3)  # rays along the horizon meet the floor nowhere near it
        .view(-1, pixels, pixels)
        for axis, sign in ((0, 1), (1, -1))
    )
    kinds = torch.tensor([KINDS.index(spec.look.floor) for spec in specs], device=u.device)
    share = floor_share(kinds, u, v).view(len(specs), 1, -1, 1)
    first, second = (_tensor([spec.look.floor_colours[index] for spec in specs], u.device) for index in (0, 1))
    return torch.lerp(first[:, None, None], second[:, None, None], share)


def _sky_colour(specs: Sequence[SceneSpec], direction: Tensor) -> Tensor:
    zenith, horizon = (_tensor([spec.look.sky_colours[index] for spec in specs], direction.device) for index in (0, 1))
    share = blend(direction[..., 2:].asin() * (2 / math.pi))
    return torch.lerp(horizon[:, None, None], zenith[:, None, None], share)


def _bodies(motions: Sequence[Motion], device: torch.device) -> list[_Body]:
    positions = torch.from_numpy(np.stack([motion.positions for motion in motions])).to(device)
    rotations = torch.from_numpy(np.stack([motion.rotations for motion in motions])).to(device)
    frames = positions.shape[1]

    def of(index: int) -> _Body:
        bodies = [motion.spec.bodies[index] for motion in motions]
        heights = [body.half_height for body in bodies]
        each = lambda values: _tensor(values, device).view(-1, 1, 1).expand(-1, frames, -1)  # noqa: E731
        return _Body(
            centre=positions[:, :, index, None],
            axes=rotations[:, :, index],
            colour=_tensor([body.colour for body in bodies], device)[:, None, None].expand(-1, frames, -1, -1),
            radius=each([body.radius for body in bodies]),
            half_height=each(heights) if heights[0] else None,
        )

    return [of(index) for index in range(positions.shape[2])]


@torch.no_grad()
def _cast(motions: Sequence[Motion], pixels: int, device: torch.device) -> Tensor:
    specs = [motion.spec for motion in motions]
    view, boxes, bodies = _View.of(specs, pixels, device), _Boxes.of(specs, device), _bodies(motions, device)
    backdrop = _backdrop(specs, view, boxes, pixels)
    hidden = backdrop.hidden
    depth, which = backdrop.depth, torch.full((1,), -1, device=device)
    for index, body in enumerate(bodies):
        hidden = hidden | (body.meet(backdrop.start, view.lamp) < NEVER)
        away = body.meet(view.origin, view.direction)
        is_nearer = away < depth
        depth, which = torch.where(is_nearer, away, depth), torch.where(is_nearer, index, which)
    picture = backdrop.without + torch.where(hidden[..., None], 0.0, backdrop.lamp)
    for index in range(len(bodies)):
        scene, frame, ray = (which == index).nonzero(as_tuple=True)
        point = view.origin[scene, 0] + (depth[scene, frame, ray, None] * view.direction[scene, 0, ray])[:, None]
        picture[scene, frame, ray] = _shaded(point, index, bodies, boxes, view.at(scene), scene, frame)[:, 0]
    return _averaged(picture, pixels)


def _shaded(
    point: Tensor, index: int, bodies: Sequence[_Body], boxes: _Boxes, view: _View, scene: Tensor, frame: Tensor
) -> Tensor:
    """Colours (N, 1, 3) of N points (N, 1, 3) of one body, each in its scene and frame."""
    body, *others = (bodies[each].at(scene, frame) for each in (index, *(k for k in range(len(bodies)) if k != index)))
    normal = body.normal(point)
    start = point + OFF_SURFACE * normal
    hidden = boxes.hides(start, view.lamp, scene)
    for other in others:
        hidden = hidden | (other.meet(start, view.lamp) < NEVER)
    without, lamp = view.shade(body.colour, normal, GLOSS)
    return without + torch.where(hidden[..., None], 0.0, lamp)


def _averaged(picture: Tensor, pixels: int) -> Tensor:
    """Colours (B, T, R, 3) as uint8 (B, T, H, W, 3), the mean over the rays of each pixel."""
    size = pixels // OVERSAMPLE
    levels = (picture.clamp(0, 1) * 255).round_().unflatten(2, (size, OVERSAMPLE, size, OVERSAMPLE))
    rows = sum(levels.unbind(3))  # one after another: a sum along two axes at once takes three times as long on a CPU
    return (sum(rows.unbind(4)) / OVERSAMPLE**2).round_().to(torch.uint8)


def _tensor(values: object, device: torch.device) -> Tensor:
    return torch.tensor(np.array(values, np.float32), device=device)

"""Rays against shapes in closed form, and pictures against those of MuJoCo."""

import math

import numpy as np
import pytest
import torch

from vdt.physics.scenes.floor_texture import SIDE, blend, floor_share
from vdt.physics.scenes.intersections import NEVER, meet_box, meet_cylinder, meet_floor, meet_sphere

X, DOWN = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, -1.0])


def at(*place):
    return torch.tensor(place, dtype=torch.float32)


def test_rays_meet_shapes_where_geometry_says():
    sphere = (at(0, 0, 0), torch.tensor(2.0))
    assert meet_sphere(at(-5, 0, 0), X, *sphere) == 3
    assert meet_sphere(at(-5, 1, 0), X, *sphere) == pytest.approx(5 - math.sqrt(3))
    assert meet_sphere(at(-5, 2.01, 0), X, *sphere) == NEVER
    assert meet_sphere(at(5, 0, 0), X, *sphere) == NEVER  # behind the start
    assert meet_sphere(at(0, 0, 0), X, *sphere) == NEVER  # from inside
    size = (torch.tensor(1.0), torch.tensor(0.5))
    assert meet_cylinder(at(-4, 0, -4), at(3, 0, 4) / 5, *size)[0] == pytest.approx(5)
    assert meet_cylinder(at(0.5, 0.5, 3), at(0.0, 0.0, -1.0), *size)[1] == 2.5
    assert meet_cylinder(at(-5, 0, 0.4), X, *size)[0] == 4
    assert meet_cylinder(at(-5, 0, 0.6), X, *size)[0] == NEVER
    away, axis = meet_box(at(-5, 0.2, 0.2), at(1, 1e-6, 1e-6), at(0, 0, 0), at(1, 1, 1))
    assert away == 4 and axis == 0
    assert meet_box(at(-5, 1.2, 0.2), at(1, 1e-6, 1e-6), at(0, 0, 0), at(1, 1, 1))[0] == NEVER
    assert meet_floor(at(1, 1, 2), DOWN, 6.0) == 2
    assert meet_floor(at(7, 1, 2), DOWN, 6.0) == NEVER
    assert meet_floor(at(1, 1, 2), -DOWN, 6.0) == NEVER


def test_random_hits_lie_on_the_sphere_and_are_the_first():
    generator = torch.Generator().manual_seed(0)
    origin = torch.randn(1000, 3, generator=generator) * 2
    direction = torch.nn.functional.normalize(torch.randn(1000, 3, generator=generator), dim=-1)
    away = meet_sphere(origin, direction, torch.zeros(3), torch.tensor(1.0))
    hits = away < NEVER
    assert 20 < int(hits.sum()) < 900
    points = (origin + away[:, None] * direction)[hits]
    assert torch.allclose(points.norm(dim=-1), torch.ones(len(points)), atol=1e-4)
    assert bool(((points * direction[hits]).sum(-1) <= 1e-3).all())  # the surface faces the ray


def test_textures_far_away_are_the_mean_and_near_by_sharp():
    kinds = torch.tensor([1, 2])
    u, v = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="xy")
    far = floor_share(kinds, u.expand(2, 8, 8), v.expand(2, 8, 8))
    assert torch.allclose(far[0], torch.full((8, 8), 0.5))
    near = floor_share(kinds[:1], (u / SIDE / 8 + 0.25)[None], (v / SIDE / 8 + 0.25)[None])
    assert bool((near == 0).all())
    assert blend(torch.tensor([-1.0, 0.0, 1.0])).tolist() == pytest.approx([0, 0.5, 1])


def test_pictures_are_those_of_mujoco():
    """Twelve scenes: all families, and all floors; each picture to about a level but for edges."""
    pytest.importorskip("mujoco", reason="scenes need MuJoCo (extra train)")
    from vdt.physics.scenes import render_scene
    from vdt.physics.scenes.ray_caster import cast_frames
    from vdt.physics.scenes.simulate import simulate

    seeds = range(20_000_000, 20_000_012)
    motions = [simulate(seed, num_frames=4) for seed in seeds]
    assert {motion.spec.look.floor for motion in motions} == {"flat", "checker", "gradient"}
    cast = cast_frames(motions).numpy().astype(int)
    try:
        rendered = np.stack([render_scene(seed, num_frames=4).frames for seed in seeds]).astype(int)
    except OSError as error:
        pytest.skip(str(error))
    difference = np.abs(cast - rendered)
    assert difference.mean((1, 2, 3, 4)).max() < 1.5
    assert np.percentile(difference, 99) <= 3
    assert (difference.max(-1) > 24).mean() < 0.003  # edges


def test_a_scene_looks_the_same_in_any_company():
    pytest.importorskip("mujoco", reason="scenes need MuJoCo (extra train)")
    from vdt.physics.scenes.ray_caster import cast_frames
    from vdt.physics.scenes.simulate import simulate

    motions = [simulate(seed, num_frames=3) for seed in range(40, 46)]
    together = cast_frames(motions, size=32)
    alone = torch.cat([cast_frames([motion], size=32) for motion in motions])
    assert together.dtype == torch.uint8 and together.shape == (6, 3, 32, 32, 3)
    assert int((together.int() - alone.int()).abs().max()) <= 1


def test_a_motion_is_that_of_the_rendered_clip():
    pytest.importorskip("mujoco", reason="scenes need MuJoCo (extra train)")
    from vdt.physics.language import SceneFacts
    from vdt.physics.scenes import render_scene
    from vdt.physics.scenes.simulate import simulate

    motion = simulate(20_000_001, num_frames=8)
    try:
        clip = render_scene(20_000_001, num_frames=8)
    except OSError as error:
        pytest.skip(str(error))
    assert np.allclose(motion.centres, clip.centres, atol=1e-2)
    assert motion.names == clip.names and np.array_equal(motion.colours, clip.colours)
    assert SceneFacts.of(motion) == SceneFacts.of(clip)
    assert motion.contact_frame == clip.contact_frame

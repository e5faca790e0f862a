"""What a seed draws, before anything is simulated."""

import colorsys
import dataclasses
from itertools import combinations, pairwise

import numpy as np
import pytest

from vdt.physics.scenes import FAMILIES, SPLITS, draw_scene, scene_seeds
from vdt.physics.scenes.draw import HELD_OUT_RADIUS, HELD_OUT_SPEED, is_held_out
from vdt.physics.scenes.spec import GRAVITY, split_of


def hue_distance(first, second):
    hues = [colorsys.rgb_to_hsv(*colour)[0] for colour in (first, second)]
    return min((hues[0] - hues[1]) % 1, (hues[1] - hues[0]) % 1)


def speed(spec):
    return float(np.linalg.norm(spec.bodies[0].velocity))


def test_a_seed_draws_the_same_scene_for_ever():
    assert draw_scene(17) == draw_scene(17)
    assert draw_scene(17) != draw_scene(21)
    # Pins the draws themselves: a change here must raise SCENES_VERSION, since caches and test sets would lie.
    ball = draw_scene(20_000_000).bodies[0]
    assert (round(ball.radius, 4), round(ball.mass, 4)) == (0.2687, 2.1447)


def test_splits_are_disjoint():
    ranges = sorted(SPLITS.values(), key=lambda seeds: seeds.start)
    assert all(left.stop <= right.start for left, right in pairwise(ranges))
    assert all(split_of(seeds.start) == split_of(seeds.stop - 1) == name for name, seeds in SPLITS.items())


def test_families_take_turns_and_can_be_chosen():
    assert [draw_scene(seed).family for seed in scene_seeds("train", 4)] == list(FAMILIES)
    assert {draw_scene(seed).family for seed in scene_seeds("train", 3, families=["roll_stop"])} == {"roll_stop"}
    assert scene_seeds("test", 2, start=3) == [SPLITS["test"].start + 3, SPLITS["test"].start + 4]


def test_bad_requests_are_one_sentence():
    requests = {
        ("tests", 1): "unknown split 'tests'",
        ("test", 0): "asked for 0 scenes",
        ("val", 2_000_000): "it holds 1000000",
    }
    for arguments, message in requests.items():
        with pytest.raises(ValueError, match=message):
            scene_seeds(*arguments)
    with pytest.raises(ValueError, match="unknown scene families"):
        scene_seeds("test", 1, families=["bowling"])


def test_nothing_else_in_a_scene_has_the_hue_of_the_tracked_ball():
    for seed in range(400):
        spec = draw_scene(seed)
        ball = spec.bodies[0].colour
        for other in spec.bodies[1:]:
            assert hue_distance(ball, other.colour) > 0.3
        look = spec.look
        for colour in (*look.floor_colours, *look.sky_colours, *(box[2] for box in look.scenery)):
            saturation = colorsys.rgb_to_hsv(*colour)[1]
            assert saturation <= 0.25
            assert saturation < 1e-6 or hue_distance(ball, colour) > 0.3


def test_ood_scenes_are_faster_heavier_and_larger():
    train = [draw_scene(seed) for seed in range(400)]
    ood = [draw_scene(seed) for seed in scene_seeds("ood", 400)]
    for measure in (speed, lambda spec: spec.bodies[0].mass, lambda spec: spec.bodies[0].radius):
        assert np.mean([measure(spec) for spec in ood]) > 1.1 * np.mean([measure(spec) for spec in train])


def test_both_directions_and_all_floors_occur():
    specs = [draw_scene(seed) for seed in range(200)]
    directions = [np.sign(spec.bodies[0].velocity[0]) for spec in specs]
    assert 60 < directions.count(1) < 140
    assert {spec.look.floor for spec in specs} == {"flat", "checker", "gradient"}
    assert all(dataclasses.is_dataclass(spec) for spec in specs)


def test_pairings_held_out_are_in_interior_alone_and_their_values_occur_singly_in_training():
    apart = [draw_scene(seed) for seed in scene_seeds("train_apart", 400)]
    interior = [draw_scene(seed) for seed in scene_seeds("interior", 100)]
    assert all(map(is_held_out, interior)) and not any(map(is_held_out, apart))
    for (low, high), value in ((HELD_OUT_RADIUS, lambda spec: spec.bodies[0].radius), (HELD_OUT_SPEED, speed_x)):
        singly = [low <= value(spec) <= high for spec in apart]
        assert 0.15 < np.mean(singly) < 0.6
    assert [spec.family for spec in interior[:4]] == list(FAMILIES)
    assert 0.08 < np.mean([is_held_out(draw_scene(seed)) for seed in range(1000)]) < 0.2  # of the whole world


def test_a_scene_of_a_split_with_pairings_held_out_is_the_same_for_ever():
    assert draw_scene(40_000_001) == draw_scene(40_000_001)
    first = draw_scene(40_000_000).bodies[0]
    assert (round(first.radius, 6), round(first.velocity[0], 6)) == (0.226885, -2.252246)


def speed_x(spec):
    return abs(spec.bodies[0].velocity[0])


def test_the_wider_world_is_wider_in_everything_and_repeats():
    narrow = [draw_scene(seed) for seed in range(400)]
    wide = [draw_scene(seed) for seed in scene_seeds("wide", 400)]
    assert draw_scene(60_000_000) == draw_scene(60_000_000)
    assert {split_of(seed) for seed in scene_seeds("wide_test", 3)} == {"wide_test"}

    def spread(specs, value):
        values = [value(spec) for spec in specs]
        return min(values), max(values)

    for value in (
        lambda spec: abs(spec.bodies[0].velocity[0]),
        lambda spec: spec.bodies[0].radius,
        lambda spec: spec.bodies[0].mass,
        lambda spec: spec.look.camera_azimuth,
        lambda spec: spec.look.camera_elevation,
        lambda spec: spec.look.camera_distance,
        lambda spec: spec.look.light_diffuse,
        lambda spec: spec.look.light_ambient,
    ):
        (low, high), (wide_low, wide_high) = spread(narrow, value), spread(wide, value)
        assert wide_low < low and wide_high > high
    assert {spec.gravity for spec in narrow} == {GRAVITY}
    low, high = spread(wide, lambda spec: spec.gravity)
    assert low < 0.5 * GRAVITY and high > 1.5 * GRAVITY
    assert {len(spec.bodies) for spec in wide} == {1, 2, 3}


def test_things_of_the_wider_world_stand_free_on_the_floor_in_colours_of_their_own():
    for spec in map(draw_scene, scene_seeds("wide", 300)):
        assert len({body.name for body in spec.bodies}) == len(spec.bodies)
        for one, other in combinations(spec.bodies, 2):
            apart = np.hypot(one.position[0] - other.position[0], one.position[1] - other.position[1])
            assert apart > one.radius + other.radius
            assert hue_distance(one.colour, other.colour) > 0.12
        for body in spec.bodies:
            assert body.position[2] >= (body.half_height or body.radius) - 1e-9

"""Gravity, bounces and energy of balls whose motion has a closed form."""

import numpy as np
import pytest

from vdt.physics.ball_tracker import Track
from vdt.physics.motion import NOT_MEASURED, motion, thrown_motion


def thrown(steps=16, gravity=0.8, speed=0.0, restitution=0.6, floor=40.0):
    """A ball that flies under gravity, px and frames, and bounces off the floor at frame boundaries."""
    centres = [(4.0, 30.0)]
    up = speed
    for _ in range(steps - 1):
        x, y = centres[-1]
        y, up = y + up + gravity / 2, up + gravity
        if y >= floor:
            y, up = floor, -restitution * up
        centres.append((x + 2.0, y))
    return np.array(centres)


def test_gravity_of_a_parabola_is_exact_and_its_energy_constant():
    frames = np.arange(10.0)
    centres = np.stack([3 + 2 * frames, 20 - 4 * frames + 0.35 * frames**2], axis=1)
    found = motion(centres, np.ones(10, bool))
    assert found.gravity == pytest.approx(0.7)
    assert found.energy_rise == pytest.approx(0, abs=1e-9)
    assert np.isnan(found.bounce)


def test_a_bounce_loses_what_its_restitution_says():
    found = motion(thrown(), np.ones(16, bool))
    assert found.gravity == pytest.approx(0.8, abs=0.05)
    assert found.bounce == pytest.approx(0.6, abs=0.12)  # frames fall beside the moment of the bounce


def test_energy_from_nowhere_is_seen():
    fair, gained = (motion(thrown(restitution=r), np.ones(16, bool), gravity=0.8) for r in (0.6, 1.4))
    assert fair.energy_rise < 0.25 < gained.energy_rise


def test_a_clip_without_the_ball_tells_nothing():
    present = np.ones(16, bool)
    present[3] = False
    assert np.isnan(motion(thrown(), present).gravity) and np.isnan(motion(thrown()[:3], present[:3]).gravity)


def test_only_thrown_balls_predicted_forwards_are_measured(make_clip):
    frames = np.arange(12.0)
    path = np.stack([6 + 2 * frames, 30 - 4 * frames + 0.4 * frames**2], axis=1)
    seen = Track(centres=path, present=np.ones(12, bool), area=np.ones(12))
    forwards = frames >= 4
    found = thrown_motion(seen, make_clip(path), forwards)
    assert found.gravity == pytest.approx(0.8) and found.energy_rise == pytest.approx(0, abs=1e-6)
    assert thrown_motion(seen, make_clip(path), ~forwards) == NOT_MEASURED
    assert thrown_motion(seen, make_clip(path, family="roll_stop"), forwards) == NOT_MEASURED

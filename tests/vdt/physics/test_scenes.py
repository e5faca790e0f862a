"""Rendered scenes: determinism, ground truth that agrees with the pixels, physics that agrees with the description."""

import sys
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="scenes need the extra 'train'")

from vdt.physics.scenes import FPS, dataset, draw_scene, load_clips, render_scene, scene_seeds
from vdt.physics.scenes.mjcf import mjcf
from vdt.physics.scenes.offscreen import import_mujoco


@pytest.fixture(scope="module", autouse=True)
def needs_opengl():
    try:
        render_scene(0, size=16, num_frames=1)
    except Exception as error:
        pytest.skip(f"no off-screen OpenGL here (on Linux: apt install libosmesa6): {error}")


def coloured_centre(clip, frame):
    """Centroid of the pixels nearer to the ball's hue than to anything grey."""
    pixels = clip.frames[frame].astype(float)
    chroma = pixels - pixels.mean(-1, keepdims=True)
    target = clip.colours[0] - clip.colours[0].mean()
    weight = np.clip(chroma @ (target / np.linalg.norm(target)) - 45, 0, None)
    rows, columns = np.indices(weight.shape)
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


def test_same_seed_same_pixels_and_longer_clips_begin_with_shorter_ones():
    first, again = render_scene(1, size=32, num_frames=4), render_scene(1, size=32, num_frames=4)
    longer = render_scene(1, size=32, num_frames=6)
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.frames, longer.frames[:4])
    assert np.array_equal(first.centres, longer.centres[:, :4])


def test_the_scene_before_does_not_show_in_the_next():
    alone = render_scene(2, size=32, num_frames=2)
    render_scene(7, size=32, num_frames=2)
    assert np.array_equal(render_scene(2, size=32, num_frames=2).frames, alone.frames)


def test_centres_agree_with_the_pixels():
    for seed in range(8):
        clip = render_scene(seed, size=64, num_frames=6)
        for frame in range(6):
            if clip.visible[0, frame] > 0.97 and 6 < clip.centres[0, frame, 0] < 57:
                assert np.abs(coloured_centre(clip, frame) - clip.centres[0, frame]).max() < 1.3


def test_annotations_have_the_promised_shapes():
    for clip in (render_scene(seed, size=16, num_frames=5) for seed in scene_seeds("test", 4)):
        objects = len(clip.names)
        assert clip.frames.shape == (5, 16, 16, 3) and clip.frames.dtype == np.uint8
        assert clip.centres.shape == (objects, 5, 2) and clip.visible.shape == (objects, 5)
        assert clip.colours.shape == (objects, 3) and clip.radius.shape == (5,)
        assert clip.names[0] == "ball" and objects == (1 if clip.family == "projectile" else 2)
        assert (clip.visible <= 1).all() and (clip.radius > 0).all()


def trajectory(seed, seconds):
    """Height and speed of the ball over simulated time, without rendering."""
    mujoco = import_mujoco()
    spec = draw_scene(seed)
    model = mujoco.MjModel.from_xml_string(mjcf(spec, 16))
    data = mujoco.MjData(model)
    for index, body in enumerate(spec.bodies):
        data.qvel[6 * index : 6 * index + 6] = (*body.velocity, *body.spin)
    rows = []
    while data.time < seconds:
        mujoco.mj_step(model, data)
        rows.append((data.qpos[0], data.qpos[2], data.qvel[0], data.qvel[2]))
    return spec, np.array(rows)


def test_balls_fly_on_parabolas_and_bounce_with_their_restitution():
    bounces = 0
    for seed in range(0, 40, 4):
        spec, path = trajectory(seed, 1.2)
        assert np.allclose(np.diff(path[:30, 3]) / 0.002, -9.81, atol=0.05)
        rising = np.flatnonzero((path[:-1, 3] <= 0) & (path[1:, 3] > 0))
        if len(rising) == 0:
            continue
        turn = rising[0] + 1  # the ball has just begun to leave the floor
        impact, rebound = -path[max(0, turn - 25) : turn, 3].min(), path[turn : turn + 25, 3].max()
        if impact > 1:
            assert rebound / impact == pytest.approx(spec.bodies[0].restitution, abs=0.1)
            bounces += 1
    assert bounces > 4


def test_rolling_balls_stop_when_they_should():
    for seed in range(2, 80, 4):
        spec, path = trajectory(seed, 1.2)
        ball, cylinder = spec.bodies
        if np.abs(path[:, 0] - cylinder.position[0]).min() < ball.radius + cylinder.radius + 0.02:
            continue  # this one touches its target
        assert abs(path[-1, 2]) < 0.15
        energy = path[:, 2] ** 2 + path[:, 3] ** 2
        assert energy[-1] < 0.02 * energy[0]


def test_contact_frame_is_where_the_distance_closes():
    for clip in load_clips("test", 8, size=32, num_frames=16, families=["two_balls"], workers=0):
        spec = draw_scene(clip.seed)
        assert clip.contact_frame >= -1
        if clip.contact_frame > 1:
            gaps = np.linalg.norm(clip.centres[0] - clip.centres[1], axis=-1)
            assert gaps[clip.contact_frame - 2] > gaps[clip.contact_frame] - 1e-3
        assert len(spec.bodies) == 2


def test_cache_returns_what_was_rendered_and_workers_change_nothing(tmp_path):
    arguments = {"size": 16, "num_frames": 3}
    fresh = load_clips("val", 17, **arguments, cache=tmp_path / "a", workers=2, progress=False)
    cached = load_clips("val", 17, **arguments, cache=tmp_path / "a", workers=0, progress=False)
    alone = load_clips("val", 17, **arguments, cache=tmp_path / "b", workers=0, progress=False)
    for left, middle, right in zip(fresh, cached, alone, strict=True):
        assert left.seed == middle.seed == right.seed and left.names == middle.names
        assert np.array_equal(left.frames, middle.frames) and np.array_equal(left.frames, right.frames)
        assert left.contact_frame == middle.contact_frame and left.family == middle.family
    assert [clip.seed for clip in fresh] == scene_seeds("val", 17)
    assert all(later.seed > earlier.seed for earlier, later in pairwise(fresh))


def test_chunks_are_the_clips_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setenv("VDT_CACHE", str(tmp_path))
    monkeypatch.setattr(dataset, "CHUNK", 3)
    pieces = list(dataset.scene_chunks("val", 7, size=16, num_frames=3))
    assert [len(piece) for piece in pieces] == [3, 3, 1]
    assert np.array_equal(np.concatenate(pieces), dataset.scene_clips("val", 7, size=16, num_frames=3))


def test_without_mujoco_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(ModuleNotFoundError, match="pip install mujoco"):
        load_clips("test", 1, size=8, num_frames=1, cache=None)


def test_frame_rate_is_what_the_clips_are_made_at():
    clip = render_scene(0, size=16, num_frames=3)
    spec = draw_scene(0)
    assert FPS == 20 and clip.family == spec.family

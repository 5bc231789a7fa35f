import numpy as np
import pytest

from dispr.simulation.grid import Grid, Pose, random_rotation, random_waves
from dispr.simulation.solids import biconcave, bowl, cut, ellipsoid, join

AXIS = np.arange(64, dtype=np.float32) - 31.5
BOX = Grid((AXIS, AXIS, AXIS), Pose(np.eye(3)))


def test_depth_in_a_sphere_is_the_distance_to_its_surface():
    x, y, z = BOX.points
    depth = ellipsoid(BOX.points, (20, 20, 20))
    np.testing.assert_allclose(depth, 20 - np.sqrt(x**2 + y**2 + z**2), atol=1e-3)
    assert depth.dtype == np.float32


def test_volume_of_an_ellipsoid():
    volume = (ellipsoid(BOX.points, (24, 18, 12)) > 0).sum()
    assert volume == pytest.approx(4 / 3 * np.pi * 24 * 18 * 12, rel=0.01)


def test_join_and_cut_are_exact_away_from_the_crease():
    a, b = np.float32([5, -5, 1]), np.float32([-5, 5, 1])
    np.testing.assert_allclose(join(a, b, 2), [5, 5, 1.5])
    np.testing.assert_allclose(cut(a, b, 2), [-5, -5, 0.5])


def test_disc_is_thin_in_the_middle_and_thick_at_the_rim():
    inside = biconcave(BOX.points, radius=25, rim=9, centre=4) > 0
    thickness = inside.sum(axis=0)
    assert thickness[32, 32] == 8
    assert thickness[32].max() == 18
    assert inside.any(axis=(0, 1)).sum() == 50


def test_bowl_opens_upwards():
    depth = bowl(BOX.points, radius=16, opening=np.pi / 2, rim=6, bottom=8)
    along_axis = depth[:, 32, 32] > 0
    assert np.abs(AXIS[along_axis].mean() + 16) < 1
    assert along_axis.sum() == pytest.approx(16, abs=1)
    assert not (depth[40, 32, 32] > 0)


def test_pose_turns_scales_and_stretches():
    turned = Grid((AXIS, AXIS, AXIS), Pose(random_rotation(np.random.default_rng(0), 90), 1.2))
    disc = biconcave(turned.points, radius=20, rim=7, centre=3) > 0
    assert disc.any(axis=(1, 2)).sum() == pytest.approx(48, abs=1)  # stands on its rim
    tall = Grid((AXIS, AXIS, AXIS), Pose(np.eye(3), stretch_z=1.5))
    sphere = ellipsoid(tall.points, (16, 16, 16)) > 0
    assert sphere.any(axis=(1, 2)).sum() == 48
    assert sphere.any(axis=(0, 1)).sum() == 32


def test_box_holds_the_ball_it_was_asked_for():
    rng = np.random.default_rng(1)
    pose = Pose(random_rotation(rng, None), 1.1, 1.1, random_waves(rng, 4))
    grid = Grid((AXIS, AXIS, AXIS), pose)
    centre = np.array([5, -8, 10])
    ball = ellipsoid(grid.points, (6, 6, 6), centre) > 0
    assert ball.sum() == ball[grid.box(centre, 6)].sum() > 800


def test_rotation_keeps_lengths_and_handedness():
    turn = random_rotation(np.random.default_rng(2), 30)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    assert np.rad2deg(np.arccos(turn[2, 2])) == pytest.approx(30)

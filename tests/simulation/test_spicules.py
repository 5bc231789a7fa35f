import numpy as np
import pytest

from dispr.simulation.grid import Grid, Pose
from dispr.simulation.solids import ellipsoid
from dispr.simulation.spicules import Spicule, even_directions, grow, surface_points

AXIS = np.arange(64, dtype=np.float32) - 31.5


def test_directions_are_spread_evenly():
    directions = even_directions(np.random.default_rng(0), 30, jitter=0.0)
    cosines = directions @ directions.T - 2 * np.eye(30)
    nearest = np.rad2deg(np.arccos(cosines.max(axis=1)))
    assert nearest.min() > 25  # 30 points at random come as close as 3 degrees
    np.testing.assert_allclose(directions.mean(axis=0), 0, atol=0.02)


def test_points_lie_on_the_surface_with_outward_normals():
    directions = even_directions(np.random.default_rng(0), 12, jitter=0.1)
    points, normals = surface_points(lambda p: ellipsoid(p, (15, 15, 15)), directions)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 15, atol=0.6)
    np.testing.assert_allclose(normals, directions, atol=0.02)


def test_spicule_grows_to_its_tip_and_leaves_the_rest_alone():
    grid = Grid((AXIS, AXIS, AXIS), Pose(np.eye(3)))
    body = ellipsoid(grid.points, (12, 12, 12))
    spicule = Spicule(foot=(10, 0, 0), axis=(1, 0, 0), length=10, base=4, tip=2)
    depth = grow(body.copy(), grid, [spicule], blend=2)
    inside = depth > 0
    assert AXIS[inside.any(axis=(0, 1))].max() == pytest.approx(10 + 10 + 2, abs=1)
    assert np.array_equal(depth[:, :, :30], body[:, :, :30])
    assert (depth >= body).all()

import numpy as np
import pytest

from dispr.labelled.stack.resample import resample_shape

Z, Y, X = np.mgrid[:61, :61, :61] - 30.0


def ball(radius, spacing, centre=(0.0, 0.0, 0.0)):
    """A ball about the middle of the array, in um."""
    distance = [(k * edge - c) ** 2 for k, edge, c in zip((Z, Y, X), spacing, centre, strict=True)]
    return sum(distance) < radius**2


@pytest.mark.parametrize("spacing", [(0.2, 0.2, 0.2), (0.6, 0.11, 0.11), (0.3, 0.3, 0.2)])
def test_ball_keeps_its_place_and_volume(spacing):
    inside = ball(2.5, spacing, (0.1, -0.2, 0.3))
    first = tuple(30 * edge - 32 * 0.172 for edge in spacing)  # voxel 32 is the array's middle
    out = resample_shape(inside, spacing, first, 0.172, 64) / 255
    assert out.sum() * 0.172**3 == pytest.approx(4 / 3 * np.pi * 2.5**3, rel=0.03)
    mass = np.argwhere(out > -1).reshape(64, 64, 64, 3) * out[..., None]
    centre = (mass.sum((0, 1, 2)) / out.sum() - 32) * 0.172
    assert np.abs(centre - (0.1, -0.2, 0.3)).max() < 0.03


def test_same_voxels_give_the_same_shape():
    inside = ball(4, (0.5,) * 3)
    out = resample_shape(inside, (0.5,) * 3, (0, 0, 0), 0.5, 61)
    np.testing.assert_array_equal(out > 127, inside)
    assert (out.min(), out.max()) == (0, 255)
    assert 1.05 < (out > 0).sum() / inside.sum() < 1.5
    shifted = resample_shape(inside, (0.5,) * 3, (1, -0.5, 0), 0.5, 61)
    np.testing.assert_array_equal(shifted, np.roll(out, (-2, 1, 0), (0, 1, 2)))


def test_between_planes_the_outline_moves_instead_of_stepping():
    """Of two discs of radius 5 and 15, the plane between has radius 10."""
    inside = np.zeros((4, 61, 61), bool)
    inside[1], inside[2] = (Y[0] ** 2 + X[0] ** 2 < radius**2 for radius in (5, 15))
    out = resample_shape(inside, (9, 1, 1), (9, 0, 0), 1, 61)
    radii = np.sqrt((out[:10] > 127).sum((1, 2)) / np.pi)
    assert radii[5] == pytest.approx(10, abs=1.5)
    assert np.diff(radii).min() >= 0
    assert np.diff(radii).max() < 3


def test_beyond_the_array_is_outside():
    out = resample_shape(np.ones((3, 3, 3), bool), (1, 1, 1), (-10, -10, -10), 1, 24)
    assert (out > 127).sum() == pytest.approx(27, abs=1)
    np.testing.assert_array_equal(np.argwhere(out > 127).mean(0), [11, 11, 11])

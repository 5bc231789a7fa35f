import numpy as np
import pytest

from dispr.surface.distance import signed_distance
from dispr.surface.spread import REACH, spread_at, surface_spread


def slab(stop, shape=(20, 21, 22), start=5):
    body = np.zeros(shape, bool)
    body[start:stop] = True
    return body


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.3, 0.3, 0.3)])
def test_the_surface_lies_between_voxels(spacing):
    edge = spacing[0]
    found = signed_distance(slab(12), spacing)[:, 10, 10]
    z = np.arange(20)
    # From z = 4.5 to 11.5.
    expected = np.minimum(z - 4.5, 11.5 - z) * edge
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_body_at_the_border_is_closed_there():
    found = signed_distance(slab(12, start=0))[:, 10, 10]
    assert found[:3].tolist() == [0.5, 1.5, 2.5]
    assert signed_distance(np.ones((5, 5, 5), bool)).max() == 2.5


def test_edges_that_differ():
    body = np.zeros((20, 20, 20), bool)
    body[:, :, 8:12] = True
    found = signed_distance(body, (1.0, 0.5, 0.25))[10, 10]
    assert found[8] - found[7] == pytest.approx(0.25)
    assert found[13] == pytest.approx(-0.5 + 0.125)


def test_spread_is_the_deviation_of_the_surfaces():
    samples = np.stack([slab(stop) for stop in (10, 12, 15)])
    spread = surface_spread(samples, (0.5, 0.5, 0.5))
    # Seen from beyond the tops of all: their distances differ as the tops do.
    assert spread[17, 10, 10] == pytest.approx(0.5 * np.std([10, 12, 15], ddof=1), rel=1e-5)
    assert spread[4, 10, 10] == pytest.approx(0, abs=1e-6)
    # Nothing is said further away than a few voxels from all of them.
    assert spread[0, 10, 10] == 0
    assert spread[5 - REACH, 10, 10] >= 0
    assert spread[19, 10, 10] == 0
    assert not surface_spread(samples[:1]).any()
    empty = np.zeros_like(samples[:1])
    np.testing.assert_array_equal(
        surface_spread(np.concatenate([samples, empty])), surface_spread(samples)
    )
    assert not surface_spread(np.concatenate([samples[:1], empty])).any()


def test_between_voxels_it_is_interpolated():
    spread = np.zeros((4, 5, 6), np.float32)
    spread[1, 2, 3], spread[1, 2, 4], spread[2, 2, 3] = 1, 3, 5
    points = np.array([[1, 2, 3], [1, 2, 3.5], [1.25, 2, 3], [1, 2.5, 3]])
    np.testing.assert_allclose(spread_at(spread, points), [1, 2, 2, 0.5])

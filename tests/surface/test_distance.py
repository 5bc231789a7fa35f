import numpy as np
import pytest
from scipy import ndimage

from dispr.surface.distance import distance_to_empty, signed_distance


def blobs(shape, seed):
    noise = np.random.default_rng(seed).normal(size=shape)
    body = ndimage.gaussian_filter(noise, 2, mode="wrap") > 0
    assert body.any()
    assert not body.all()
    return body


@pytest.mark.parametrize("shape", [(40,), (64, 31), (30, 44, 27), (200, 30)])
@pytest.mark.parametrize("edge", [1.0, 0.172])
def test_distances_are_those_of_scipy(shape, edge):
    """Of a size that shifts are used for, and of a larger one."""
    for seed in range(3):
        body = blobs(shape, seed)
        edges = (edge,) * body.ndim
        expected = ndimage.distance_transform_edt(body, edges)
        found = distance_to_empty(body, edges)
        if edge == 1:
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(found.astype(np.float32), expected.astype(np.float32))


def test_edges_that_differ_count_each_along_its_axis():
    body = np.ones((9, 9), bool)
    body[4, 4] = False
    found = distance_to_empty(body, (2.0, 0.5))
    assert found[4, 0] == 2
    assert found[2, 4] == 4
    assert found[3, 1] == pytest.approx(2.5)


@pytest.mark.parametrize("shape", [(5, 6), (300, 2)])
def test_without_an_empty_voxel_the_distance_is_infinite(shape):
    assert np.isinf(distance_to_empty(np.ones(shape, bool))).all()


@pytest.mark.parametrize("spacing", [None, (0.3, 0.3), (0.3, 0.2)])
def test_bodies_that_are_apart_do_not_see_each_other(spacing):
    bodies = np.stack([blobs((33, 40), seed) for seed in range(3)])
    bodies[1] = False
    found = signed_distance(bodies, spacing, apart=1)
    for body, one in zip(bodies[::2], found[::2], strict=True):
        np.testing.assert_array_equal(one, signed_distance(body, spacing))
    assert (found[1] == -np.inf).all()
    assert found.dtype == np.float32
    assert found.flags.c_contiguous


@pytest.mark.parametrize("edges", [(1.0, 1.0, 1.0), (0.25, 0.25, 0.25), (2.0, 0.5, 1.0)])
def test_the_surface_is_half_a_voxel_from_the_centres_and_closed_at_the_border(edges):
    body = blobs((24, 22, 26), 1)
    around = np.pad(body, 1)
    inside = ndimage.distance_transform_edt(around, edges)[1:-1, 1:-1, 1:-1] - min(edges) / 2
    outside = ndimage.distance_transform_edt(~body, edges) - min(edges) / 2
    expected = np.where(body, inside, -outside).astype(np.float32)
    np.testing.assert_array_equal(signed_distance(body, edges), expected)


def test_flat_bodies_are_near_their_surface_everywhere():
    """Of an axis with a single voxel, that is at the rim."""
    draw = np.random.default_rng(1)
    for k in range(300):
        shape = tuple(draw.integers(1, (3, 12)[k % 2], 1 + k % 3))
        body = draw.random(shape) < draw.choice([0.02, 0.5, 0.98, 1.0])
        if not body.any():
            continue
        around = ndimage.distance_transform_edt(np.pad(body, 1))
        inside = around[(slice(1, -1),) * body.ndim] - 0.5
        outside = np.zeros(shape) if body.all() else ndimage.distance_transform_edt(~body) - 0.5
        expected = np.where(body, inside, -outside).astype(np.float32)
        np.testing.assert_array_equal(signed_distance(body), expected)

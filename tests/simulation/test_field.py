import numpy as np
import pytest
from scipy import ndimage

from dispr.errors import ConfigError
from dispr.simulation.field import simulate_field


@pytest.fixture(scope="module")
def field():
    return simulate_field(20, seed=1, shape=(360, 380))


def test_cells_are_whole_and_apart(field):
    assert field.image.shape == field.labels.shape == field.truth.shape[1:] == (360, 380)
    for i, (cell, (y, x)) in enumerate(zip(field.cells, field.corners, strict=True)):
        np.testing.assert_array_equal(
            field.truth[:, y : y + 64, x : x + 64] == i + 1, cell.obj > 127
        )
        assert (field.truth == i + 1).sum() == (cell.obj > 127).sum()
    np.testing.assert_array_equal(field.truth[32], field.labels)


def test_many_touch(field):
    touching = 0
    for k in range(1, 21):
        around = ndimage.binary_dilation(field.truth == k, iterations=3)
        touching += bool((field.truth[around] % 21 != k)[field.truth[around] > 0].any())
    assert touching >= 10


def test_light_is_where_cells_are(field):
    assert field.image[field.labels > 0].mean() > 80
    away = ndimage.distance_transform_edt(field.labels == 0)
    assert field.image[away > 12].mean() < 8


def test_seed_and_room():
    first = simulate_field(3, seed=2, shape=(128, 128), types=["-1.00_spherocyte"])
    same = simulate_field(3, seed=2, shape=(128, 128), types=["-1.00_spherocyte"])
    other = simulate_field(3, seed=3, shape=(128, 128), types=["-1.00_spherocyte"])
    np.testing.assert_array_equal(first.image, same.image)
    assert (first.image != other.image).any()
    # Not the cells alone are others: they lie at other places.
    assert list(first.corners) == list(same.corners)
    assert list(first.corners) != list(other.corners)
    with pytest.raises(ConfigError, match="fit into"):
        simulate_field(30, shape=(128, 128))
    with pytest.raises(ConfigError, match="fit into"):
        simulate_field(1, shape=(60, 128))

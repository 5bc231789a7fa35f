"""The distances that the thickness is found from."""

import numpy as np
import pytest
from scipy import ndimage

from dispr.morphology.thickness import distance_within


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.3, 0.1, 0.13)])
@pytest.mark.parametrize("shape", [(9, 30, 22), (25, 12, 25), (3, 3, 3)])
def test_distances_are_those_of_scipy(shape, spacing):
    rng = np.random.default_rng(0)
    body = np.pad(rng.random([n - 2 for n in shape]) < 0.97, 1)
    expected = ndimage.distance_transform_edt(body, spacing)
    np.testing.assert_allclose(distance_within(body, spacing), expected, rtol=1e-6)


def test_solid_and_empty_bodies():
    solid = np.pad(np.ones((11, 20, 20), bool), 1)
    assert distance_within(solid, (1.0, 1.0, 1.0)).max() == 6
    assert not distance_within(np.zeros((5, 5, 5), bool), (1.0, 1.0, 1.0)).any()

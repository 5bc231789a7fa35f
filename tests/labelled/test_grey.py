import numpy as np
import pytest

from dispr.errors import ArrayError
from dispr.labelled.grey import as_grey


@pytest.mark.parametrize(
    ("given", "dtype", "values"),
    [
        (np.array([[0, 7], [9, 255]], np.uint8), np.uint8, [0, 7, 9, 255]),
        (np.array([[0, 0.25], [0.5, 1]]), np.float32, [0, 0.25, 0.5, 1]),
        (np.array([[0, 300], [5, 65535]], np.int32), np.uint16, [0, 300, 5, 65535]),
        (np.array([[0, 1], [1, 0]], np.int64), np.uint16, [0, 1, 1, 0]),
        # All others are stretched over the field.
        (np.array([[-1, 0], [0, 1]], np.int16), np.uint16, [0, 32768, 32768, 65535]),
        (np.array([[0, 1], [2, 4.0]]), np.uint16, [0, 16384, 32768, 65535]),
        (np.array([[0, 70000]] * 2, np.uint32), np.uint16, [0, 65535, 0, 65535]),
        (np.array([[-0.5, 0.5]] * 2), np.uint16, [0, 65535, 0, 65535]),
    ],
)
def test_types(given, dtype, values):
    found = as_grey(given)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.ravel(), np.array(values, dtype))


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((2, 3, 4)), "shape"),
        (np.zeros((0, 4)), "empty"),
        (np.full((4, 4), 7), "same value, 7, everywhere"),
        (np.zeros((4, 4), complex), "type complex128"),
    ],
)
def test_refusals(array, sentence):
    with pytest.raises(ArrayError, match=sentence):
        as_grey(array)

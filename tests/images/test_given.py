import numpy as np
import pytest
import torch
from PIL import Image

from dispr.errors import ArrayError
from dispr.images.given import as_array

NUMBERS = np.array([[0, 1], [2, 250]], np.uint8)


@pytest.mark.parametrize(
    "given",
    [
        NUMBERS.tolist(),
        torch.tensor(NUMBERS),
        torch.tensor(NUMBERS).float().requires_grad_(),
        torch.tensor(NUMBERS).bfloat16(),  # 8 bits of precision: exact here
        torch.tensor(NUMBERS).to_sparse(),
        Image.fromarray(NUMBERS),
        np.ma.masked_array(NUMBERS),
        NUMBERS.astype(">u2"),
    ],
)
def test_arrays_of_many_kinds(given):
    found = as_array(given, "image")
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, NUMBERS)


class Lazy:
    """Converted by numpy when asked, as an array of dask is."""

    def __array__(self, dtype=None, copy=None):
        return NUMBERS


def test_lazy_arrays():
    np.testing.assert_array_equal(as_array(Lazy(), "image"), NUMBERS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1], [1, 2]], "image is not an array of numbers: all rows must have the same length"),
        ([["a"]], "image has the type <U1"),
        (np.array([1, np.nan]), "image contains NaN"),
        (np.ma.masked_equal(NUMBERS, 2), "image contains masked values"),
        (torch.zeros(2, 2, device="meta"), "image is not an array of numbers"),
        (None, "image has the type object"),
    ],
)
def test_what_is_no_array(given, message):
    with pytest.raises(ArrayError, match=message):
        as_array(given, "image")

"""Arrays as users give them: of numpy, torch or Pillow, or whatever numpy converts."""

from __future__ import annotations

from typing import Any

import numpy as np

from dispr.errors import ArrayError
from dispr.images.picture import is_picture, picture_values
from dispr.images.values import Use

_NOT_IN_NUMPY = ("bfloat16", "float8")
"""How the names of types begin that torch or JAX have and numpy does not."""


def as_array(given: Any, name: str, use: Use = "labels") -> np.ndarray:
    """Give an array-like of real numbers as an array of numpy.

    Parameters
    ----------
    given : array-like
        An array of numpy, a list, a picture of Pillow, or anything that numpy converts (dask,
        xarray, pandas). A tensor of torch on any device, with or without gradient. bfloat16 and
        8-bit floating point, which numpy does not have, become float32.
    name : str
        What errors call the array.
    use : "image" or "labels"
        What a picture of Pillow shows; see `dispr.images.picture`.

    Returns
    -------
    ndarray
        bool, integers or finite floating point, in its own shape.

    Raises
    ------
    ArrayError
        If this is not an array of finite real numbers, or some of them are masked out.
    """
    if is_picture(given):
        return picture_values(given, name, use)
    try:
        array = _array(given)
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        kind = getattr(given, "dtype", None)
        why = "all rows must have the same length" if kind is None else f"numpy has no {kind} type"
        raise ArrayError(f"{name} is not an array of numbers: {why}.") from error
    if np.ma.is_masked(array):
        raise ArrayError(f"{name} contains masked values; replace them by numbers.")
    if array.dtype.kind not in "buif":
        raise ArrayError(f"{name} has the type {array.dtype}; give an array of real numbers.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ArrayError(f"{name} contains NaN or infinite values; replace them by numbers.")
    return np.asarray(array)


def _array(given: Any) -> np.ndarray:
    if hasattr(given, "detach"):  # a tensor of torch, perhaps on a GPU
        given = given.detach().cpu()
        given = given.to_dense() if given.is_sparse else given
        rare = str(given.dtype).removeprefix("torch.").startswith(_NOT_IN_NUMPY)
        return np.asarray(given.float() if rare else given)
    if hasattr(given, "__cuda_array_interface__"):  # an array of CuPy
        given = given.get()
    array: np.ndarray = np.asanyarray(given)
    rare = array.dtype.kind == "V" and array.dtype.name.startswith(_NOT_IN_NUMPY)
    return array.astype(np.float32) if rare else array

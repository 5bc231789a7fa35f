"""Grey values of a field in a type that crops can be kept in."""

from __future__ import annotations

from typing import Any

import numpy as np

from dispr.errors import ArrayError
from dispr.images.given import as_array
from dispr.labelled.part import whole


def as_grey(array: Any, name: str = "image") -> np.ndarray:
    """Bring the image of a field to uint8, uint16 or float32.

    What becomes of the values is left to `dispr.cells.arrays.as_image`, crop by crop: uint8 and
    floating point from 0 to 1 are taken as they are, others are stretched between the darkest and
    the brightest pixel of each crop.

    Parameters
    ----------
    array : array-like
        (Y, X), real numbers; axes of length 1 do not matter.
    name : str
        What errors call the array.

    Returns
    -------
    ndarray
        uint8 as it is; float32 from 0 to 1; or uint16, of integers from 0 to 65535 as they are,
        and of all others stretched over the field.

    Raises
    ------
    ArrayError
        If this is not an image, or has no contrast.
    """
    grey = whole(as_array(array, name, "image")).without_ones(2).read()
    if grey.dtype.kind not in "uif" or grey.ndim != 2:
        what = f"the type {grey.dtype}" if grey.ndim == 2 else f"the shape {grey.shape}"
        raise ArrayError(f"{name} has {what}; give one section of grey values, (Y, X).")
    if not grey.size:
        raise ArrayError(f"{name} is empty; give another image.")
    low, high = float(grey.min()), float(grey.max())
    if low == high:
        raise ArrayError(f"{name} has the same value, {low:g}, everywhere; give another image.")
    if grey.dtype == np.uint8:
        return grey
    if grey.dtype.kind == "f" and low >= 0 and high <= 1:
        return grey.astype(np.float32)
    if grey.dtype.kind != "f" and low >= 0 and high <= 65535:
        return grey.astype(np.uint16)
    return np.rint((grey.astype(np.float64) - low) * (65535 / (high - low))).astype(np.uint16)

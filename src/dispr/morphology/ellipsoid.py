"""The ellipsoid on the outline of a cell: what the mask alone says of its volume."""

from __future__ import annotations

from typing import Any

import numpy as np

from dispr.cells.arrays import SECTION, SIZE
from dispr.errors import ArrayError


def ellipsoid(mask: np.ndarray) -> np.ndarray:
    """Turn the mask's ellipse into an ellipsoid, its third half-axis the mean of the two.

    Parameters
    ----------
    mask : ndarray
        (64, 64), bool or grey (inside above 0, as published).

    Returns
    -------
    ndarray
        bool, (64, 64, 64).

    Raises
    ------
    ArrayError
        If the mask is empty or has another shape.
    """
    region = ellipse(mask)
    a = max(region.axis_major_length / 2, 0.5)
    b = max(region.axis_minor_length / 2, 0.5)
    z, y, x = np.ogrid[:SIZE, :SIZE, :SIZE]
    dy, dx = y - region.centroid[0], x - region.centroid[1]
    # scikit-image's orientation is the angle of the major axis from the axis of the rows.
    cos, sin = np.cos(region.orientation), np.sin(region.orientation)
    along, across = dy * cos + dx * sin, dx * cos - dy * sin
    height = (z - SECTION) / ((a + b) / 2)
    return (along / a) ** 2 + (across / b) ** 2 + height**2 <= 1


def ellipsoid_volume(mask: np.ndarray) -> int:
    """Estimate a cell's volume, in voxels, from its outline alone: that of `ellipsoid`.

    Parameters
    ----------
    mask : ndarray
        (64, 64) uint8; inside is what exceeds 127.

    Raises
    ------
    ArrayError
        If the mask is empty or has another shape.
    """
    return int(np.count_nonzero(ellipsoid(mask > 127)))


def ellipse(mask: np.ndarray) -> Any:
    """Measure the largest component of a mask: scikit-image's region, with its ellipse.

    Crumbs beside the cell do not count; the field's figures are those of the largest component.
    """
    from skimage.measure import label, regionprops

    if mask.shape != (SIZE, SIZE):
        raise ArrayError(f"The mask has the shape {mask.shape}, not 64 x 64.")
    if not mask.any():
        raise ArrayError("The mask is empty; it must mark one cell.")
    return max(regionprops(label(mask > 0)), key=lambda region: region.area)

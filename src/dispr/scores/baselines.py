"""Shapes without a network, to compare with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dispr.errors import ArrayError

SIZE = 64
SECTION = 32


def cylinder(mask: np.ndarray) -> np.ndarray:
    """Extrude the mask about plane 32, as high as the mean half-axis of its ellipse is long.

    The field words the height as a mean diameter of the ellipse; its figures are reproduced by
    half of that, to the nearest voxel. As high as the full diameter, the cylinder would have about
    twice the volume of a red blood cell.

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
    height = max(round((region.axis_major_length + region.axis_minor_length) / 4), 1)
    body = np.zeros((SIZE, SIZE, SIZE), bool)
    bottom = SECTION - height // 2
    body[bottom : bottom + height] = mask > 0
    return body


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


GEOMETRIC: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "cylinder": cylinder,
    "ellipsoid": ellipsoid,
}


def nearest(mask: np.ndarray, train_masks: np.ndarray) -> int:
    """Find the training cell with the most similar mask, by IoU.

    Parameters
    ----------
    mask : ndarray
        (64, 64), bool or grey (inside above 0, as published).
    train_masks : ndarray
        (N, 64, 64), bool.

    Returns
    -------
    int
        Its place; the first of equals.

    Raises
    ------
    ArrayError
        If there are no training masks.
    """
    if not len(train_masks):
        raise ArrayError("There are no training masks to choose the most similar of.")
    inside = mask > 0
    both = np.count_nonzero(train_masks & inside, axis=(1, 2))
    either = np.count_nonzero(train_masks | inside, axis=(1, 2))
    return int(np.argmax(both / np.maximum(either, 1)))


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

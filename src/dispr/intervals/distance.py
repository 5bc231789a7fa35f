"""How far parts of a cell are from what is known of it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np


def plane_distance(shape: np.ndarray, planes: Collection[int]) -> float:
    """Give the largest distance of a shape's planes from known ones, as a share of its height.

    That is of the plane whose nearest known plane is farthest. A known plane in the middle leaves
    1/2, wherever else planes are known on one side of it; n planes in the middles of n equal parts
    of the height leave 1/(2n). Known planes that are empty, above or below the shape, count too.

    Parameters
    ----------
    shape : ndarray
        bool, (Z, Y, X).
    planes : collection of int
        Numbers of the known planes, from 0; one at least.

    Returns
    -------
    float
        0 to 1, to four digits; 1 for an empty shape.
    """
    filled = np.flatnonzero(shape.any(axis=(1, 2)))
    if not len(filled):
        return 1.0
    farthest = np.abs(filled[:, None] - list(planes)).min(axis=1).max()
    return min(round(float(farthest) / (filled[-1] - filled[0] + 1), 4), 1.0)

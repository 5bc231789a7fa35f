"""The signed distance to the surface of a body of voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage


def signed_distance(body: np.ndarray, spacing: Sequence[float] | None = None) -> np.ndarray:
    """Give the distance of each voxel's centre to the surface, positive inside.

    The surface lies half-way between the centres of a voxel inside and its neighbour outside.

    Parameters
    ----------
    body : ndarray
        bool, of any number of axes, not empty. Beyond the array all is empty, so that a body that
        touches its border has a surface there.
    spacing : sequence of float, optional
        Edges of a voxel along each axis; 1 if not given.

    Returns
    -------
    ndarray
        float32, of the same shape, in units of the spacing.
    """
    edges = [1.0] * body.ndim if spacing is None else list(spacing)
    within = (slice(1, -1),) * body.ndim
    inside = ndimage.distance_transform_edt(np.pad(body, 1), edges)[within]
    outside = ndimage.distance_transform_edt(~body, edges)
    half = min(edges) / 2
    return np.where(body, inside - half, half - outside).astype(np.float32)

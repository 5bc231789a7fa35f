"""How far the surfaces of an ensemble's shapes lie apart, everywhere."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from dispr.cells.box import bounding_box
from dispr.cells.spacing import Spacing
from dispr.surface.distance import signed_distance

REACH = 4


def surface_spread(samples: np.ndarray, spacing: Spacing = (1.0, 1.0, 1.0)) -> np.ndarray:
    """Give the standard deviation of the distances to the samples' surfaces.

    On the surface of one of the shapes this is how far the others' surfaces scatter along the
    normal.

    Parameters
    ----------
    samples : ndarray
        bool, (K, Z, Y, X). Empty ones have no surface and are left out.
    spacing : (float, float, float)
        Edges of a voxel along Z, Y, X.

    Returns
    -------
    ndarray
        float32, (Z, Y, X), in units of the spacing (n - 1 in the denominator); 0 for fewer than
        two samples, and further than `REACH` voxels from the box around all of them.
    """
    spread = np.zeros(samples.shape[1:], np.float32)
    bodies = [sample for sample in samples if sample.any()]
    if len(bodies) < 2:
        return spread
    box = bounding_box(np.any(bodies, axis=0), REACH)
    distances = np.stack([signed_distance(body[box], spacing) for body in bodies])
    spread[box] = distances.std(axis=0, ddof=1)
    return spread


def spread_at(spread: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Interpolate the spread at points, (V, 3) in voxels, (Z, Y, X); float64, (V,)."""
    return np.asarray(
        ndimage.map_coordinates(spread, indices.T, np.float64, order=1, mode="nearest")
    )

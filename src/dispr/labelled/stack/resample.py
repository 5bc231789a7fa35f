"""From the voxels of a stack, longer along Z, to the cubic voxels of a cell.

Shape-based interpolation (Raya and Udupa, IEEE Trans Med Imaging 1990, 9(1):32-42): not the labels
are interpolated, which would give steps, but the distance to the cell's surface, positive inside. A
new voxel is as grey as the share of it that lies inside.
"""

from __future__ import annotations

import numpy as np

from dispr.cells.spacing import Spacing
from dispr.surface.distance import signed_distance

SAMPLES = 4
"""Points along each edge of a new voxel at which it is asked whether they are inside."""

_MARGIN = 2


def resample_shape(
    inside: np.ndarray,
    spacing: Spacing,
    origin: tuple[float, float, float],
    voxel: float,
    size: int,
) -> np.ndarray:
    """Resample a shape to cubic voxels.

    Parameters
    ----------
    inside : ndarray
        (Z, Y, X) bool; beyond it is outside.
    spacing : (float, float, float)
        Edges of its voxels in um.
    origin : (float, float, float)
        Middle of the first new voxel in um; (0, 0, 0) is the middle of the first given one.
    voxel : float
        Edge of the new voxels in um.
    size : int
        Their number along each axis.

    Returns
    -------
    ndarray
        (size, size, size) uint8: 0 outside, 255 inside, in between where the surface runs through a
        voxel.
    """
    depth = signed_distance(np.pad(inside, _MARGIN), spacing)
    along = [
        _weights(depth.shape[k], spacing[k], origin[k] + _MARGIN * spacing[k], voxel, size)
        for k in range(3)
    ]
    out = np.zeros((size, size, size), np.uint8)
    for plane, rows in enumerate(along[0].reshape(size, SAMPLES, -1)):
        if not rows.any():
            continue
        fine = np.matmul(np.matmul(along[1], np.tensordot(rows, depth, axes=1)), along[2].T)
        share = (fine > 0).reshape(SAMPLES, size, SAMPLES, size, SAMPLES).mean(axis=(0, 2, 4))
        out[plane] = np.rint(share * 255)
    return out


def _weights(length: int, edge: float, origin: float, voxel: float, size: int) -> np.ndarray:
    """Make the matrix that interpolates linearly along an axis.

    Parameters
    ----------
    length : int
        Given voxels.
    edge : float
        Their edge in um.
    origin, voxel, size
        As for `resample_shape`, from the middle of the first given voxel.

    Returns
    -------
    ndarray
        (size * SAMPLES, length) float32; rows of points beyond the given voxels are 0.
    """
    fraction = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    points = (origin + (np.arange(size)[:, None] + fraction).ravel() * voxel) / edge
    weights = 1 - np.abs(points[:, None] - np.arange(length))
    return np.clip(weights, 0, None).astype(np.float32)

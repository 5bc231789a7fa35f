"""A shaded view of a shape, as grey values."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

LIGHT = np.array([-0.5, -0.6, -0.62])  # towards the viewer's upper left: (depth, down, right)
AMBIENT = 0.25
SMOOTHING = 1.2  # standard deviation of the Gaussian that rounds the voxels off, in voxels


def shaded(
    shape: np.ndarray, *, pixels: int = 96, tilt: float = 60.0, turn: float = 30.0
) -> np.ndarray:
    """Render a shape as a matt body, seen in parallel projection.

    Parameters
    ----------
    shape : ndarray
        (Z, Y, X), bool or occupancy from 0 to 1; the surface is where it crosses one half.
    pixels : int
        Edge of the picture; the volume's edge fills it.
    tilt : float
        Degrees between the viewing direction and Z: 0 looks down on the imaged section, 90 from
        the side.
    turn : float
        Degrees that the shape is turned about Z before.

    Returns
    -------
    ndarray
        (pixels, pixels) float, 0 (background) to 1.
    """
    soft = ndimage.gaussian_filter(np.asarray(shape, np.float32), SMOOTHING)
    a, b = math.radians(turn), math.radians(tilt)
    # Rows: depth, down and right of the picture, in the volume's (Z, Y, X). Untilted, the viewer
    # looks along -Z with Y down and X to the right, as the section is shown.
    depth = np.array([-math.cos(b), -math.sin(b) * math.cos(a), math.sin(b) * math.sin(a)])
    down = np.array([-math.sin(b), math.cos(b) * math.cos(a), -math.cos(b) * math.sin(a)])
    right = np.array([0.0, math.sin(a), math.cos(a)])
    axes = np.stack([depth, down, right])
    scale = max(soft.shape) / pixels
    centre = (np.array(soft.shape) - 1) / 2
    offset = centre - (axes.T * scale) @ np.full(3, (pixels - 1) / 2)
    seen = ndimage.affine_transform(
        soft, axes.T * scale, offset, output_shape=(pixels,) * 3, order=1, prefilter=False
    )
    occupied = seen > 0.5
    hit = occupied.any(axis=0)
    first = occupied.argmax(axis=0)
    gradient = np.stack(np.gradient(ndimage.gaussian_filter(seen, 1.0)))
    rows, columns = np.indices(first.shape)
    normal = -gradient[:, first, rows, columns]
    normal /= np.maximum(np.linalg.norm(normal, axis=0), 1e-6)
    light = np.clip(np.einsum("i,ixy->xy", LIGHT / np.linalg.norm(LIGHT), normal), 0, 1)
    nearness = 1 - first / pixels
    grey = AMBIENT + (1 - AMBIENT) * light * (0.6 + 0.4 * nearness)
    return np.where(hit, grey, 0.0)

"""Measures of a shape that is a boolean volume of voxels, (Z, Y, X)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from dispr.cells.box import bounding_box
from dispr.cells.pieces import pieces_of

REACH = 4.0
"""Standard deviations after which a Gaussian ends."""


def volume(body: np.ndarray) -> int:
    """Count the occupied voxels."""
    return int(np.count_nonzero(body))


def surface(body: np.ndarray) -> int:
    """Count the occupied voxels with an empty one among their 26 neighbours.

    Voxels beyond the volume count as neither.
    """
    if not body.any():
        return 0
    body = body[bounding_box(body, 1)]
    near = ~body
    for axis in range(3):  # a cube of 3 x 3 x 3 is three lines of 3
        line = np.moveaxis(near.copy(), axis, 0)
        spread = np.moveaxis(near, axis, 0)
        spread[1:] |= line[:-1]
        spread[:-1] |= line[1:]
    return volume(body & near)


def roughness(body: np.ndarray, sigma: float = 2.0) -> int:
    """Count the voxels that smoothing by a Gaussian and thresholding at one half would change."""
    if not body.any():
        return 0
    # As far around the body as the Gaussian reaches, so that this is the number of the volume.
    body = body[bounding_box(body, int(REACH * sigma + 0.5) + 1)]
    smooth = ndimage.gaussian_filter(body.astype(np.float32), sigma, truncate=REACH) > 0.5
    return int(np.count_nonzero(smooth != body))


def convexity(body: np.ndarray) -> float:
    """Volume over that of the convex hull of the voxels, 0 to 1; 0 for an empty body.

    The hull is of the voxels as cubes, so that a box has a convexity of 1, be it flat or a single
    voxel. The hull of the voxels' centres would have no volume there, and counting the voxels in
    the hull (`skimage.morphology.convex_hull_image`) takes hundreds of times as long.
    """
    count = volume(body)
    if not count:
        return 0.0
    return min(count / hull_volume(body), 1.0)


def hull_volume(body: np.ndarray) -> float:
    """Volume of the convex hull of the occupied voxels as unit cubes."""
    # On each line along X through corners of voxels, only the two ends can be corners of the hull.
    size = body.shape[2]
    occupied = np.pad(body.any(axis=2), 1)
    first = np.where(occupied, np.pad(body.argmax(axis=2), 1), size)
    last = np.where(occupied, size - np.pad(body[:, :, ::-1].argmax(axis=2), 1), 0)
    # Four rows of voxels meet at such a line.
    low = np.minimum.reduce([first[:-1, :-1], first[1:, :-1], first[:-1, 1:], first[1:, 1:]])
    high = np.maximum.reduce([last[:-1, :-1], last[1:, :-1], last[:-1, 1:], last[1:, 1:]])
    z, y = np.nonzero(high > low)
    ends = [np.stack([z, y, side[z, y]], axis=1) for side in (low, high)]
    corners = np.concatenate(ends).astype(float)
    try:
        return float(ConvexHull(corners).volume)
    except QhullError:  # cannot happen for cubes, which have an extent along each axis
        return float(volume(body))


def mesh_surface(body: np.ndarray) -> float:
    """Area of the marching-cubes surface in voxel faces, the measure of older papers."""
    from skimage.measure import marching_cubes, mesh_surface_area

    if not body.any():
        return 0.0
    vertices, faces, *_ = marching_cubes(np.pad(body, 1).astype(np.float32), 0.5)
    return float(mesh_surface_area(vertices, faces))


def fragment_share(body: np.ndarray) -> float:
    """Share of a shape's voxels outside its largest piece (26 neighbours); 0 for an empty one.

    Parameters
    ----------
    body : ndarray
        bool, (Z, Y, X).
    """
    if not body.any():
        return 0.0
    _, sizes = pieces_of(body[bounding_box(body)])
    return float(1 - sizes.max() / sizes.sum())

"""Local thickness of a body, after Hildebrand and Rüegsegger (1997, J. Microsc. 185:67).

The thickness at a point is the diameter of the largest ball that lies in the body and holds the
point. The balls are found at the ridges of the distance to the empty voxels, and their centres and
radii then refined against the smooth surface, so that a slab of even thickness, whose middle lies
between voxels, is not measured as one voxel thinner.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from dispr.surface.distance import distance_to_empty
from dispr.surface.isosurface import MARGIN
from dispr.surface.surface import Surface

POINTS = 1000
"""Points of the body at which the thickness is evaluated, about, on a regular lattice."""

BALLS = 200
"""Most balls that are kept: the deepest, and an even choice of the ridge's."""

SLACK = 0.3
"""Part of a voxel by which a point may lie outside of a ball that holds it: the surface has bumps
of this height, which balls stop at."""

CHUNK = 512


def local_thickness(surface: Surface) -> np.ndarray:
    """Thickness at points that are spread evenly over the body.

    Parameters
    ----------
    surface : Surface
        Of the body.

    Returns
    -------
    ndarray
        (P,) float, in units of the spacing; the largest is the thickness of the thickest place.
    """
    centres, radii = inscribed_balls(surface)
    points = _lattice(surface)
    reach = radii + SLACK * min(surface.spacing)
    thickness = np.empty(len(points))
    for start in range(0, len(points), CHUNK):
        part = points[start : start + CHUNK]
        gaps = cdist(part, centres) - reach
        largest = np.where(gaps <= 0, radii, 0).max(axis=1)
        # In corners, where no ball of the ridge reaches, the closest ball stands in.
        bare = largest == 0
        largest[bare] = radii[gaps[bare].argmin(axis=1)]
        thickness[start : start + CHUNK] = 2 * largest
    return thickness


def inscribed_balls(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """Balls in the body that touch its surface on several sides: centres (B, 3), radii (B,)."""
    spacing = np.array(surface.spacing)
    rim = MARGIN - 1  # one empty voxel around is enough here
    body = surface.body[rim:-rim, rim:-rim, rim:-rim]
    distance = distance_to_empty(body, surface.spacing).astype(np.float32)
    # A ridge: no neighbour is further from the empty voxels by nearly its own distance.
    step = float(spacing.min())
    higher = ndimage.maximum_filter(distance, size=3) - distance
    ridge = np.flatnonzero(body & (higher < 0.5 * step))
    if len(ridge) > BALLS:
        deepest = ridge[distance.ravel()[ridge].argmax()]
        even = ridge[np.linspace(0, len(ridge) - 1, BALLS).astype(int)]
        ridge = np.union1d(even, [deepest])
    centres = (np.stack(np.unravel_index(ridge, distance.shape), axis=1) + rim) * spacing
    # As quick to ask, and sooner made than a balanced one.
    tree = cKDTree(surface.vertices, compact_nodes=False, balanced_tree=False)
    radii, nearest = tree.query(centres, eps=PRECISION)
    for part in STEPS:
        way = centres - surface.vertices[nearest]
        moved = centres + part * step * way / np.maximum(radii, 1e-9)[:, None]
        found, touched = tree.query(moved, eps=PRECISION)
        better = found > radii
        centres[better], radii[better] = moved[better], found[better]
        nearest[better] = touched[better]
    return centres, radii


STEPS = (0.5, 0.25, 0.12)
"""Parts of a voxel that a centre is moved by, away from the surface, where that makes room."""

PRECISION = 0.005
"""Relative error of radii: from the middle of a ball all of its surface is equally near."""


def _lattice(surface: Surface) -> np.ndarray:
    """Points of the body on a lattice whose steps along the axes are about equal in space."""
    occupied = int(np.count_nonzero(surface.body))
    spacing = np.array(surface.spacing)
    edge = (occupied * spacing.prod() / POINTS) ** (1 / 3)
    steps = np.maximum(np.rint(edge / spacing), 1).astype(int)
    part = surface.body[:: steps[0], :: steps[1], :: steps[2]]
    if not part.any():
        return np.argwhere(surface.body) * spacing
    return np.argwhere(part) * steps * spacing

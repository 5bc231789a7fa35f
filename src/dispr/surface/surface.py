"""The smooth surface of a body of voxels, and what is measured on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dispr.cells.spacing import Spacing
from dispr.surface.curvature import curvatures_at
from dispr.surface.humphrey import humphrey
from dispr.surface.isosurface import isosurface
from dispr.surface.triangles import Triangles


@dataclass(frozen=True, eq=False)
class Surface(Triangles):
    """The surface of a body.

    Attributes
    ----------
    vertices : ndarray
        (V, 3) float64, in units of the spacing, (Z, Y, X) from the centre of the first voxel of
        the box that was cut out.
    faces : ndarray
        (F, 3) int: triangles.
    indices : ndarray
        (V, 3) float64: the vertices in voxels.
    body : ndarray
        bool: the box, with empty voxels around the body.
    spacing : tuple of float
        Edges of a voxel along Z, Y, X.
    """

    indices: np.ndarray
    body: np.ndarray
    spacing: Spacing

    def hull_volume(self) -> float:
        """Volume of the convex hull."""
        from scipy.spatial import ConvexHull

        # Joggled input (QJ) moves points by 1e-10 of their size, and is sooner done than merging
        # the facets of the many points that lie in planes.
        return float(ConvexHull(self.vertices, qhull_options="QJ").volume)

    def humphrey_displacement(self) -> float:
        """Root mean square way of the vertices along the normal under HC smoothing.

        Most of their way is in the surface, where smoothing makes triangles alike; that part says
        nothing of the shape.
        """
        moved = humphrey(self.vertices, self.faces) - self.vertices
        normals = np.zeros_like(self.vertices)
        for axis in range(3):
            shares = np.repeat(self.crosses[:, axis], 3)
            normals[:, axis] = np.bincount(self.faces.ravel(), shares, len(normals))
        length = np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
        along = np.einsum("vi,vi->v", moved, normals) / length
        return float(np.sqrt((along**2).mean()))

    def curvatures(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and Gaussian curvature at the vertices, positive where convex, both (V,)."""
        return curvatures_at(self.indices, self.body, self.spacing)


def surface_of(body: np.ndarray, spacing: Spacing = (1.0, 1.0, 1.0)) -> Surface:
    """Make the surface of a body.

    Parameters
    ----------
    body : ndarray
        bool, (Z, Y, X), not empty. What touches the border of the volume is closed there.
    spacing : (float, float, float)
        Edges of a voxel along Z, Y, X.
    """
    points, faces, box = isosurface(body, spacing)
    return Surface(points * np.array(spacing), faces, points, box, spacing)

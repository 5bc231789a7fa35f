"""Triangles in space: their areas, and the volume in a closed surface of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Triangles:
    """A surface of triangles.

    Attributes
    ----------
    vertices : ndarray
        (V, 3) float64.
    faces : ndarray
        (F, 3) int: corners of the triangles.
    """

    vertices: np.ndarray
    faces: np.ndarray

    @cached_property
    def crosses(self) -> np.ndarray:
        """Normals of the triangles, as long as twice their area, (F, 3)."""
        corners = self.vertices[self.faces]
        return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])

    @cached_property
    def areas(self) -> np.ndarray:
        """Areas of the triangles, (F,)."""
        return np.linalg.norm(self.crosses, axis=1) / 2

    @cached_property
    def area(self) -> float:
        """Area of the surface."""
        return float(self.areas.sum())

    @cached_property
    def volume(self) -> float:
        """Volume inside the closed surface, by the divergence theorem."""
        first = self.vertices[self.faces[:, 0]] - self.vertices.mean(axis=0)
        return abs(float(np.einsum("ij,ij->", first, self.crosses)) / 6)

    @cached_property
    def weights(self) -> np.ndarray:
        """Area that belongs to each vertex, a third of its triangles', (V,)."""
        shares = np.repeat(self.areas / 3, 3)
        return np.bincount(self.faces.ravel(), shares, len(self.vertices))

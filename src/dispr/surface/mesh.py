"""The mesh of a shape: a smooth, closed surface of triangles, with its unit."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from dispr.cells.box import bounding_box
from dispr.cells.spacing import Spacing
from dispr.errors import ArrayError
from dispr.surface.files import write_mesh
from dispr.surface.isosurface import MARGIN, isosurface
from dispr.surface.spread import spread_at, surface_spread
from dispr.surface.triangles import Triangles

VOXEL: Spacing = (1.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Mesh(Triangles):
    """The surface of a shape.

    Attributes
    ----------
    vertices : ndarray
        (V, 3) float64: X, Y, Z from the centre of the volume's first voxel, in `unit`. As in the
        image, Y points down the rows.
    faces : ndarray
        (F, 3) int: vertex indices of the triangles, counterclockwise seen from outside.
    unit : "um" or "voxel"
        Unit of the vertices.
    spread : ndarray or None
        (V,) float64: standard deviation of the positions of the samples' surfaces at each vertex,
        in `unit`; None if it is unknown.
    """

    unit: str = "voxel"
    spread: np.ndarray | None = None

    @cached_property
    def watertight(self) -> bool:
        """Whether every edge belongs to exactly two triangles with opposite directions."""
        start, end = self.faces.ravel(), self.faces[:, [1, 2, 0]].ravel()
        there = start.astype(np.int64) * len(self.vertices) + end
        back = end.astype(np.int64) * len(self.vertices) + start
        there.sort()
        return bool((np.diff(there) > 0).all() and (there == np.sort(back)).all())

    def moved(self, by: tuple[float, float, float]) -> Mesh:
        """Return the mesh shifted by `by`, (X, Y, Z) in its unit."""
        return replace(self, vertices=self.vertices + np.array(by))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the mesh to a file; the extension gives the format: .stl, .ply, .obj or .glb.

        Raises
        ------
        ConfigError
            If the extension is not supported.
        FileError
            If the file cannot be written.
        """
        write_mesh(path, self.vertices, self.faces, self.unit, self.spread)


def mesh_of(volume: Any, spacing: Spacing | None = None, samples: np.ndarray | None = None) -> Mesh:
    """Make the mesh of a shape.

    The volume is smoothed by a Gaussian of 0.85 voxels and cut, at sub-voxel accuracy, by marching
    cubes (Lewiner et al. 2003) at the level that keeps the number of voxels above one half: the
    volume in the mesh is that of the measurements.

    Parameters
    ----------
    volume : array-like
        (Z, Y, X): bool, or the probability that a voxel is in the cell, 0 to 1.
    spacing : (float, float, float), optional
        Edges of a voxel along Z, Y and X in um; without them, lengths are in voxels.
    samples : ndarray, optional
        bool, (K, Z, Y, X): the ensemble, whose spread the mesh then knows.

    Raises
    ------
    ArrayError
        If this is not a volume, or no voxel exceeds one half.
    """
    field = np.asarray(volume)
    if field.ndim != 3 or field.dtype.kind not in "buif":
        raise ArrayError("A mesh needs a volume (Z, Y, X) of Boolean values or probabilities.")
    if not (field.min() >= 0 and field.max() <= 1):  # NaN is neither
        raise ArrayError("A mesh needs a volume of values from 0 to 1; divide it by its maximum.")
    body = field > 0.5
    if not body.any():
        raise ArrayError("The shape is empty (no voxel exceeds 0.5), so it has no surface to mesh.")
    edges = spacing or VOXEL
    points, faces, _ = isosurface(field, edges)
    points += [part.start - MARGIN for part in bounding_box(field > 0)]
    vertices = (points * np.array(edges))[:, ::-1]  # which also turns the triangles outwards
    mesh = Mesh(vertices, faces, "voxel" if spacing is None else "um")
    if samples is None or len(samples) < 2:
        return mesh
    return replace(mesh, spread=spread_at(surface_spread(samples, edges), points))

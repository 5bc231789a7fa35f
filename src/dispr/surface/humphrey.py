"""Smoothing of a mesh that keeps its volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def humphrey(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Smooth a mesh as Vollmer et al. (1999) do, by trimesh: alpha 0.1, beta 0.5, ten steps.

    Parameters
    ----------
    vertices, faces : ndarray
        (V, 3) and (F, 3).

    Returns
    -------
    ndarray
        The vertices, (V, 3) float64.
    """
    from scipy.sparse import coo_array
    from trimesh.smoothing import filter_humphrey

    # The mean of a vertex's neighbours. Of two triangles at an edge, one goes there, one back.
    start, end = faces.T.ravel(), faces[:, [1, 2, 0]].T.ravel()
    count = len(vertices)
    near = coo_array((np.ones(len(start)), (start, end)), (count, count)).tocsr()
    degree = np.diff(near.indptr)
    near.data = np.repeat(1 / np.maximum(degree, 1), degree)
    mesh = _Vertices(np.asarray(vertices, np.float64))
    filter_humphrey(mesh, laplacian_operator=near)
    return mesh.vertices


@dataclass
class _Vertices:
    """What trimesh's filter needs of a mesh, without the checks of a whole one."""

    vertices: np.ndarray

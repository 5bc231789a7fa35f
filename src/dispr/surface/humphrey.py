"""Smoothing of a mesh that keeps its volume."""

from __future__ import annotations

import numpy as np

BACK, OWN, STEPS = 0.1, 0.5, 10
"""alpha: how far a vertex is pushed back towards where it was at first; beta: how much its own push
counts beside the mean of its neighbours'; and how often, as in trimesh."""


def humphrey(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Smooth a mesh by the HC algorithm of Vollmer et al. (1999, Comput. Graph. Forum 18:131).

    The same as `trimesh.smoothing.filter_humphrey`, without the time that importing it takes.

    Parameters
    ----------
    vertices, faces : ndarray
        (V, 3) and (F, 3).

    Returns
    -------
    ndarray
        The vertices, (V, 3) float64.
    """
    from scipy.sparse import csr_array

    # The mean of a vertex's neighbours. Of two triangles at an edge, one goes there, one back.
    count = len(vertices)
    edges = (faces.astype(np.int64) * count + faces[:, [1, 2, 0]]).ravel()
    edges.sort()
    edges = edges[np.diff(edges, prepend=-1) > 0]
    start, end = np.divmod(edges, count)
    degree = np.bincount(start, minlength=count)
    bounds = np.concatenate([[0], np.cumsum(degree)]).astype(np.int32)
    weights = np.repeat(1 / np.maximum(degree, 1), degree)
    mean = csr_array((weights, end.astype(np.int32), bounds), (count, count))
    first = np.asarray(vertices, np.float64)
    now = first
    for _ in range(STEPS):
        moved = mean @ now
        push = moved - (BACK * first + (1 - BACK) * now)
        now = moved - (OWN * push + (1 - OWN) * (mean @ push))
    return now

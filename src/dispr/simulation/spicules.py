"""Bumps and spicules: quasi-uniform points on a body, and cones that grow from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dispr.simulation.grid import Grid, Points
from dispr.simulation.solids import join

_RAY = np.arange(2, 40, 0.5, dtype=np.float32)


@dataclass(frozen=True)
class Spicule:
    """A cone with round ends.

    Attributes
    ----------
    foot : tuple of 3 floats
        Centre of its base, in body coordinates (voxels).
    axis : tuple of 3 floats
        Its direction, of length 1.
    length : float
        From the centre of the base to that of the tip, in voxels.
    base, tip : float
        Radii of the two ends, in voxels.
    """

    foot: tuple[float, float, float]
    axis: tuple[float, float, float]
    length: float
    base: float
    tip: float


def even_directions(rng: np.random.Generator, count: int, jitter: float) -> np.ndarray:
    """Give `count` unit vectors (count, 3) spread evenly over the sphere, then disturbed.

    A Fibonacci lattice (Gonzalez 2010, Math. Geosci. 42, 49), turned at random. `jitter` is the
    standard deviation of the disturbance, in units of the distance between neighbours.
    """
    index = np.arange(count) + 0.5
    cosine = 1 - 2 * index / count
    angle = np.pi * (1 + np.sqrt(5)) * index + rng.uniform(0, 2 * np.pi)
    sine = np.sqrt(1 - cosine**2)
    directions = np.stack([sine * np.cos(angle), sine * np.sin(angle), cosine], axis=1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    spacing = np.sqrt(4 * np.pi / count)
    directions = directions @ turn + rng.normal(0, jitter * spacing, directions.shape)
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def surface_points(
    body: Callable[[Points], np.ndarray], directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find where rays from the origin leave a body, and the normals there.

    Parameters
    ----------
    body : function
        Depth in the body at `Points`.
    directions : (N, 3) array
        Directions of the rays, of length 1.

    Returns
    -------
    points, normals : (N, 3) arrays
        Points within half a voxel of the surface, and outward normals of length 1.
    """
    rays = (directions[:, None, :] * _RAY[None, :, None]).astype(np.float32)
    inside = body((rays[..., 0], rays[..., 1], rays[..., 2])) > 0
    # The last point inside: a body that is hollow or bent may be left and entered again.
    last = np.where(inside.any(1), len(_RAY) - 1 - np.argmax(inside[:, ::-1], axis=1), 0)
    points = directions * _RAY[last][:, None]
    steps = np.eye(3) * 0.5
    depth = [
        body(tuple((points + step).astype(np.float32).T))  # type: ignore[arg-type]
        - body(tuple((points - step).astype(np.float32).T))  # type: ignore[arg-type]
        for step in steps
    ]
    normals = -np.stack(depth, axis=1)
    norm = np.linalg.norm(normals, axis=1, keepdims=True)
    return points, np.where(norm > 1e-3, normals / np.maximum(norm, 1e-3), directions)


def grow(depth: np.ndarray, grid: Grid, spicules: Sequence[Spicule], blend: float) -> np.ndarray:
    """Join spicules to a body whose depth on the grid is given; edits `depth` and returns it.

    Each is evaluated only in the part of the grid that it reaches: forty of them cost less than
    the body.
    """
    for spicule in spicules:
        foot = np.asarray(spicule.foot, np.float32)
        axis = np.asarray(spicule.axis, np.float32)
        middle = foot + axis * np.float32(spicule.length / 2)
        part = grid.box(middle, spicule.length / 2 + spicule.base + blend)
        if depth[part].size == 0:
            continue
        x, y, z = (p[part] - f for p, f in zip(grid.points, foot, strict=True))
        along = np.clip(
            (axis[0] * x + axis[1] * y + axis[2] * z) / np.float32(spicule.length), 0, 1
        )
        reach = along * np.float32(spicule.length)
        x, y, z = x - axis[0] * reach, y - axis[1] * reach, z - axis[2] * reach
        radius = np.float32(spicule.base) + np.float32(spicule.tip - spicule.base) * along
        depth[part] = join(depth[part], radius - np.sqrt(x * x + y * y + z * z), blend)
    return depth

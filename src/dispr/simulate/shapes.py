"""Analytic red blood cells as implicit functions.

Each function maps coordinates about the cell's centre (Z, Y, X, in voxels of about 0.172 um) and a
random generator to a field that is negative inside and positive outside, roughly in voxels. The
sizes are fitted to the medians of the published cells, whose surfaces are swollen by membrane stain
and blur; the forms follow the classes of Simionato et al. (PLoS Comput Biol 2021).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Grid = tuple[np.ndarray, np.ndarray, np.ndarray]
Shape = Callable[[Grid, np.random.Generator], np.ndarray]


def spherocyte(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Ball, a little elongated along Z by the blur, flattened where it lies."""
    z = grid[0]
    a = rng.normal(20.0, 1.0)
    height = a * rng.normal(1.12, 0.04)
    field = ellipsoid(grid, height, a * rng.normal(1, 0.02), a * rng.normal(1, 0.02))
    return smooth_maximum(field, z - height * rng.uniform(0.85, 1.1), 2.0)


def discocyte(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Biconcave disc: the profile of Evans and Fung (Microvasc Res 1972), inflated."""
    radius = rng.normal(24.5, 1.2)
    return disc(
        grid,
        radius,
        radius * rng.normal(1.0, 0.04),
        rim=rng.normal(13.0, 0.8),
        dimple=rng.uniform(0.35, 0.85),
    )


def stomatocyte_i(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Disc bent to a shallow cup, open to either side."""
    return cup(grid, rng, radius=rng.normal(25.0, 1.2), rim=rng.normal(9.0, 0.8), bend=0.65)


def stomatocyte_ii(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Deep cup: a ball with one dent."""
    z, y, x = grid
    a = rng.normal(21.5, 1.0)
    up = rng.choice([-1.0, 1.0])
    body = ellipsoid(grid, 0.9 * a, a, a * rng.normal(1, 0.03))
    depth = rng.uniform(0.35, 0.65) * a
    width = rng.uniform(0.4, 0.55) * a
    dy, dx = rng.normal(0, 0.05 * a, 2)
    dent = ellipsoid((z - up * a, y - dy, x - dx), depth + 2, width, width)
    return smooth_maximum(body, -dent, 2.5)


def echinocyte_i(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Disc with an irregular contour."""
    _, y, x = grid
    angle = np.arctan2(y, x)
    contour = 1 + sum(
        rng.normal(0, 0.035) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(2, 8)
    )
    radius = rng.normal(25.0, 1.2)
    return disc(
        (grid[0], y / contour, x / contour),
        radius,
        radius * rng.normal(0.97, 0.04),
        rim=rng.normal(11.0, 1.2),
        dimple=rng.uniform(0.4, 0.9),
    )


def echinocyte_ii(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Thick disc covered with rounded bumps."""
    body = ellipsoid(grid, rng.normal(10.8, 1.0), *rng.normal(18.7, 1.0, 2))
    return spiculate(body, grid, rng, count=int(rng.integers(24, 36)), length=4.2, width=0.22)


def echinocyte_iii(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Ball covered with regular spicules."""
    body = ellipsoid(grid, *rng.normal(18.0, 1.0, 3))
    return spiculate(body, grid, rng, count=int(rng.integers(22, 34)), length=6.5, width=0.17)


def acanthocyte(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Ball with few, long, irregular spicules."""
    body = ellipsoid(grid, *rng.normal(17.0, 1.2, 3))
    count = int(rng.integers(5, 12))
    return spiculate(body, grid, rng, count=count, length=8.0, width=0.25, regular=False)


def keratocyte(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Body with a bite between two horns."""
    z, y, x = turned_in_plane(grid, rng)
    a = rng.normal(22.5, 1.2)
    body = ellipsoid((z, y, x), rng.normal(14.5, 1.5), a * rng.normal(0.8, 0.06), a)
    reach = rng.uniform(0.55, 0.8) * a
    for side in (-1.0, 1.0):
        horn = ellipsoid((z, y + reach * 0.95, x - side * reach), 6.0, rng.uniform(6, 10), 5.0)
        body = smooth_minimum(body, horn, 4.0)
    bite = ellipsoid((z, y + a * 0.95, x), 30.0, rng.uniform(0.3, 0.5) * a, 0.42 * a)
    return smooth_maximum(body, -bite, 2.0)


def knizocyte(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Pinched body: a ridge between two or three hollows around an axis in the plane."""
    z, y, x = turned_in_plane(grid, rng)
    angle = np.arctan2(z, y) + rng.uniform(0, 2 * np.pi)
    folds = int(rng.choice([2, 3, 3]))
    reach = 1 + rng.uniform(0.22, 0.36) * np.cos(folds * angle)
    a = rng.normal(19.0, 1.0)
    return ellipsoid((z / reach, y / reach, x), 1.03 * a, 0.98 * a, 1.02 * a)


def multilobate(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Three to five lobes grown together."""
    count = int(rng.integers(3, 6))
    field = ellipsoid(grid, *rng.normal(16.0, 1.0, 3))
    for direction in directions(count, rng, regular=True):
        dz, dy, dx = direction * rng.uniform(11.0, 13.5)
        z, y, x = grid
        radius = rng.normal(13.7, 1.2)
        lobe = ellipsoid((z - 1.2 * dz, y - dy, x - dx), radius, radius, radius)
        field = smooth_minimum(field, lobe, 2.5)
    return field


def cell_cluster(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Two to four cells in contact, each a disc or a ball of any pose."""
    count = int(rng.choice([2, 2, 3, 3, 4]))
    spread = {2: 12.5, 3: 14.5, 4: 16.0}[count]
    field: np.ndarray | None = None
    for direction in directions(count, rng, regular=True):
        z, y, x = (axis - shift for axis, shift in zip(grid, spread * direction, strict=True))
        one = turned((z, y, x), rng)
        scale = rng.normal(1.0, 0.07) * {2: 1.12, 3: 0.95, 4: 0.85}[count]
        if rng.random() < 0.6:
            cell = disc(one, 20.5 * scale, 20.5 * scale, rim=10.5 * scale, dimple=0.8)
        else:
            cell = ellipsoid(one, *(16.5 * scale * rng.normal(1, 0.05, 3)))
        field = cell if field is None else smooth_minimum(field, cell, 2.0)
    assert field is not None
    return field


SHAPES: dict[str, Shape] = {
    "-1.00_spherocyte": spherocyte,
    "-0.67_stomatocyte_II": stomatocyte_ii,
    "-0.33_stomatocyte_I": stomatocyte_i,
    "0.00_discocyte": discocyte,
    "0.33_echinocyte_I": echinocyte_i,
    "0.67_echinocyte_II": echinocyte_ii,
    "1.00_echinocyte_III": echinocyte_iii,
    "A_cell_clusters": cell_cluster,
    "B_keratocytes": keratocyte,
    "C_knizocytes": knizocyte,
    "D_multilobate_cells": multilobate,
    "E_acanthocytes": acanthocyte,
}


def ellipsoid(grid: Grid, a: float, b: float, c: float) -> np.ndarray:
    """Ellipsoid with half-axes a, b, c along Z, Y, X."""
    z, y, x = grid
    return (np.sqrt((z / a) ** 2 + (y / b) ** 2 + (x / c) ** 2) - 1) * min(a, b, c)


def disc(grid: Grid, b: float, c: float, *, rim: float, dimple: float) -> np.ndarray:
    """Biconcave disc with half-axes b, c, half as thick as `rim` at its thickest.

    `dimple` is the thickness of the middle as a share of that of the rim.
    """
    z, y, x = grid
    r2 = (y / b) ** 2 + (x / c) ** 2
    # Evans and Fung: sqrt(1 - r^2) times a polynomial in r^2, here one that is `dimple` in the
    # middle and 1 / sqrt(1 - r^2) at its highest, near two thirds of the radius.
    inside = np.sqrt(np.clip(1 - r2, 0, None))
    profile = inside * (dimple + (1.42 - dimple) * np.clip(r2 / 0.55, 0, 1) ** 1.5)
    flat = np.abs(z) - rim * np.minimum(profile, 1.0)
    beyond = (np.sqrt(r2) - 1) * min(b, c)
    return smooth_maximum(flat, beyond, 3.0)


def cup(
    grid: Grid, rng: np.random.Generator, *, radius: float, rim: float, bend: float
) -> np.ndarray:
    """Disc bent along Z into a bowl."""
    z, y, x = grid
    up = rng.choice([-1.0, 1.0])
    height = rng.uniform(0.5, 1.2) * bend * radius
    bowl = up * height * ((y**2 + x**2) / radius**2 - 0.4)
    return disc((z - bowl, y, x), radius, radius * rng.normal(1, 0.04), rim=rim, dimple=0.9)


def spiculate(
    body: np.ndarray,
    grid: Grid,
    rng: np.random.Generator,
    *,
    count: int,
    length: float,
    width: float,
    regular: bool = True,
) -> np.ndarray:
    """Raise spicules of some length (voxels) and width (radians) from a body's surface."""
    z, y, x = grid
    radius = np.sqrt(z**2 + y**2 + x**2) + 1e-6
    raised = np.zeros_like(body)
    for d in directions(count, rng, regular=regular):
        cosine = (z * d[0] + y * d[1] + x * d[2]) / radius
        own = width * rng.uniform(0.8, 1.3)
        raised += length * rng.uniform(0.5, 1.4) * np.exp((cosine - 1) / own**2)
    return body - np.minimum(raised, 2 * length)


def directions(count: int, rng: np.random.Generator, *, regular: bool) -> np.ndarray:
    """Draw unit vectors, (count, 3): on a jittered, turned Fibonacci lattice, or at random."""
    if not regular:
        drawn = rng.normal(size=(count, 3))
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    i = np.arange(count) + 0.5
    polar, azimuth = np.arccos(1 - 2 * i / count), np.pi * (1 + 5**0.5) * i
    lattice = np.stack(
        [np.cos(polar), np.sin(polar) * np.sin(azimuth), np.sin(polar) * np.cos(azimuth)], axis=1
    )
    lattice = lattice @ rotation(rng).T + rng.normal(0, 0.25 / np.sqrt(count), (count, 3))
    return lattice / np.linalg.norm(lattice, axis=1, keepdims=True)


def rotation(rng: np.random.Generator) -> np.ndarray:
    """Random rotation matrix, uniform over all poses (Haar)."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def turned(grid: Grid, rng: np.random.Generator) -> Grid:
    """Turn the coordinates to a random pose in space."""
    m = rotation(rng).astype(np.float32)
    z, y, x = grid
    return tuple(m[i, 0] * z + m[i, 1] * y + m[i, 2] * x for i in range(3))  # type: ignore[return-value]


def turned_in_plane(grid: Grid, rng: np.random.Generator) -> Grid:
    """Turn the coordinates about the Z axis by a random angle."""
    z, y, x = grid
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return z, cos * y + sin * x, cos * x - sin * y


def smooth_minimum(a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
    """Union of two bodies, rounded over `radius` voxels where they meet."""
    h = np.clip(0.5 + 0.5 * (b - a) / radius, 0, 1)
    return b + (a - b) * h - radius * h * (1 - h)


def smooth_maximum(a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
    """Intersection of two bodies, rounded over `radius` voxels."""
    return -smooth_minimum(-a, -b, radius)

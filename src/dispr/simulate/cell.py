"""One simulated cell from a type and a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from dispr.errors import ConfigError
from dispr.simulate.imaging import SECTION, section_image
from dispr.simulate.shapes import SHAPES, Grid, turned, turned_in_plane

SIZE = 64
MARGIN = 1.5
"""Voxels kept free at the edges of the volume."""

TYPES = tuple(SHAPES)

# Cells that lie on the slide, and are turned about the optical axis alone.
LYING = {
    "-1.00_spherocyte",
    "-0.67_stomatocyte_II",
    "-0.33_stomatocyte_I",
    "0.00_discocyte",
    "0.33_echinocyte_I",
    "0.67_echinocyte_II",
    "B_keratocytes",
    "C_knizocytes",
}

# Share of the cells whose inside stays dark, so that their object is a shell.
HOLLOW = {"1.00_echinocyte_III": 0.5, "E_acanthocytes": 0.3}


@dataclass(frozen=True, eq=False)
class SimulatedCell:
    """A simulated cell.

    Attributes
    ----------
    type : str
        One of `TYPES`.
    image, mask : ndarray
        (64, 64) uint8; the mask is plane 32 of the object.
    obj : ndarray
        (64, 64, 64) uint8, ZYX, grey at the border; voxels of about 0.172 um.
    """

    type: str
    image: np.ndarray
    mask: np.ndarray
    obj: np.ndarray


def simulate_cell(cell_type: str, seed: int | tuple[int, ...]) -> SimulatedCell:
    """Simulate one cell of a type; the same seed gives the same cell.

    Parameters
    ----------
    cell_type : str
        One of `TYPES`.
    seed : int or tuple of int
        Draws shape, pose, size and image.

    Raises
    ------
    ConfigError
        If there is no such type.
    """
    if cell_type not in SHAPES:
        raise ConfigError(f'there is no type "{cell_type}"; there are {", ".join(TYPES)}.')
    rng = np.random.default_rng(seed)
    distance = _distance(cell_type, rng)
    if rng.random() < HOLLOW.get(cell_type, 0.0):
        distance = np.maximum(distance, -distance - rng.uniform(6.0, 9.0))
    occupancy = np.clip(0.5 - distance / 1.6, 0, 1)
    obj = np.rint(occupancy * 255).astype(np.uint8)
    return SimulatedCell(cell_type, section_image(distance, rng), obj[SECTION].copy(), obj)


def _distance(cell_type: str, rng: np.random.Generator) -> np.ndarray:
    """Signed distance of a random cell, centred on plane 32 and clear of the edges."""
    # Drawn first: the field is evaluated again if the cell must be moved or shrunk.
    seeds = rng.integers(2**63, size=3)
    shift, scale = np.zeros(3), 1.0
    for _ in range(6):
        grid = _bent(_grid(shift, scale), np.random.default_rng(seeds[0]))
        pose = np.random.default_rng(seeds[1])
        grid = (turned_in_plane if cell_type in LYING else turned)(grid, pose)
        field = SHAPES[cell_type](grid, np.random.default_rng(seeds[2]))
        coarse = field / np.sqrt(sum(g**2 for g in np.gradient(field, 2.0)) + 0.04)
        coarse = np.clip(coarse, -12, 12).astype(np.float32)
        low, high = _extent(coarse)
        if (high - low).max() <= SIZE - 2 * MARGIN and np.abs((low + high) / 2).max() < 0.6:
            break
        shift = shift + (low + high) / 2
        scale *= min(1.0, (SIZE - 2 * MARGIN - 1) / float((high - low).max()))
    return ndimage.zoom(coarse, 2, order=1, mode="nearest", grid_mode=True)


def _grid(shift: np.ndarray, scale: float) -> Grid:
    """Coordinates of every second voxel from the centre of the volume, plane 32 being Z = 0."""
    ticks = np.arange(0.5, SIZE, 2, dtype=np.float32)
    z, y, x = np.meshgrid(ticks - SECTION, ticks - 31.5, ticks - 31.5, indexing="ij")
    return tuple(  # type: ignore[return-value]
        (axis + np.float32(by)) / np.float32(scale)
        for axis, by in zip((z, y, x), shift, strict=True)
    )


def _bent(grid: Grid, rng: np.random.Generator) -> Grid:
    """Deform space by a few slow waves, so that no cell is ideal."""
    bent = [axis.copy() for axis in grid]
    for i in range(3):
        for _ in range(2):
            wave = rng.normal(0, 0.055, 3).astype(np.float32)
            phase = sum(w * axis for w, axis in zip(wave, grid, strict=True))
            amplitude = np.float32(rng.normal(0, 1.3))
            bent[i] += amplitude * np.sin(phase + np.float32(rng.uniform(0, 2 * np.pi)))
    return tuple(bent)  # type: ignore[return-value]


def _extent(coarse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinate of the inside along Z, Y, X, from the centre."""
    inside = coarse < 0
    low, high = np.zeros(3), np.zeros(3)
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        places = np.flatnonzero(inside.any(axis=others))
        centre = SECTION if axis == 0 else 31.5
        low[axis], high[axis] = 2 * places[0] - 0.5 - centre, 2 * places[-1] + 1.5 - centre
    return low, high

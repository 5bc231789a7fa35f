"""A simulated field of view: touching cells whose 3D shapes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from dispr.cells.arrays import SECTION, SIZE
from dispr.errors import ConfigError
from dispr.simulation.cell import SimulatedCell, check_types, simulate_cell
from dispr.simulation.imaging import Microscope

VOXEL = 0.172
"""Edge of a pixel and of a voxel in um."""

_REACH = 10
"""Pixels from a cell at which its light has faded."""

_TRIES = 400
"""Places that are tried for a cell before the field is full."""


@dataclass(frozen=True, eq=False)
class SimulatedField:
    """A simulated field of view.

    Attributes
    ----------
    image : (Y, X) uint8 array
        Confocal section of all cells at plane 32.
    labels : (Y, X) uint16 array
        Its segmentation: the label of cell i is i + 1.
    truth : (64, Y, X) uint16 array
        The 3D labels; plane 32 is `labels`.
    cells : tuple of SimulatedCell
        The cells, each in its own box.
    corners : tuple of (int, int)
        First row and column of each cell's box in the field.
    """

    image: np.ndarray
    labels: np.ndarray
    truth: np.ndarray
    cells: tuple[SimulatedCell, ...]
    corners: tuple[tuple[int, int], ...]


def simulate_field(
    n: int,
    seed: int = 0,
    shape: tuple[int, int] = (512, 512),
    types: Sequence[str] | None = None,
) -> SimulatedField:
    """Simulate a field of cells, most of which touch others.

    Every second cell is placed so that it nearly touches another cell in 3D; the others are placed
    at random. No cell is cut by the border of the field.

    Parameters
    ----------
    n : int
        Number of cells.
    seed : int
        Seed of all randomness.
    shape : (int, int)
        Rows and columns, at least 64 each.
    types : sequence of str, optional
        The cell types to cycle through (`dispr.cells.classes.TYPES`). Default: all published types.

    Raises
    ------
    ConfigError
        If the cells do not fit into the field, or a type is unknown.
    """
    chosen = check_types(types)
    if min(shape) < SIZE or not 1 <= n < 2**16:
        raise ConfigError(f"{n} cells do not fit into a field of {shape[0]} x {shape[1]} pixels.")
    rng = np.random.default_rng(np.random.SeedSequence([seed, n, *shape]))
    truth = np.zeros((SIZE, *shape), np.uint16)
    cells: list[SimulatedCell] = []
    corners: list[tuple[int, int]] = []
    for i in range(n):
        cell = simulate_cell(chosen[i % len(chosen)], seed, i)
        body = cell.obj > 127
        near = corners[int(rng.integers(len(corners)))] if corners and i % 2 else None
        corner = _free_place(truth, body, near, rng)
        if corner is None:
            raise ConfigError(
                f"only {i} of {n} cells fit into a field of {shape[0]} x {shape[1]} pixels; make "
                "it larger."
            )
        _window(truth, corner)[body] = i + 1
        cells.append(cell)
        corners.append(corner)
    image = _expose(shape, cells, corners, rng)
    return SimulatedField(image, truth[SECTION].copy(), truth, tuple(cells), tuple(corners))


def _free_place(
    truth: np.ndarray,
    body: np.ndarray,
    near: tuple[int, int] | None,
    rng: np.random.Generator,
) -> tuple[int, int] | None:
    """Find a place where a body meets no other: anywhere, or close to a place."""
    last = np.array(truth.shape[1:]) - SIZE
    for attempt in range(_TRIES):
        if near is None or attempt > _TRIES // 2:
            place = rng.integers(0, last + 1)
            if _is_free(truth, body, place):
                return int(place[0]), int(place[1])
            continue
        angle = rng.uniform(0, 2 * np.pi)
        way = np.array([np.sin(angle), np.cos(angle)])
        closest = None
        for distance in range(SIZE, 8, -1):
            place = np.rint(near + way * distance).astype(int)
            if (place < 0).any() or (place > last).any() or not _is_free(truth, body, place):
                break
            closest = place
        if closest is not None:
            return int(closest[0]), int(closest[1])
    return None


def _is_free(truth: np.ndarray, body: np.ndarray, place: np.ndarray) -> bool:
    return not _window(truth, (int(place[0]), int(place[1])))[body].any()


def _window(array: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
    y, x = corner
    return array[..., y : y + SIZE, x : x + SIZE]


def _expose(
    shape: tuple[int, int],
    cells: Sequence[SimulatedCell],
    corners: Sequence[tuple[int, int]],
    rng: np.random.Generator,
) -> np.ndarray:
    """Add up the light of all cells on one dark, noisy ground."""
    scope = Microscope()
    noise = np.sqrt(scope.gain * scope.background + scope.read_noise**2)
    light = rng.normal(scope.background, noise, shape).astype(np.float32)
    for cell, corner in zip(cells, corners, strict=True):
        away = ndimage.distance_transform_edt(cell.obj[SECTION] <= 127)
        dark = float(np.median(cell.image[away > _REACH])) if (away > _REACH).any() else 0.0
        # Its own ground and the noise on that are left out, and light fades to nothing.
        share = np.clip(2 - 2 * away / _REACH, 0, 1)
        _window(light, corner)[:] += (cell.image - np.float32(dark)) * share
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)

"""Put predicted shapes back where their cells stand: the label volume of a field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dispr.cells.arrays import SIZE
from dispr.fields.crop import Square

HALF = 127
"""Largest quantised probability that is outside."""

MARGIN = 2
"""Voxels about a shape that are kept with it, to interpolate its border."""


@dataclass(frozen=True, eq=False)
class PlacedShape:
    """The shape of a cell, small enough to keep thousands of.

    Attributes
    ----------
    label : int
        The cell's label.
    square : Square
        The part of the field that the shape's 64 x 64 columns stand on.
    corner : (z, y, x)
        First voxel of the kept part of the 64 x 64 x 64.
    probability : ndarray
        uint8, the part in which the cell is likely: 128 to 255 inside, 0 to 127 outside.
    """

    label: int
    square: Square
    corner: tuple[int, int, int]
    probability: np.ndarray


def placed_shape(label: int, square: Square, probability: np.ndarray) -> PlacedShape:
    """Keep the part of a probability, (64, 64, 64), that its shape needs."""
    inside = probability > 0.5
    grey = np.rint(probability * 255).astype(np.uint8)
    # The border of the shape stays where it is, whatever the rounding.
    grey = np.where(inside, np.maximum(grey, HALF + 1), np.minimum(grey, HALF))
    if not inside.any():
        return PlacedShape(label, square, (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
    part = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        found = inside.any(axis=others).nonzero()[0]
        part.append(slice(max(int(found[0]) - MARGIN, 0), int(found[-1]) + 1 + MARGIN))
    corner = (part[0].start, part[1].start, part[2].start)
    return PlacedShape(label, square, corner, grey[tuple(part)].copy())


class FieldVolume:
    """The label volume of a field, made plane by plane, so that it never is in memory as a whole.

    Voxels are cubes of a pixel's edge. Where several cells claim a voxel, the likeliest has it, and
    of equally likely ones the first.

    Parameters
    ----------
    shapes : sequence of PlacedShape
        The cells.
    field : (int, int)
        Rows and columns of the field.

    Attributes
    ----------
    shape : (int, int, int)
        Planes, rows and columns. There are as many planes as the largest square has rows.
    dtype : numpy.dtype
        uint16, or uint32 where a label is larger than that.
    focus : int
        The plane that was imaged.
    """

    def __init__(self, shapes: Sequence[PlacedShape], field: tuple[int, int]) -> None:
        self._shapes = list(shapes)
        depth = max((shape.square.edge for shape in shapes), default=SIZE)
        self.shape = (depth, *field)
        self.focus = depth // 2
        largest = max((shape.label for shape in shapes), default=0)
        self.dtype = np.dtype(np.uint16 if largest < 2**16 else np.uint32)
        self._claimed = np.zeros(len(self._shapes) + 1, np.int64)
        self._held = np.zeros(len(self._shapes) + 1, np.int64)

    def planes(self) -> Iterator[np.ndarray]:
        """Yield the planes, (Y, X), from z = 0 on."""
        self._claimed[:], self._held[:] = 0, 0
        labels = np.array([0, *(shape.label for shape in self._shapes)], self.dtype)
        for z in range(self.shape[0]):
            numbers = np.zeros(self.shape[1:], np.uint32)
            best = np.zeros(self.shape[1:], np.float32)
            for k, shape in enumerate(self._shapes, start=1):
                self._claimed[k] += _paint(numbers, best, k, shape, self._place(z, shape))
            self._held += np.bincount(numbers.ravel(), minlength=len(labels))
            yield labels[numbers]

    def overlaps(self) -> list[float]:
        """Give the share of each cell's voxels that a likelier cell has, once all planes are made.

        Voxels beyond the field do not count; NaN for a cell that has none in it.
        """
        claimed, held = self._claimed[1:], self._held[1:]
        return [
            1 - int(h) / int(c) if c else float("nan") for c, h in zip(claimed, held, strict=True)
        ]

    def _place(self, z: int, shape: PlacedShape) -> float:
        """Give the place of a plane in the cell's cube: all cubes have their middles at one z."""
        return z + (shape.square.edge - self.shape[0]) / 2


def _paint(numbers: np.ndarray, best: np.ndarray, number: int, shape: PlacedShape, z: float) -> int:
    """Paint one plane of one cell; give the number of voxels that it claims in the field."""
    edge = shape.square.edge
    depth, height, width = shape.probability.shape
    weights = _weights(z, edge)[shape.corner[0] : shape.corner[0] + depth]
    if not weights.any():
        return 0
    across = _resampling(edge)
    rows = across[:, shape.corner[1] : shape.corner[1] + height]
    columns = across[:, shape.corner[2] : shape.corner[2] + width]
    section = np.tensordot(weights, shape.probability.astype(np.float32), axes=1)
    y, x = _reached(rows), _reached(columns)
    likely = rows[y] @ section @ columns[x].T
    # What lies beyond the field is left out.
    top, left = shape.square.y + y.start, shape.square.x + x.start
    skip_y, skip_x = max(-top, 0), max(-left, 0)
    likely = likely[skip_y:, skip_x:]
    y0, x0 = top + skip_y, left + skip_x
    window = (slice(y0, y0 + likely.shape[0]), slice(x0, x0 + likely.shape[1]))
    likely = likely[: numbers[window].shape[0], : numbers[window].shape[1]]
    claims = likely > HALF + 0.5
    wins = claims & (likely > best[window])
    numbers[window][wins] = number
    best[window][wins] = likely[wins]
    return int(claims.sum())


def _weights(place: float, edge: int) -> np.ndarray:
    """Give what each of 64 samples counts at a place of a grid of `edge` over the same length.

    Linear interpolation; where the grid is coarser, a triangle as wide as its spacing.
    """
    if not -0.5 <= place <= edge - 0.5:
        return np.zeros(SIZE, np.float32)
    centre = (place + 0.5) * SIZE / edge - 0.5
    found = np.maximum(0, 1 - np.abs(np.arange(SIZE) - centre) / max(1.0, SIZE / edge))
    return np.asarray(found / found.sum(), np.float32)


@lru_cache(maxsize=64)
def _resampling(edge: int) -> np.ndarray:
    """Give the matrix that brings 64 samples to `edge`, (edge, 64)."""
    return np.stack([_weights(k, edge) for k in range(edge)])


def _reached(matrix: np.ndarray) -> slice:
    """Give the range of rows that are not all zero."""
    found = matrix.any(axis=1).nonzero()[0]
    return slice(int(found[0]), int(found[-1]) + 1)

"""Put predicted shapes back where their cells stand: the label volume of a field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from dispr.cells.arrays import SIZE
from dispr.cells.box import bounding_box
from dispr.cells.square import Square, Window, overlap

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
        uint8, the part in which the cell is likely: 128 to 255 inside, 0 to 127 outside; of
        `placed_likelihood`, 255 times the probability.
    height : float
        Of its section above the imaged plane, in pixels of the field.
    """

    label: int
    square: Square
    corner: tuple[int, int, int]
    probability: np.ndarray
    height: float = 0.0


def placed_shape(
    label: int, square: Square, probability: np.ndarray, height: float = 0.0
) -> PlacedShape:
    """Keep of a probability, (64, 64, 64), 0 to 1, what the shape above one half needs.

    Its values are stretched, so that the likeliest voxel outside is as far below the border as the
    least likely one inside is above: the mean of an even number of samples can be one half, which
    is outside, and interpolation would put the border at the middle of that voxel.
    """
    inside = probability > 0.5
    least = float(probability[inside].min()) if inside.any() else 1.0
    most = 0.0 if inside.all() else float(probability[~inside].max())
    half = (least - most) / 2
    stretched = np.interp(probability, [0, most, least, 1], [0, 0.5 - half, 0.5 + half, 1])
    if most == 0:
        stretched[~inside] = 0.5 - half
    if least == 1:
        stretched[inside] = 0.5 + half
    grey = np.rint(255 * stretched)
    # The border of the shape stays where it is, whatever the rounding.
    grey = np.where(inside, np.maximum(grey, HALF + 1), np.minimum(grey, HALF))
    return replace(_kept(label, square, grey.astype(np.uint8), inside), height=height)


def placed_likelihood(label: int, square: Square, probability: np.ndarray) -> PlacedShape:
    """Keep of a probability, (64, 64, 64), 0 to 1, all that any sample has, as it is."""
    grey = np.rint(probability * 255).astype(np.uint8)
    return _kept(label, square, grey, probability > 0)


def _kept(label: int, square: Square, grey: np.ndarray, kept: np.ndarray) -> PlacedShape:
    """Cut out what is to be kept, with a margin."""
    if not kept.any():
        return PlacedShape(label, square, (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
    part = bounding_box(kept, MARGIN)
    corner = (part[0].start, part[1].start, part[2].start)
    return PlacedShape(label, square, corner, grey[part].copy())


def depth_of(edges: Sequence[tuple[int, float]]) -> int:
    """Give the planes of a label volume that holds cubes at heights about its middle.

    Parameters
    ----------
    edges : sequence of (int, float)
        Edge of each cube and its height above the imaged plane, in pixels.
    """
    return max((edge + 2 * int(np.ceil(abs(height))) for edge, height in edges), default=SIZE)


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
    depth : int, optional
        Number of planes; as many as the largest square has rows if not given.

    Attributes
    ----------
    shape : (int, int, int)
        Planes, rows and columns.
    dtype : numpy.dtype
        uint16, or uint32 where a label is larger than that.
    focus : int
        The plane that was imaged.
    """

    def __init__(
        self, shapes: Sequence[PlacedShape], field: tuple[int, int], depth: int | None = None
    ) -> None:
        self._shapes = list(shapes)
        planes = depth or depth_of([(shape.square.edge, shape.height) for shape in shapes])
        self.shape = (planes, *field)
        self.focus = planes // 2
        largest = max((shape.label for shape in shapes), default=0)
        self.dtype = np.dtype(np.uint16 if largest < 2**16 else np.uint32)
        self._claimed = np.zeros(len(self._shapes), np.int64)
        self._held = np.zeros(len(self._shapes), np.int64)

    def planes(self, on_plane: Callable[[], Any] | None = None) -> Iterator[np.ndarray]:
        """Yield the planes, (Y, X), from z = 0 on; `on_plane` is called after each."""
        self._claimed[:], self._held[:] = 0, 0
        for z in range(self.shape[0]):
            plane = np.zeros(self.shape[1:], self.dtype)
            best = np.zeros(self.shape[1:], np.float32)
            windows = []
            for k, shape in enumerate(self._shapes):
                window, claimed = _paint(plane, best, shape, self._place(z, shape))
                if claimed:
                    windows.append((k, window))
                    self._claimed[k] += claimed
            for k, window in windows:
                self._held[k] += int((plane[window] == self._shapes[k].label).sum())
            yield plane
            if on_plane:
                on_plane()

    def array(self) -> np.ndarray:
        """Make the whole volume, (Z, Y, X)."""
        out = np.empty(self.shape, self.dtype)
        for z, plane in enumerate(self.planes()):
            out[z] = plane
        return out

    def likelihood_planes(self) -> Iterator[np.ndarray]:
        """Yield planes, (Y, X) float32 from 0 to 1, of how likely any of the cells is there.

        Where several cells may be, this is the probability of the likeliest. The shapes are those
        of `placed_likelihood`.
        """
        for z in range(self.shape[0]):
            best = np.zeros(self.shape[1:], np.float32)
            for shape in self._shapes:
                window, likely = _section(shape, self._place(z, shape), best.shape)
                if likely is not None:
                    best[window] = np.maximum(best[window], likely)
            yield best / 255

    def overlaps(self) -> dict[int, float]:
        """Give by label the share of a cell's voxels that a likelier one has, once planes are made.

        Voxels beyond the field do not count; NaN for a cell that has none in it.
        """
        return {
            shape.label: 1 - int(held) / int(claimed) if claimed else float("nan")
            for shape, claimed, held in zip(self._shapes, self._claimed, self._held, strict=True)
        }

    def _place(self, z: int, shape: PlacedShape) -> float:
        """Give the place of a plane in the cell's cube: all cubes have their sections at one z.

        Those of a stack have it at their heights.
        """
        return z - shape.height + (shape.square.edge - self.shape[0]) / 2


def _paint(plane: np.ndarray, best: np.ndarray, shape: PlacedShape, z: float) -> tuple[Window, int]:
    """Paint one plane of one cell where it is likelier than those before.

    Parameters
    ----------
    plane, best : ndarray
        (Y, X): labels, and how likely each is, from 0 to 255; both are written to.
    shape : PlacedShape
        The cell.
    z : float
        Place of the plane in the cell's cube.

    Returns
    -------
    window : (slice, slice)
        Where in the field it was painted.
    claimed : int
        How many voxels there are inside the cell.
    """
    there, likely = _section(shape, z, plane.shape)
    if likely is None:
        return there, 0
    claims = likely > HALF + 0.5
    wins = claims & (likely > best[there])
    plane[there][wins] = shape.label
    best[there][wins] = likely[wins]
    return there, int(claims.sum())


def _section(
    shape: PlacedShape, z: float, field: tuple[int, ...]
) -> tuple[Window, np.ndarray | None]:
    """Cut a plane out of a cell: where in the field it is, and how likely, 0 to 255; or None."""
    edge = shape.square.edge
    there, here = overlap(shape.square, (field[0], field[1]))
    depth, height, width = shape.probability.shape
    weights = _weights(z, edge)[shape.corner[0] : shape.corner[0] + depth]
    if not weights.any():
        return there, None
    across = _resampling(edge)
    rows = across[here[0], shape.corner[1] : shape.corner[1] + height]
    columns = across[here[1], shape.corner[2] : shape.corner[2] + width]
    section = np.tensordot(weights, shape.probability.astype(np.float32), axes=1)
    return there, rows @ section @ columns.T


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

"""Squares of an image, which may reach beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dispr.cells.box import Box

Window = tuple[slice, slice]
"""Rows and columns."""

Grid = tuple[float, float, float]
"""First row, first column and edge of a square in voxels of another grid."""


@dataclass(frozen=True)
class Square:
    """A square of an image.

    Attributes
    ----------
    y, x : int
        First row and column in pixels of the image; may lie outside of it.
    edge : int
        Its rows and columns.
    """

    y: int
    x: int
    edge: int


def square_about(box: Box, edge: int) -> Square:
    """Give the square whose middle is that of a cell's box.

    Where that is not possible to the pixel, the cell lies half a pixel further down or right, as
    the training cells do.
    """
    y, x = (part.start - (edge - (part.stop - part.start) + 1) // 2 for part in box)
    return Square(y, x, edge)


def whole_square(shape: tuple[int, ...]) -> Square:
    """Give the square that an image fills once it is padded about its centre."""
    height, width = shape[-2:]
    edge = max(height, width)
    return Square(-((edge - height) // 2), -((edge - width) // 2), edge)


def cut(array: np.ndarray, square: Square, beyond: float = 0) -> np.ndarray:
    """Cut a square out of an array, (Y, X) to (edge, edge), with a value beyond the image."""
    out = np.full((square.edge, square.edge), beyond, array.dtype)
    there, here = overlap(square, (array.shape[0], array.shape[1]))
    out[here] = array[there]
    return out


def overlap(square: Square, field: tuple[int, int]) -> tuple[Window, Window]:
    """Give the part of a square that lies in an image: in rows and columns of each."""
    there, here = [], []
    for first, length in zip((square.y, square.x), field, strict=True):
        begin = min(max(first, 0), length)
        end = max(min(first + square.edge, length), begin)
        there.append(slice(begin, end))
        here.append(slice(begin - first, end - first) if end > begin else slice(0, 0))
    return (there[0], there[1]), (here[0], here[1])


def background_level(image: np.ndarray, labels: np.ndarray) -> float:
    """Give the median grey value outside of all cells; the lowest one where there is no outside."""
    outside = image[labels == 0]
    return float(np.median(outside)) if outside.size else float(image.min())

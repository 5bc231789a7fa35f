"""Outlines of cells, as programs draw them: which pixels are inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dispr.cells.box import Box, bounding_box, within

Inside = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Tells of the centres of pixels, y (N, 1) and x (1, M), which are inside: bool, (N, M)."""

TIE = 2.0**-20, 2.0**-20 * 0.618
"""Share of a pixel, in y and x, that its centre is moved by, so that no edge passes through it."""

FARTHEST = 2**24
"""Pixels from the corner of the image to a corner of an outline, at most."""


@dataclass(frozen=True, eq=False)
class Outline:
    """The outline of one cell.

    Attributes
    ----------
    name : str
        What its file calls it; empty for no name.
    bounds : tuple of float
        The smallest y and x and the largest y and x that it reaches, in pixels: the upper left
        corner of the image is (0, 0), and the centre of its first pixel (0.5, 0.5).
    inside : callable
        Tells which centres of pixels are inside.
    plane, time : int, optional
        The only plane and time point, from 0, that it was drawn on.
    number : int, optional
        The only one, from 0, of a stack that can be of planes or of time points.
    kind : str
        What its file says that it is an outline of: a class of QuPath, a category of COCO; empty
        where it does not say.
    """

    name: str
    bounds: tuple[float, ...]
    inside: Inside
    plane: int | None = None
    time: int | None = None
    number: int | None = None
    kind: str = ""

    def pixels(self, shape: tuple[int, int]) -> tuple[Box, np.ndarray] | None:
        """Give its pixels in an image.

        Parameters
        ----------
        shape : (int, int)
            Rows and columns.

        Returns
        -------
        (box, inside) or None
            Rows and columns that it spans, and bool of their size; None if it is on no pixel.
        """
        top, left, bottom, right = self.bounds
        first = max(0, int(np.floor(top))), max(0, int(np.floor(left)))
        last = min(shape[0], int(np.ceil(bottom))), min(shape[1], int(np.ceil(right)))
        if first[0] >= last[0] or first[1] >= last[1]:
            return None
        y = np.arange(first[0], last[0])[:, None] + 0.5 - TIE[0]
        x = np.arange(first[1], last[1])[None] + 0.5 - TIE[1]
        found = self.inside(y, x)
        if not found.any():
            return None
        part = bounding_box(found)
        return within(tuple(map(slice, first, last)), part), found[part]


def polygons(parts: Sequence[Sequence[np.ndarray]]) -> tuple[tuple[float, ...], Inside]:
    """Make an outline of polygons.

    Parameters
    ----------
    parts : sequence of sequence of ndarray
        Each part is one polygon or several, (N, 2), x and y of their corners: what an odd number of
        them encloses is inside, so that the further ones are holes. The outline is all parts.

    Returns
    -------
    bounds, inside
        As in `Outline`.

    Raises
    ------
    ValueError
        If a corner is not finite, or beyond any image.
    """
    corners = np.concatenate([ring for part in parts for ring in part])
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)

    def inside(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        found = np.zeros((y.size, x.size), bool)
        for part in parts:
            odd = np.zeros_like(found)
            for ring in part:
                _turn_over(odd, ring[:, 1] - y[0, 0], ring[:, 0] - x[0, 0])
            found |= odd
        return found

    return _checked(top, left, bottom, right), inside


def ellipse(
    top: float, left: float, height: float, width: float
) -> tuple[tuple[float, ...], Inside]:
    """Make an outline of an ellipse from the rectangle around it; see `polygons`."""
    middle, half = (top + height / 2, left + width / 2), (height / 2, width / 2)

    def inside(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        return ((y - middle[0]) / half[0]) ** 2 + ((x - middle[1]) / half[1]) ** 2 <= 1

    return _checked(top, left, top + height, left + width), inside


def rectangle(
    top: float, left: float, height: float, width: float
) -> tuple[tuple[float, ...], Inside]:
    """Make an outline of a rectangle; see `polygons`."""

    def inside(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        return (y >= top) & (y < top + height) & (x >= left) & (x < left + width)

    return _checked(top, left, top + height, left + width), inside


def _turn_over(pixels: np.ndarray, y: np.ndarray, x: np.ndarray) -> None:
    """Turn the pixels over whose centres, one apart from (0, 0) on, a polygon encloses."""
    from skimage.draw import polygon

    first = [max(0, int(np.floor(values.min()))) for values in (y, x)]
    last = [min(n, int(v.max()) + 1) for n, v in zip(pixels.shape, (y, x), strict=True)]
    if first[0] < last[0] and first[1] < last[1]:
        size = last[0] - first[0], last[1] - first[1]
        rows, columns = polygon(y - first[0], x - first[1], size)
        pixels[first[0] : last[0], first[1] : last[1]][rows, columns] ^= True


def _checked(*bounds: float) -> tuple[float, ...]:
    """Refuse bounds that are those of no image.

    Raises
    ------
    ValueError
        If one is not finite, or beyond any image.
    """
    if not np.abs(bounds).max() < FARTHEST:  # nor NaN
        raise ValueError("corners beyond any image")
    return tuple(float(value) for value in bounds)

"""A simple segmentation, for a first look: Otsu's threshold, split by the distance to the border.

Cellpose, StarDist or a look by eye do better; bright cells on a dark ground that touch without
overlapping come out well enough to try the program.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from dispr.cells.spacing import as_pixel_size
from dispr.errors import NoCellsError

SMALLEST_UM2 = 4.0
"""Area below which a bright spot is not a cell, where the pixel size is known."""

SHARE = 0.2
"""Share of the median area below which a piece is not a cell."""

ROUND = 0.85
"""Share of its convex hull that a hole in a cell covers; a gap between cells covers less."""

SMALLEST_HOLE = 10
"""Pixels below which a hole is filled whatever its form."""

DEPTH = 0.15
"""Share of its own distance to the border by which a peak must stand out to be a cell."""


def segment(image: np.ndarray, pixel_size: float | None = None) -> np.ndarray:
    """Label bright cells on a dark ground.

    The image is smoothed (Gaussian, sigma 1 pixel) and cut at Otsu's threshold (IEEE Trans. SMC
    1979); holes in cells are filled. Touching cells are parted by a watershed of the distance to
    the border, from peaks that stand out by 15 % of their height. Small pieces are dropped.

    Parameters
    ----------
    image : ndarray
        (Y, X), grey values.
    pixel_size : float, optional
        Edge of a pixel in um.

    Returns
    -------
    ndarray
        (Y, X), int32, 0 for the background.

    Raises
    ------
    NoCellsError
        If nothing is found.
    """
    from skimage.filters import threshold_otsu
    from skimage.segmentation import watershed

    edge = as_pixel_size(pixel_size)
    smooth = ndimage.gaussian_filter(image.astype(np.float32), 1.0)
    bright = _without_holes(smooth > threshold_otsu(smooth))
    least = 16 if edge is None else max(4.0, SMALLEST_UM2 / edge**2)
    bright = _without_small(ndimage.label(bright)[0], least) > 0
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(bright), 1.0)
    cells = watershed(-distance, _peaks(distance, bright), mask=bright)
    areas = np.bincount(cells.ravel())[1:]
    if areas.size:
        cells = _without_small(cells, max(least, SHARE * float(np.median(areas))))
    if not cells.any():
        raise NoCellsError("no cell was found in the image; give labels of a segmentation program.")
    return cells.astype(np.int32)


def _without_holes(bright: np.ndarray) -> np.ndarray:
    """Fill the holes that are round; a gap between cells that touch has corners."""
    from skimage.measure import regionprops

    holes = ndimage.label(ndimage.binary_fill_holes(bright) & ~bright)[0]
    filled = bright.copy()
    for hole in regionprops(holes):
        if hole.area < SMALLEST_HOLE or hole.solidity > ROUND:
            filled[hole.slice] |= hole.image
    return filled


def _peaks(distance: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Give a number to each peak of the distance that stands out.

    A peak of height h stands out if the distance falls below (1 - DEPTH) h on every way to a higher
    one: a maximum of the logarithm that is log 1 / (1 - DEPTH) high, whatever the size of the cell.
    """
    from skimage.morphology import reconstruction

    height = np.log(np.maximum(distance, 0.1)).astype(np.float64)
    lowered = reconstruction(height + np.log(1 - DEPTH), height)
    numbered: np.ndarray = ndimage.label((height - lowered > 1e-6) & inside, np.ones((3, 3)))[0]
    # Of each dome only the part about the top is left where the lowered surface is flat.
    return _tops(numbered, height, lowered)


def _tops(domes: np.ndarray, height: np.ndarray, lowered: np.ndarray) -> np.ndarray:
    """Keep the domes that are as high as they must be: others are shoulders of a neighbour."""
    count = int(domes.max())
    if not count:
        return domes
    rise = ndimage.maximum(height - lowered, domes, np.arange(1, count + 1))
    keep = np.concatenate([[False], np.asarray(rise) > -np.log(1 - DEPTH) - 1e-6])
    return np.where(keep[domes], domes, 0)


def _without_small(labels: np.ndarray, least: float) -> np.ndarray:
    """Drop labels of fewer pixels, and number the rest anew."""
    areas = np.bincount(labels.ravel())
    keep = areas >= least
    keep[0] = False
    return np.where(keep, np.cumsum(keep), 0)[labels]

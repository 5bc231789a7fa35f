"""Cut cells out of a field, each in the middle of its square, without its neighbours."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from dispr.cells.arrays import SIZE
from dispr.cells.square import Square, cut, overlap, square_about
from dispr.labelled.locate import LEAST_PIXELS, LocatedCell

LEAST_AREA = 64
"""Pixels of 64 x 64 that a cell must cover to be predicted."""

HALO = 8
"""Pixels of 64 about a neighbour that its light may still reach."""


def too_small(cell: LocatedCell, edge: int) -> bool:
    """Tell whether a cell has too few pixels, of the field or of a square of an edge in pixels."""
    return cell.size < LEAST_PIXELS or cell.size * (SIZE / edge) ** 2 < LEAST_AREA


def crop_cell(
    image: np.ndarray, labels: np.ndarray, cell: LocatedCell, edge: int, background: float
) -> tuple[np.ndarray, np.ndarray, Square]:
    """Cut out one cell.

    The model sees the image inside the mask alone. Neighbours are painted over all the same: they
    would disturb the stretching of grey values, and the check whether the cell is like the training
    cells, each of which was alone in its frame.

    Parameters
    ----------
    image, labels : ndarray
        (Y, X).
    cell : LocatedCell
        Which.
    edge : int
        Edge of the square in pixels.
    background : float
        Grey value for what lies beyond the field, and for a square without ground of its own.

    Returns
    -------
    image : ndarray
        (edge, edge), of the type of the image.
    mask : ndarray
        (edge, edge), uint8, 0 and 255.
    square : Square
        Where it was cut out.
    """
    square = square_about(cell.box, edge)
    grey = cut(image, square, background)
    mask = np.zeros((edge, edge), bool)
    y, x = cell.box[0].start - square.y, cell.box[1].start - square.x
    mask[y : y + cell.inside.shape[0], x : x + cell.inside.shape[1]] = cell.inside
    away = _away_from_others(labels, mask, square)
    if away is not None:
        seen = np.zeros((edge, edge), bool)
        seen[overlap(square, (image.shape[0], image.shape[1]))[1]] = True
        _paint_over(grey, mask, away, seen, background)
    return grey, mask.astype(np.uint8) * 255, square


def _away_from_others(labels: np.ndarray, mask: np.ndarray, square: Square) -> np.ndarray | None:
    """Give the distance to the nearest other cell; None if there is none in or about the square."""
    margin = _halo(square)
    around = Square(square.y - margin, square.x - margin, square.edge + 2 * margin)
    others = cut(labels, around) != 0
    others[margin:-margin, margin:-margin] &= ~mask
    if not others.any():
        return None
    away: np.ndarray = ndimage.distance_transform_edt(~others)
    return away[margin:-margin, margin:-margin]


def _paint_over(
    grey: np.ndarray, mask: np.ndarray, away: np.ndarray, seen: np.ndarray, background: float
) -> None:
    """Replace what another cell lights by what is seen at the same distance elsewhere.

    So the light about the cell fades on all sides alike.
    """
    own: np.ndarray = ndimage.distance_transform_edt(~mask)
    mixed = 3 * len(grey) / SIZE  # where the light of both is seen
    theirs = (away < own + mixed) & (away <= _halo(Square(0, 0, len(grey)))) & ~mask
    free = ~theirs & ~mask & seen
    steps = np.rint(own * SIZE / len(grey)).astype(int)
    ground = free & (steps > HALO)
    level = float(np.median(grey[ground])) if ground.any() else background
    for step in np.unique(steps[theirs]):
        like = grey[free & (steps == step)] if step <= HALO else grey[:0]
        value = np.median(like) if like.size else level
        grey[theirs & (steps == step)] = np.asarray(value).astype(grey.dtype)


def _halo(square: Square) -> int:
    return max(1, round(HALO * square.edge / SIZE))

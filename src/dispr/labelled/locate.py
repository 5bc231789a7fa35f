"""Where the cells of a label image are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from dispr.errors import ArrayError, NoCellsError

Box = tuple[int, int, int, int]
"""First and behind-last row, first and behind-last column: (y0, y1, x0, x1)."""

LEAST_PIXELS = 16
"""Pixels of the field that a cell must cover; smaller pieces of a mask are specks."""

EIGHT = np.ones((3, 3), bool)
"""Pixels that touch by a corner are of one piece."""


@dataclass(frozen=True, eq=False)
class LocatedCell:
    """One labelled cell.

    Attributes
    ----------
    label : int
        Its number in the label image.
    box : (y0, y1, x0, x1)
        The rows and columns that its pixels span, ends excluded.
    inside : ndarray
        bool, of the size of the box: its pixels, those of its largest piece.
    touches_border : bool
        Whether it reaches the outermost pixels of the field, so that a part may be missing.
    pieces : int
        Separate pieces that the label has.
    """

    label: int
    box: Box
    inside: np.ndarray
    touches_border: bool
    pieces: int

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.inside.sum())

    @property
    def centre(self) -> tuple[float, float]:
        """Centroid, (y, x) in pixels; (0, 0) is the middle of the first pixel."""
        y, x = np.nonzero(self.inside)
        return float(y.mean()) + self.box[0], float(x.mean()) + self.box[2]

    @property
    def extent(self) -> int:
        """Longer side of the box in pixels."""
        y0, y1, x0, x1 = self.box
        return max(y1 - y0, x1 - x0)


def as_labels(array: np.ndarray) -> tuple[np.ndarray, bool]:
    """Give each cell of a field a number.

    Parameters
    ----------
    array : ndarray
        (Y, X): labels, or a mask (`mask_pieces`), whose separate pieces are then numbered.

    Returns
    -------
    labels : ndarray
        (Y, X), int32 or int64.
    from_mask : bool
        Whether this was a mask of several pieces.

    Raises
    ------
    ArrayError
        If nothing is labelled.
    """
    # Not np.unique: that sorts all pixels.
    largest = int(array.max()) if array.size else 0
    if largest == 0:
        raise NoCellsError("no cell is labelled; 0 is the background, and cells are above.")
    if largest > np.iinfo(np.uint32).max:
        raise ArrayError(f"{largest} is too large for a label; number the cells from 1.")
    pieces = mask_pieces(array, EIGHT)
    if pieces is not None:
        return pieces, True
    return array.astype(np.int64 if largest > np.iinfo(np.int32).max else np.int32), False


def mask_pieces(array: np.ndarray, touching: np.ndarray) -> np.ndarray | None:
    """Count the separate pieces of a mask from 1; give None where this is none, or of one piece.

    A mask has one value beside 0: 1, 255 or the largest of its type. Any other value is the label
    of a cell, which keeps its number where it has a second piece. Where all pieces but one are
    smaller than `LEAST_PIXELS`, they are specks, and the value is kept too.

    Parameters
    ----------
    array : ndarray
        Labels or a mask, with any number of axes; none negative.
    touching : ndarray
        Which neighbours are of one piece, as `scipy.ndimage.label` takes it.
    """
    largest = int(array.max())
    whole = {1, 255} if array.dtype == bool else {1, 255, np.iinfo(array.dtype).max}
    if largest not in whole or ((array != 0) & (array != largest)).any():
        return None
    pieces, count = ndimage.label(array != 0, touching)
    if count < 2 or np.sum(np.bincount(pieces.ravel())[1:] >= LEAST_PIXELS) < 2:
        return None
    return np.asarray(pieces)


def refuse_greys(array: np.ndarray, name: str) -> None:
    """Refuse a picture of grey values in place of labels, before each value is looked at.

    Parameters
    ----------
    array : ndarray
        (..., Y, X), bool or integers.
    name : str
        What errors call it.

    Raises
    ------
    ArrayError
        If most neighbours along X that are not 0 differ.
    """
    left, right = array[..., :-1], array[..., 1:]
    inside = (left != 0) & (right != 0)
    count = int(np.count_nonzero(inside))
    if count and 2 * int(np.count_nonzero((left != right) & inside)) > count:
        raise ArrayError(
            f"{name} seems to be a picture of grey values: most neighbours differ; give labels of "
            "cells, one whole number a cell (are image and labels exchanged?)."
        )


def check_whole(pieces: Sequence[int], name: str) -> None:
    """Refuse labels most of which are in pieces: those are grey values, or a blurred border.

    Parameters
    ----------
    pieces : sequence of int
        Separate pieces of each label.
    name : str
        What errors call the labels.

    Raises
    ------
    ArrayError
        If there are at least 8 labels, and most are in several pieces.
    """
    several = sum(count > 1 for count in pieces)
    if len(pieces) >= 8 and 2 * several > len(pieces):
        raise ArrayError(
            f"{several} of {len(pieces)} labels of {name} are in several pieces, as grey values "
            "are, or labels that were resized with interpolation; give labels of which each is one "
            "cell (resized to the nearest neighbour)."
        )


def surrounding(labels: np.ndarray) -> list[int]:
    """List the labels that reach all four sides of a field, as the background does.

    Parameters
    ----------
    labels : ndarray
        (Y, X), integers.
    """
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    common = set.intersection(*(set(np.unique(side).tolist()) for side in sides))
    return sorted(int(label) for label in common - {0})


def background_note(labels: np.ndarray, name: str) -> str:
    """Say that labels seem to have no background, or another one than 0; empty if all is well.

    Parameters
    ----------
    labels : ndarray
        (Y, X), integers.
    name : str
        What to call them.

    Raises
    ------
    ArrayError
        If no pixel is 0, and one of the labels is around the others, so that these are classes.
    """
    around = surrounding(labels)
    if labels.all():
        if around:
            raise ArrayError(
                f"no pixel of {name} is 0, the background, and label {around[0]} reaches all four "
                "sides: these are probably classes of pixels, not cells; save labels of single "
                "cells, 0 outside."
            )
        return f"no pixel of {name} is 0, the background, so every pixel was taken for a cell's."
    if around:
        return (
            f"label {around[0]} of {name} reaches all four sides of the image: if it is the "
            "background, give labels in which that is 0."
        )
    return ""


def locate_cells(labels: np.ndarray) -> list[LocatedCell]:
    """List the cells of a label image, in order of their labels.

    Parameters
    ----------
    labels : ndarray
        (Y, X), integers, 0 for the background.
    """
    largest = int(labels.max())
    numbers = np.arange(1, largest + 1) if largest <= labels.size else None
    if numbers is None:  # few numbers, some of them huge
        values, places = np.unique(labels, return_inverse=True)
        # With a background, its number 0 comes first.
        first = 0 if values[0] == 0 else 1
        labels, numbers = places.reshape(labels.shape) + first, values[1 - first :]
    found = []
    for k, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            found.append(_locate(labels[box] == k, int(numbers[k - 1]), box, labels.shape))
    return found


def _locate(
    inside: np.ndarray, label: int, box: tuple[slice, slice], shape: tuple[int, ...]
) -> LocatedCell:
    pieces, count = ndimage.label(inside, EIGHT)
    y0, x0 = box[0].start, box[1].start
    if count > 1:
        inside = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
        rows, columns = inside.any(axis=1).nonzero()[0], inside.any(axis=0).nonzero()[0]
        inside = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        y0, x0 = y0 + int(rows[0]), x0 + int(columns[0])
    y1, x1 = y0 + inside.shape[0], x0 + inside.shape[1]
    border = y0 == 0 or x0 == 0 or y1 == shape[0] or x1 == shape[1]
    return LocatedCell(label, (y0, y1, x0, x1), inside.copy(), border, count)

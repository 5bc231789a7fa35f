"""Where the cells of a label image or stack are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from dispr.cells.box import Box, at_border, bounding_box, longer_side, within
from dispr.cells.pieces import pieces_of
from dispr.cells.spacing import Spacing
from dispr.errors import ArrayError, NoCellsError

LEAST_PIXELS = 16
"""Pixels of the field that a cell must cover; smaller pieces of a mask are specks."""

_MANY = 10**7


@dataclass(frozen=True, eq=False)
class LocatedCell:
    """One labelled cell of a field or stack.

    Attributes
    ----------
    label : int
        Its number.
    box : tuple of slice
        The rows and columns that it spans; of a stack first the planes.
    inside : ndarray
        bool, of the size of the box: its pixels or voxels, those of its largest piece.
    border : str
        The axes along which it reaches the ends of the array, such as "ZX", so that a part may be
        missing.
    pieces : int
        Separate pieces that the label has.
    name : str, optional
        What its outline is called by the program that drew it.
    """

    label: int
    box: Box
    inside: np.ndarray
    border: str
    pieces: int
    name: str | None = None

    @property
    def size(self) -> int:
        """Number of pixels or voxels."""
        return int(self.inside.sum())

    @property
    def centre(self) -> tuple[float, ...]:
        """Centroid, (y, x) or (z, y, x); 0 is the middle of the first pixel."""
        places = zip(np.nonzero(self.inside), self.box, strict=True)
        return tuple(float(k.mean()) + part.start for k, part in places)

    @property
    def extent(self) -> int:
        """Longest side of the box in pixels."""
        return longer_side(self.box)

    def lengths(self, spacing: Spacing) -> tuple[float, ...]:
        """Give the sides of the box in um."""
        return tuple(n * edge for n, edge in zip(self.inside.shape, spacing, strict=True))

    def volume(self, spacing: Spacing) -> float:
        """Give the volume of its voxels in um3."""
        return math.prod(spacing, start=float(self.size))

    @property
    def middle(self) -> int:
        """Of a stack, the plane through the middle of the cell: of n planes number n // 2.

        So plane 32 is in the published cells: as many planes of the cell lie below it as above, or
        one more.
        """
        return int(self.box[0].start) + self.inside.shape[0] // 2

    @property
    def section(self) -> LocatedCell:
        """The cell in its middle plane."""
        plane = self.inside[self.inside.shape[0] // 2]
        part = bounding_box(plane)
        return LocatedCell(self.label, within(self.box[1:], part), plane[part], "", 1)


def as_labels(array: np.ndarray, name: str = "labels") -> tuple[np.ndarray, bool]:
    """Give each cell of a field or stack a number.

    Parameters
    ----------
    array : ndarray
        (Y, X) or (Z, Y, X): labels, or a mask (`mask_pieces`), whose separate pieces are then
        numbered.
    name : str
        What errors call the array.

    Returns
    -------
    labels : ndarray
        Integers.
    from_mask : bool
        Whether this was a mask of several pieces.

    Raises
    ------
    NoCellsError
        If nothing is labelled.
    ArrayError
        If a label of a field is too large, or no voxel of a stack is 0.
    """
    # Not np.unique: that sorts all pixels.
    largest = int(array.max()) if array.size else 0
    if largest == 0:
        raise NoCellsError(
            "no cell is labelled; labels must be positive numbers, and 0 is the background."
        )
    if array.ndim == 2 and largest > np.iinfo(np.uint32).max:
        raise ArrayError(f"{largest} is too large for a label; number the cells from 1.")
    if array.ndim == 3 and array.all():
        raise ArrayError(
            f"no voxel of {name} is 0, the background: these are probably voxel classes, not "
            "cells; save labels of single cells, with 0 outside."
        )
    pieces = mask_pieces(array)
    if pieces is not None:
        return pieces, True
    if array.ndim == 3:  # which may be large, so it is not copied
        return array.astype(np.uint8) if array.dtype == bool else array, False
    return array.astype(np.int64 if largest > np.iinfo(np.int32).max else np.int32), False


def mask_pieces(array: np.ndarray) -> np.ndarray | None:
    """Count the separate pieces of a mask from 1; give None where this is none, or of one piece.

    A mask has one value beside 0: 1, 255 or the largest of its type. Any other value is the label
    of a cell, which keeps its number where it has a second piece. Where all pieces but one are
    smaller than `LEAST_PIXELS`, they are specks, and the value is kept too.

    Parameters
    ----------
    array : ndarray
        Labels or a mask, with any number of axes; none negative.
    """
    largest = int(array.max())
    whole = {1, 255} if array.dtype == bool else {1, 255, np.iinfo(array.dtype).max}
    if largest not in whole or ((array != 0) & (array != largest)).any():
        return None
    pieces, sizes = pieces_of(array != 0)
    return pieces if np.count_nonzero(sizes >= LEAST_PIXELS) > 1 else None


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
            f"{name} seems to be a grey-value image, because most neighbouring pixels differ; "
            "give labels, one whole number per cell (are image and labels swapped?)."
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
            f"{several} of {len(pieces)} labels of {name} are in several pieces, as in grey-value "
            "images or labels resized with interpolation; give labels that each mark one cell "
            "(resized with nearest-neighbour interpolation)."
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
                f"no pixel of {name} is 0, the background, and label {around[0]} touches all four "
                "sides: these are probably pixel classes, not cells; save labels of single "
                "cells, with 0 outside."
            )
        return f"no pixel of {name} is 0, the background, so every pixel was assigned to a cell."
    if around:
        return (
            f"label {around[0]} of {name} touches all four sides of the image: if it is the "
            "background, give labels in which the background is 0."
        )
    return ""


def label_boxes(labels: np.ndarray) -> Iterator[tuple[int, Box]]:
    """Give each label and the box that it spans, in order, however large the numbers are.

    Parameters
    ----------
    labels : ndarray
        Integers, 0 for the background.
    """
    numbers = None
    if int(labels.max()) > min(labels.size, _MANY):  # few numbers, some of them huge
        numbers, places = np.unique(labels, return_inverse=True)
        # With a background, its number 0 comes first.
        first = 0 if numbers[0] == 0 else 1
        labels, numbers = places.reshape(labels.shape) + first, numbers[1 - first :]
    for k, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            yield k if numbers is None else int(numbers[k - 1]), box


def locate_cells(labels: np.ndarray) -> Iterator[LocatedCell]:
    """Give the cells of a field or stack one by one, in order of their labels.

    Parameters
    ----------
    labels : ndarray
        (Y, X) or (Z, Y, X), integers, 0 for the background.
    """
    for label, box in label_boxes(labels):
        yield located(label, box, labels[box] == label, labels.shape)


def located(
    label: int, box: Box, inside: np.ndarray, shape: Sequence[int], name: str | None = None
) -> LocatedCell:
    """Make a cell of the largest piece of its pixels or voxels.

    Parameters
    ----------
    label : int
        Its number.
    box : tuple of slice
        What it spans.
    inside : ndarray
        bool, of the size of the box.
    shape : sequence of int
        Of the field or stack.
    name : str, optional
        What its outline is called.
    """
    pieces, sizes = pieces_of(inside)
    if len(sizes) > 1:
        largest = 1 + int(np.argmax(sizes))
        part = ndimage.find_objects(pieces)[largest - 1]
        inside, box = pieces[part] == largest, within(box, part)
    return LocatedCell(label, box, inside, at_border(box, shape), len(sizes), name)

"""Where the cells of a label stack are, and which plane is the middle of each.

The middle plane is that of the cell's extent along Z: of n planes, counted from 0, plane n // 2. So
plane 32 is in the published cells: as many planes of the cell lie below it as above, or one more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from dispr.cells.spacing import Spacing
from dispr.errors import ArrayError
from dispr.labelled.locate import LocatedCell, mask_pieces

Box = tuple[slice, slice, slice]
"""Planes, rows and columns."""

TOUCHING = np.ones((3, 3, 3), bool)
"""Voxels that touch by a corner are of one piece."""

_MANY = 10**7


@dataclass(frozen=True, eq=False)
class StackCell:
    """One labelled cell of a stack.

    Attributes
    ----------
    label : int
        Its number in the label stack.
    box : (slice, slice, slice)
        The planes, rows and columns that its voxels span.
    inside : ndarray
        bool, of the size of the box: its voxels, those of its largest piece.
    border : str
        The axes along which it reaches the outermost voxels of the stack, such as "ZX", so that a
        part may be missing.
    pieces : int
        Separate pieces that the label has.
    """

    label: int
    box: Box
    inside: np.ndarray
    border: str
    pieces: int

    @property
    def middle(self) -> int:
        """The plane through the middle of the cell."""
        return int(self.box[0].start) + self.inside.shape[0] // 2

    @property
    def section(self) -> LocatedCell:
        """The cell in its middle plane."""
        plane = self.inside[self.middle - self.box[0].start]
        rows, columns = plane.any(axis=1).nonzero()[0], plane.any(axis=0).nonzero()[0]
        y, x = self.box[1].start + int(rows[0]), self.box[2].start + int(columns[0])
        cut = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        box = (y, y + cut.shape[0], x, x + cut.shape[1])
        return LocatedCell(self.label, box, cut, False, 1)

    @property
    def centre(self) -> tuple[float, float, float]:
        """Centroid, (z, y, x) in voxels; (0, 0, 0) is the middle of the first one."""
        z, y, x = (float(k.mean()) for k in np.nonzero(self.inside))
        return z + self.box[0].start, y + self.box[1].start, x + self.box[2].start

    def extent(self, spacing: Spacing) -> tuple[float, float, float]:
        """Edges of its box along Z, Y and X in um."""
        z, y, x = self.inside.shape
        return z * spacing[0], y * spacing[1], x * spacing[2]

    def volume(self, spacing: Spacing) -> float:
        """Volume of its voxels in um3."""
        return float(self.inside.sum()) * spacing[0] * spacing[1] * spacing[2]


def as_label_stack(array: np.ndarray, name: str = "labels") -> tuple[np.ndarray, bool]:
    """Give each cell of a stack a number.

    Parameters
    ----------
    array : ndarray
        (Z, Y, X): labels, or a mask (`dispr.labelled.locate.mask_pieces`), whose separate pieces
        are then numbered.
    name : str
        What errors call the array.

    Returns
    -------
    labels : ndarray
        (Z, Y, X), integers.
    from_mask : bool
        Whether this was a mask of several pieces.

    Raises
    ------
    ArrayError
        If nothing is labelled, or everything.
    """
    largest = int(array.max()) if array.size else 0
    if largest == 0:
        raise ArrayError(f"{name} labels no cell; 0 is the background, and cells are above.")
    if array.all():
        raise ArrayError(
            f"no voxel of {name} is 0, the background: these are probably classes of voxels, not "
            "cells; save labels of single cells, 0 outside."
        )
    pieces = mask_pieces(array, TOUCHING)
    if pieces is not None:
        return pieces, True
    return array.astype(np.uint8) if array.dtype == bool else array, False


def locate_cells(labels: np.ndarray) -> Iterator[StackCell]:
    """Give the cells of a label stack one by one, in order of their labels.

    Parameters
    ----------
    labels : ndarray
        (Z, Y, X), integers, 0 for the background.
    """
    numbers = None
    if int(labels.max()) > _MANY:  # few numbers, some of them huge
        numbers, places = np.unique(labels, return_inverse=True)
        first = 0 if numbers[0] == 0 else 1
        labels, numbers = places.reshape(labels.shape) + first, numbers[1 - first :]
    for k, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            label = k if numbers is None else int(numbers[k - 1])
            yield _locate(labels[box] == k, label, box, labels.shape)


def _locate(inside: np.ndarray, label: int, box: Box, shape: tuple[int, ...]) -> StackCell:
    pieces, count = ndimage.label(inside, TOUCHING)
    if count > 1:
        largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
        part = ndimage.find_objects(pieces)[largest - 1]
        inside = pieces[part] == largest
        z, y, x = (
            slice(whole.start + one.start, whole.start + one.stop)
            for whole, one in zip(box, part, strict=True)
        )
        box = (z, y, x)
    border = "".join(
        axis
        for axis, span, length in zip("ZYX", box, shape, strict=True)
        if span.start == 0 or span.stop == length
    )
    return StackCell(label, box, inside, border, count)

"""Where the cells of a label stack are, and which plane is the middle of each.

The middle plane is that of the cell's extent along Z: of n planes, counted from 0, plane n // 2. So
plane 32 is in the published cells: as many planes of the cell lie below it as above, or one more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dispr.cells.spacing import Spacing
from dispr.labelled.locate import LocatedCell, at_border, largest_pieces

Box = tuple[slice, slice, slice]
"""Planes, rows and columns."""


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


def locate_cells(labels: np.ndarray) -> Iterator[StackCell]:
    """Give the cells of a label stack one by one, in order of their labels.

    Parameters
    ----------
    labels : ndarray
        (Z, Y, X), integers, 0 for the background.
    """
    for label, (z, y, x), inside, count in largest_pieces(labels):
        yield StackCell(label, (z, y, x), inside, at_border((z, y, x), labels.shape), count)

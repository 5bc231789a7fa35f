"""Fields whose cells are labelled in several planes of a stack: each has a section and more."""

from __future__ import annotations

import numpy as np

from dispr.cells.arrays import SECTION, SIZE, same_shape
from dispr.cells.box import bounding_box, within
from dispr.cells.framing import joined
from dispr.cells.pieces import pieces_of
from dispr.cells.spacing import Spacing
from dispr.cells.square import Square, background_level, cut
from dispr.errors import ArrayError, NoCellsError
from dispr.labelled.crop import crop_cell
from dispr.labelled.grey import as_grey
from dispr.labelled.locate import (
    LEAST_PIXELS,
    LocatedCell,
    label_boxes,
    located,
    refuse_greys,
)
from dispr.labelled.regions import placed


class Layers:
    """The planes of a stack, and the labels in some of them.

    Parameters
    ----------
    stack, labels : ndarray
        (Z, Y, X): grey values; and integers, 0 where nothing is known. A cell has the same number
        in each plane that it is labelled in.
    spacing : (float, float, float)
        Edges of a voxel along Z, Y and X in um.
    image_name, labels_name : str
        What errors call the arrays.

    Attributes
    ----------
    planes : dict of int to tuple of int
        By label, the planes that the cell is labelled in.
    cells : tuple of LocatedCell
        Each in its section, the middle one of its planes: of n planes number n // 2.
    focus : int
        The plane that most stands for all: the median of the sections.

    Raises
    ------
    ArrayError
        If these are not labels of this stack.
    NoCellsError
        If nothing is labelled.
    """

    def __init__(
        self,
        stack: np.ndarray,
        labels: np.ndarray,
        spacing: Spacing,
        image_name: str = "image",
        labels_name: str = "labels",
    ) -> None:
        same_shape(stack, labels, image_name, labels_name)
        refuse_greys(labels, labels_name)
        if not labels.any():
            raise NoCellsError(f"{labels_name}: no cell is labelled.")
        self.stack, self.labels, self.spacing, self.name = stack, labels, spacing, image_name
        self.planes: dict[int, tuple[int, ...]] = {}
        cells = []
        for label, box in label_boxes(labels):
            inside = labels[box] == label
            found = np.flatnonzero(inside.any(axis=(1, 2)))
            section = int(found[len(found) // 2])
            self.planes[label] = tuple(int(k) + box[0].start for k in found)
            part = bounding_box(inside[section])
            place = within(box[1:], part)
            cells.append(located(label, place, inside[section][part], labels.shape[1:]))
        self.cells: tuple[LocatedCell, ...] = tuple(cells)
        sections = sorted(self.section(cell.label) for cell in cells)
        self.focus = sections[len(sections) // 2]
        self._last: tuple[int, np.ndarray, float] | None = None

    def section(self, label: int) -> int:
        """Give the plane of a cell's section."""
        planes = self.planes[label]
        return planes[len(planes) // 2]

    def height(self, label: int) -> float:
        """Give the height of a cell's section above the focus, in pixels of the field."""
        return (self.section(label) - self.focus) * self.spacing[0] / self.spacing[1]

    def projected(self) -> np.ndarray:
        """Give labels (Y, X) of all sections, seen from above; the smaller cell is on top."""
        masks = [(cell.label, (cell.box, cell.inside)) for cell in self.cells]
        return placed(masks, (self.labels.shape[1], self.labels.shape[2]))[0]

    def crop(self, cell: LocatedCell, square: Square) -> tuple[np.ndarray, np.ndarray]:
        """Cut a cell out of the plane of its section: image and mask (edge, edge)."""
        plane = self.section(cell.label)
        if self._last is None or self._last[0] != plane:
            grey = as_grey(self.stack[plane], f"plane {plane} of {self.name}")
            self._last = plane, grey, background_level(grey, self.labels[plane])
        _, grey, level = self._last
        image, mask, _ = crop_cell(grey, self.labels[plane], cell, square.edge, level)
        return image, mask

    def known(self, label: int, square: Square) -> dict[int, np.ndarray]:
        """Give a cell's masks in its other planes, (edge, edge) uint8, by numbers on its grid."""
        return {
            number: cut((self.labels[plane] == label).astype(np.uint8) * 255, square)
            for number, plane in self._numbered(label, square).items()
        }

    def warning(self, label: int, square: Square) -> str:
        """Say that a cell has planes or pixels that its frame has no place for; empty if not."""
        section, told = self.section(label), []
        places = [self._place(plane - section, square) for plane in self.planes[label]]
        outside = sum(not 0 <= round(place) < SIZE for place in places)
        if outside:
            told.append(f"{outside} of its planes are above or below its frame and were not used.")
        beyond = sum(
            (self.labels[plane] == label).sum() > (cut(self.labels[plane], square) == label).sum()
            for plane in (section, *self._numbered(label, square).values())
        )
        if beyond:
            told.append(f"It reaches beyond its frame in {beyond} of its planes.")
        return joined(*told)

    def _numbered(self, label: int, square: Square) -> dict[int, int]:
        """Give planes of the stack by the numbers on a cell's grid, the nearest one for each."""
        section = self.section(label)
        found: dict[int, tuple[float, int]] = {}
        for plane in self.planes[label]:
            place = self._place(plane - section, square)
            number = round(place)
            if number != SECTION and 0 <= number < SIZE:
                found[number] = min(found.get(number, (SIZE, 0)), (abs(place - number), plane))
        return {number: plane for number, (_, plane) in sorted(found.items())}

    def _place(self, planes: int, square: Square) -> float:
        """Give the place on a cell's grid so many planes above its section."""
        return SECTION + planes * self.spacing[0] / (square.edge * self.spacing[1] / SIZE)


def numbered(labels: np.ndarray, name: str) -> np.ndarray:
    """Refuse a mask of several cells, whose pieces have no number that agrees between planes.

    Parameters
    ----------
    labels : ndarray
        (Z, Y, X), integers or bool.
    name : str
        What errors call them.

    Raises
    ------
    ArrayError
        If they are one.
    """
    values = np.unique(labels)
    if len(values[values != 0]) == 1:
        for plane in labels:
            if (pieces_of(plane != 0)[1] >= LEAST_PIXELS).sum() > 1:
                raise ArrayError(
                    f"{name} is a mask with one value; number the cells, with the same number for "
                    "a cell in each plane."
                )
    return labels.astype(np.uint8) if labels.dtype == bool else labels

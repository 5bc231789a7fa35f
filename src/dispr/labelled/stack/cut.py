"""Cut a cell out of a stack: its section, the mask of that, and the cell in 3D about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dispr.cells.arrays import SECTION, SIZE, SMALLEST, as_image
from dispr.cells.read import Cell
from dispr.cells.spacing import Spacing
from dispr.cells.square import Square, background_level, square_about
from dispr.errors import ArrayError, ConfigError
from dispr.labelled.crop import crop_cell, too_small
from dispr.labelled.grey import as_grey
from dispr.labelled.locate import LocatedCell
from dispr.labelled.stack.resample import resample_shape

LEAST_PLANES = 3
"""Planes of the stack that a cell must span."""


@dataclass(frozen=True)
class Frame:
    """The cube that cells of a stack are shown in.

    Attributes
    ----------
    edge : int
        Its edge in pixels of the stack.
    spacing : (float, float, float)
        Edges of the stack's voxels in um.
    """

    edge: int
    spacing: Spacing

    @property
    def voxel(self) -> float:
        """Edge of a voxel of the cube in um."""
        return self.edge * self.spacing[1] / SIZE


def frame_of(edge: float, spacing: Spacing, name: str) -> Frame:
    """Give the frame of a stack that is nearest to an edge in um.

    Raises
    ------
    ConfigError
        If it is of less than 8 pixels.
    """
    pixels = round(edge / spacing[1])
    if pixels < SMALLEST:
        raise ConfigError(
            f"a frame of {edge:.6g} um has only {pixels} pixels of {name}, which has pixels of "
            f"{spacing[1]:.6g} um; give a larger --frame, or the right --voxel-size."
        )
    return Frame(pixels, spacing)


def refusal(cell: LocatedCell, frame: Frame, least_volume: float = 0.0) -> str:
    """Say why a cell cannot be used; empty if it can.

    Parameters
    ----------
    cell : LocatedCell
        The cell.
    frame : Frame
        What it must fit into.
    least_volume : float
        Smallest volume in um3.
    """
    if cell.border:
        return f"touches the border of the stack along {', '.join(cell.border)}"
    planes = cell.inside.shape[0]
    if planes < LEAST_PLANES:
        return f"too thin: spans {planes} plane{'s' if planes > 1 else ''} of the stack"
    volume = cell.volume(frame.spacing)
    if volume < least_volume:
        return f"too small: {volume:.6g} um3"
    if too_small(cell.section, frame.edge):
        return f"too small: its section has {cell.section.size} pixels"
    return _misfit(cell, frame)


def _misfit(cell: LocatedCell, frame: Frame) -> str:
    """Say along which axis a cell reaches beyond its frame."""
    square = square_about(cell.section.box, frame.edge)
    edge, plane = frame.edge * frame.spacing[1], frame.spacing[0]
    # The frame begins half a voxel before plane 0, and its plane 32 is the middle of the cell.
    begin = (cell.middle + 0.5) * plane - (SECTION + 0.5) * frame.voxel
    spans = (
        (cell.box[0], plane, begin),
        (cell.box[1], frame.spacing[1], square.y * frame.spacing[1]),
        (cell.box[2], frame.spacing[2], square.x * frame.spacing[2]),
    )
    for axis, (box, size, first) in zip("ZYX", spans, strict=True):
        slack = 1e-6 * edge
        if box.start * size < first - slack or box.stop * size > first + edge + slack:
            length = (box.stop - box.start) * size
            return (
                f"does not fit in the frame of {edge:.4g} um: spans {length:.4g} um along {axis}, "
                f"{_beyond(box, size, first, edge):.2g} um of it beyond"
            )
    return ""


def _beyond(box: slice, size: float, first: float, edge: float) -> float:
    return max(first - box.start * size, 0.0) + max(box.stop * size - first - edge, 0.0)


class Sections:
    """The planes of a stack with the grey values that cells are cut out with.

    Parameters
    ----------
    stack, labels : ndarray
        (Z, Y, X).
    """

    def __init__(self, stack: np.ndarray, labels: np.ndarray) -> None:
        self._stack, self.labels = stack, labels
        self._levels: dict[int, float] = {}
        self._last: tuple[int, np.ndarray] | None = None

    def __getitem__(self, plane: int) -> tuple[np.ndarray, float]:
        """Give the grey values of a plane, (Y, X), and the level outside of its cells.

        Raises
        ------
        ArrayError
            If it has the same value everywhere.
        """
        # One plane is kept: all of them would be the stack a second time.
        if self._last is None or self._last[0] != plane:
            self._last = plane, as_grey(self._stack[plane], f"plane {plane}")
        grey = self._last[1]
        if plane not in self._levels:
            self._levels[plane] = background_level(grey, self.labels[plane])
        return grey, self._levels[plane]

    def fault(self, plane: int) -> str:
        """Say why no cell can be cut out of a plane; empty if one can."""
        try:
            self[plane]
        except ArrayError:
            return f"no contrast: plane {plane} of the stack has the same value everywhere"
        return ""


def cut_cell(name: str, sections: Sections, cell: LocatedCell, frame: Frame) -> Cell:
    """Cut out one cell.

    The image is the plane of the stack through the middle of the cell as it was taken, not
    interpolated between planes, and cut as `dispr predict` cuts cells out of fields: in a square
    about the cell, other cells painted over.

    Parameters
    ----------
    name : str
        Name of the cell.
    sections : Sections
        The stack.
    cell : LocatedCell
        Where it is.
    frame : Frame
        What it is shown in.

    Returns
    -------
    Cell
        image and mask (64, 64), obj (64, 64, 64), uint8; plane 32 of obj is the mask.

    Raises
    ------
    ArrayError
        If its plane has no contrast.
    """
    grey, level = sections[cell.middle]
    labels = sections.labels[cell.middle]
    image, _, square = crop_cell(grey, labels, cell.section, frame.edge, level)
    origin = _origin(cell, square, frame)
    obj = resample_shape(cell.inside, frame.spacing, origin, frame.voxel, SIZE)
    return Cell(name, as_image(image, name), obj[SECTION].copy(), obj)


def _origin(cell: LocatedCell, square: Square, frame: Frame) -> tuple[float, float, float]:
    """Give the middle of the frame's first voxel in um from the middle of the box's first voxel."""
    depth, pixel, voxel = frame.spacing[0], frame.spacing[1], frame.voxel
    z = (cell.middle - cell.box[0].start) * depth - SECTION * voxel
    y, x = (
        (first - box.start) * pixel - pixel / 2 + voxel / 2
        for first, box in ((square.y, cell.box[1]), (square.x, cell.box[2]))
    )
    return z, y, x

"""The square in which training cells are seen, which weights state for those who predict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dispr.cells.arrays import SIZE
from dispr.cells.box import longer_side
from dispr.cells.classes import parse_name
from dispr.cells.folder import CellFiles
from dispr.cells.frame import PIXEL_UM, PUBLISHED, Frame
from dispr.cells.framing import body_of
from dispr.cells.read import Cell, read_pixel_size
from dispr.cells.spacing import as_pixel_size, close
from dispr.errors import ConfigError

CELLS = "training cells"
"""What cells are called that nobody has named."""


def find_frame(
    cells: Sequence[Cell],
    files: Sequence[CellFiles],
    frame_um: float | None = None,
    named: str | None = None,
    before: Frame | None = None,
) -> Frame | None:
    """Find the frame of training cells.

    Parameters
    ----------
    cells, files : sequence
        The cells and their files, which state the size of their pixels as `dispr prepare` does.
    frame_um : float, optional
        Edge of the frame in um, instead of what the files say.
    named : str, optional
        What the cells are, in the plural.
    before : Frame, optional
        That of the weights that training begins with, for cells of which nothing is stated.

    Returns
    -------
    Frame or None
        None where the size of the pixels is not known. Cells with the names of the published data
        set, of which no file states a size, have its pixels.

    Raises
    ------
    ConfigError
        If the files state different sizes.
    """
    edge = as_pixel_size(frame_um)
    pixel = None if edge is None else edge / SIZE
    what = named or (before.cells if before else CELLS)
    if pixel is None:
        sizes = [read_pixel_size(file) for file in files]
        stated = [size for size in sizes if size is not None]
        pixel = stated[0] if stated else None
        for file, size in zip(files, sizes, strict=True):
            if pixel is not None and (size is None or not close(size, pixel)):
                said = "no size" if size is None else f"{size:.6g} um"
                raise ConfigError(
                    f"{file.image} has pixels of {said} at 64 x 64, others of {pixel:.6g} um; all "
                    "training cells must have the same scale. If they have, give --frame."
                )
    if pixel is None and before is not None:
        pixel = before.pixel_um
    elif pixel is None and all(parse_name(file.name).cell_class for file in files):
        pixel, what = PIXEL_UM, named or PUBLISHED.cells
    if pixel is None:
        return None
    spans = [longer_side(body_of(cell.mask > 127)[0]) for cell in cells]
    return Frame(pixel, what, float(min(spans)), float(np.median(spans)), float(max(spans)))

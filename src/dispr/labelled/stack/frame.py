"""How large a cube of a stack each cell is shown in: one for all cells of a data set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dispr.cells.arrays import SIZE
from dispr.cells.frame import FRAME_UM, FULL, PUBLISHED, TYPICAL, as_rule

FITTING = 0.95
"""Share of the cells that a frame must hold to be chosen."""

Extent = tuple[float, ...]
"""Edges of a cell's box along Z, Y and X in um."""


def as_frame(text: str | float) -> float | None:
    """Check a choice of frame: "auto", which is None, or an edge in um.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    rule = as_rule(text, ("auto",))
    return None if isinstance(rule, str) else rule


def choose_frame(extents: Sequence[Extent]) -> float:
    """Choose the edge of the frame of a data set in um.

    11 um, that of the published cells, where the cells are as large as those: the median one spans
    33 to 63 of 64 pixels in the plane, and 95 % fit. Else the smallest in which 95 % span at most
    60 of 64 voxels and the median one at most 48 in the plane.

    Parameters
    ----------
    extents : sequence of (float, float, float)
        Edges of each whole cell's box in um.
    """
    if not extents:
        return FRAME_UM
    sizes = np.array(extents)
    median = float(np.median(sizes[:, 1:].max(axis=1)))
    largest = float(np.quantile(sizes.max(axis=1), FITTING, method="inverted_cdf"))
    if PUBLISHED.holds(median) and largest <= FRAME_UM:
        return FRAME_UM
    return float(f"{max(median * SIZE / TYPICAL, largest * SIZE / FULL):.3g}")

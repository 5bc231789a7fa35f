"""How large a square of the field each cell is shown to the model in.

The training cells were imaged at one scale, 0.172 um a pixel, each in the middle of a frame of
64 x 64 pixels: the longer side of a discocyte's mask spans 51 of them, of a spherocyte's 41 (the
medians; all cells 33 to 63, median 48). How much of the frame a cell fills thus tells the model
something of it, and cells must not each be enlarged to the same size. So the frame of a field is
one, 11 um where the size of the pixels is known. Where it is not, or where cells of quite another
size stand in the field, the median cell is made to span 48 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dispr.arguments import as_number
from dispr.cells.arrays import SIZE, SMALLEST
from dispr.errors import ConfigError

FRAME_UM = 11.0
"""Edge of the frame of the training cells: 64 pixels of 0.172 um."""

TYPICAL = 48
"""Pixels of 64 that the longer side of a training mask spans, median."""

LEAST, MOST = 33, 63
"""Smallest and largest longer side of a training mask."""

FULL = 60
"""Pixels of 64 that a cell may span before it gets a larger frame of its own."""

Rule = Literal["auto", "field", "cell"] | float
"""How frames are chosen; a number is their edge in um."""


_WORDS: tuple[Literal["auto", "field", "cell"], ...] = ("auto", "field", "cell")


@dataclass(frozen=True)
class Frames:
    """The frames of a field's cells.

    Attributes
    ----------
    edges : tuple of int
        Edge of each cell's square, in pixels of the field.
    rule : "um", "field" or "cell"
        What they were chosen by: a length, the median cell, or each cell by itself.
    edge : int
        The common edge; the median one where each cell has its own.
    """

    edges: tuple[int, ...]
    rule: Literal["um", "field", "cell"]
    edge: int


def as_rule(text: str | float) -> Rule:
    """Check a rule: "auto", "field", "cell", or a number of um.

    Raises
    ------
    ConfigError
        If it is none of these.
    """
    for word in _WORDS:
        if isinstance(text, str) and text == word:
            return word
    try:
        edge = float(text) if isinstance(text, str) else as_number(text)
    except ValueError:
        edge = math.nan
    if not (math.isfinite(edge) and edge > 0):
        raise ConfigError(f'the frame is "auto", "field", "cell" or a number of um, not "{text}".')
    return edge


def choose_frames(
    extents: Sequence[int],
    whole: Sequence[bool],
    pixel_size: float | None = None,
    rule: str | float = "auto",
) -> Frames:
    """Choose the frame of each cell.

    Parameters
    ----------
    extents : sequence of int
        Longer side of each cell in pixels.
    whole : sequence of bool
        Whether the cell is seen whole; others do not count for the median.
    pixel_size : float, optional
        Edge of a pixel in um.
    rule : "auto", "field", "cell" or float
        "auto": 11 um where the pixel size is known and the median cell then spans as much of the
        frame as any training cell, else as "field". "field": the median cell spans 48 of 64
        pixels. "cell": each cell does. A number: the edge of the frame in um.

    Raises
    ------
    ConfigError
        If the rule is none, or needs a pixel size.
    """
    wanted = as_rule(rule)
    known = [n for n, good in zip(extents, whole, strict=True) if good] or list(extents)
    median = float(np.median(known))
    if isinstance(wanted, float):
        if pixel_size is None:
            raise ConfigError(
                f"a frame of {wanted:g} um needs the size of the pixels; give --pixel-size."
            )
        return _frames([wanted / pixel_size] * len(extents), extents, "um")
    if wanted == "auto" and pixel_size is not None:
        edge = FRAME_UM / pixel_size
        if LEAST <= median * SIZE / edge <= MOST:
            return _frames([edge] * len(extents), extents, "um")
    if wanted == "cell":
        return _frames([n * SIZE / TYPICAL for n in extents], extents, "cell")
    return _frames([median * SIZE / TYPICAL] * len(extents), extents, "field")


def _frames(
    edges: Sequence[float], extents: Sequence[int], rule: Literal["um", "field", "cell"]
) -> Frames:
    common = max(SMALLEST, round(float(np.median(edges))))
    fitting = [
        max(SMALLEST, round(edge), math.ceil(extent * SIZE / FULL) if too_large else 0)
        for edge, extent in zip(edges, extents, strict=True)
        for too_large in [extent * SIZE > FULL * round(edge)]
    ]
    return Frames(tuple(fitting), rule, common)

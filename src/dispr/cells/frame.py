"""How large a square of an image each cell is shown to the model in: one rule for all inputs.

A model sees its training cells at one scale, each in a square of 64 x 64 pixels: the published ones
in 11.008 um (pixels of 0.172 um), of which the longer side of a discocyte's mask spans 51 pixels,
of a spherocyte's 41 (medians; all cells 33 to 63, median 48). How much of the square a cell fills
thus tells the model something of it, and cells must not each be enlarged to the same size. So
there is one edge for all cells of an input: that of the training cells where the pixel size is
known. Where it is not, or where the cells are of quite another size, the median cell is made to
span as much of the square as the median training cell.
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

PIXEL_UM = 0.172
"""Edge of a pixel of the published data set in um."""

FRAME_UM = SIZE * PIXEL_UM
"""Edge of its frame of 64 pixels in um: 11.008."""

TYPICAL = 48
"""Pixels of 64 that the longer side of a training mask spans, median."""

LEAST, MOST = 33, 63
"""Smallest and largest longer side of a training mask."""

FULL = 60
"""Pixels of 64 that a cell may span before it gets a larger frame of its own."""


@dataclass(frozen=True)
class Frame:
    """The square in which a model saw its training cells; weights state it.

    Attributes
    ----------
    pixel_um : float
        Edge of one of its 64 x 64 pixels in um.
    cells : str
        What the cells are, in the plural, for people.
    least, typical, most : float
        Pixels of 64 that the longer side of a training mask spans: smallest, median, largest.
    """

    pixel_um: float
    cells: str = "training cells"
    least: float = LEAST
    typical: float = TYPICAL
    most: float = MOST

    def __post_init__(self) -> None:
        if not (math.isfinite(self.pixel_um) and self.pixel_um > 0):
            raise ConfigError(
                f"the pixel size of a frame must be a positive number of um, not {self.pixel_um}."
            )
        if not 0 < self.least <= self.typical <= self.most <= SIZE:
            raise ConfigError(
                f"cells must span 1 to {SIZE} pixels of a frame, not {self.least:g} to "
                f"{self.most:g}."
            )

    @property
    def edge_um(self) -> float:
        """Its edge in um."""
        return SIZE * self.pixel_um

    @property
    def span_um(self) -> tuple[float, float]:
        """Smallest and largest longer side of a training cell in um."""
        return self.least * self.pixel_um, self.most * self.pixel_um

    def holds(self, length: float, slack: float = 0.0) -> bool:
        """Tell whether a cell of a length in um is as large as a training cell, give or take.

        Parameters
        ----------
        length : float
            Longer side of the cell in um.
        slack : float
            Pixels of 64 by which it may be smaller or larger.
        """
        return self.least - slack <= length / self.pixel_um <= self.most + slack


PUBLISHED = Frame(PIXEL_UM, "red blood cells")
"""Frame of the published data set."""

Word = Literal["auto", "field", "cell"]
Rule = Word | float
"""How frames are chosen; a number is their edge in um."""

WORDS: tuple[Word, ...] = ("auto", "field", "cell")


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
    median : float
        Longer side of the median cell in um, or in pixels where their size is not known.
    enlarged : tuple of bool
        Whether a cell has a larger square than the others, for it does not fit theirs.
    """

    edges: tuple[int, ...]
    rule: Literal["um", "field", "cell"]
    edge: int
    median: float
    enlarged: tuple[bool, ...]


def as_rule(text: str | float, words: Sequence[Word] = WORDS) -> Rule:
    """Check a rule: "auto", "field", "cell" (or only some of these words), or a number of um.

    Raises
    ------
    ConfigError
        If it is none of these.
    """
    for word in words:
        if isinstance(text, str) and text == word:
            return word
    try:
        edge = float(text) if isinstance(text, str) else as_number(text)
    except ValueError:
        edge = math.nan
    if not (math.isfinite(edge) and edge > 0):
        known = ", ".join(f'"{word}"' for word in words)
        raise ConfigError(f'the frame must be {known} or a number of um, not "{text}".')
    return edge


@dataclass(frozen=True)
class Scale:
    """How the frame of a cell is found, once it is chosen for all.

    Attributes
    ----------
    rule : "um", "field" or "cell"
        What it was chosen by; see `Frames`.
    length : float
        Edge of the frame in um, or in pixels where their size is not known; for "cell" the pixels
        of 64 that a cell spans.
    median : float
        Longer side of the median cell in um, or in pixels where their size is not known.
    """

    rule: Literal["um", "field", "cell"]
    length: float
    median: float

    def frames(
        self, extents: Sequence[int], pixel_size: float | Sequence[float] | None = None
    ) -> Frames:
        """Give the frames of cells; see `choose_frames`."""
        sizes = _sizes(extents, pixel_size)
        if self.rule == "cell":
            lengths = np.asarray(extents) * sizes
            return _frames(lengths / sizes * SIZE / self.length, extents, "cell", self.median)
        return _frames(self.length / sizes, extents, self.rule, self.median)


def choose_frames(
    extents: Sequence[int],
    whole: Sequence[bool],
    pixel_size: float | Sequence[float] | None = None,
    rule: str | float = "auto",
    trained: Frame | None = PUBLISHED,
) -> Frames:
    """Choose the frame of each cell: `choose_scale`, and the frames that follow from it."""
    return choose_scale(extents, whole, pixel_size, rule, trained).frames(extents, pixel_size)


def choose_scale(
    extents: Sequence[int],
    whole: Sequence[bool],
    pixel_size: float | Sequence[float] | None = None,
    rule: str | float = "auto",
    trained: Frame | None = PUBLISHED,
) -> Scale:
    """Choose how the frames of cells are found.

    Parameters
    ----------
    extents : sequence of int
        Longer side of each cell in pixels.
    whole : sequence of bool
        Whether the cell is seen whole; others do not count for the median.
    pixel_size : float or sequence of float, optional
        Edge of a pixel in um; of those of each cell where they differ.
    rule : "auto", "field", "cell" or float
        "auto": the frame of the training cells, where it and the pixel size are known and the
        median cell then spans as much of it as any training cell, else as "field". "field": the
        median cell spans as many of 64 pixels as the median training cell, 48 where that is not
        known. "cell": each cell does. A number: the edge of the frame in um.
    trained : Frame or None
        The frame of the training cells; None if it is not known.

    Raises
    ------
    ConfigError
        If the rule is none, or needs a pixel size.
    """
    wanted = as_rule(rule)
    lengths = np.asarray(extents) * _sizes(extents, pixel_size)  # um, or pixels
    counted = np.asarray(whole, bool) if any(whole) else np.ones(len(extents), bool)
    median = float(np.median(lengths[counted]))
    typical = TYPICAL if trained is None else trained.typical
    if isinstance(wanted, float):
        if pixel_size is None:
            raise ConfigError(
                f"a frame of {wanted:g} um requires the pixel size; give --pixel-size."
            )
        return Scale("um", wanted, median)
    if wanted == "auto" and pixel_size is not None and trained and trained.holds(median):
        return Scale("um", trained.edge_um, median)
    if wanted == "cell":
        return Scale("cell", typical, median)
    return Scale("field", median * SIZE / typical, median)


def _sizes(extents: Sequence[int], pixel_size: float | Sequence[float] | None) -> np.ndarray:
    return np.broadcast_to(np.asarray(1.0 if pixel_size is None else pixel_size), len(extents))


def enlarge(extent: int, edge: int) -> int:
    """Give the edge of a square that holds a cell with a margin; the same if it does already."""
    return math.ceil(extent * SIZE / FULL) if extent * SIZE > FULL * edge else edge


def _frames(
    edges: np.ndarray,
    extents: Sequence[int],
    rule: Literal["um", "field", "cell"],
    median: float,
) -> Frames:
    least = [max(SMALLEST, round(float(edge))) for edge in edges]
    fitting = [enlarge(extent, edge) for extent, edge in zip(extents, least, strict=True)]
    return Frames(
        tuple(fitting),
        rule,
        max(SMALLEST, round(float(np.median(edges)))),
        median,
        tuple(a > b for a, b in zip(fitting, least, strict=True)),
    )

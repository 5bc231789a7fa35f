"""Which planes of a training cell are known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dispr.cells.planes import spread_planes

MOST = 8
"""Most planes that are known beside that of the section."""

DRAWS = 4 + MOST
"""Uniform numbers that a choice takes."""


def choose_planes(low: int, high: int, size: int, draws: Sequence[float]) -> list[int]:
    """Choose the known planes of one cell: that of the section, in half of the cases alone.

    In the other half one to eight more are known: at any heights, evenly spread over the cell, or
    all on one side of the section. Some lie just beyond the cell and are empty.

    Parameters
    ----------
    low, high : int
        First and last plane that the cell is in.
    size : int
        Number of planes; the section is plane size / 2.
    draws : sequence of float
        `DRAWS` uniform numbers from 0 to 1.

    Returns
    -------
    list of int
        Numbers of the planes, ascending.
    """
    section = size // 2
    if draws[0] < 0.5:
        return [section]
    more = 1 + min(int(draws[1] * MOST), MOST - 1)
    places = draws[4 : 4 + more]
    heights: Sequence[float]
    if draws[2] < 0.4:
        heights = [low - 2 + (high - low + 4) * u for u in places]
    elif draws[2] < 0.8:
        # The cell's extent is not known to who chooses planes: evenly over about that.
        bottom, top = round(low - 3 + 6 * places[0]), round(high + 3 - 6 * places[-1])
        heights = spread_planes(bottom, max(top, bottom), more + 1, section, up=draws[3] < 0.5)
    else:
        end = high + 2 if draws[3] < 0.5 else low - 2
        heights = [section + (end - section) * u for u in places]
    numbers = {min(max(round(height), 0), size - 1) for height in heights}
    return sorted({section, *numbers})


def extent(obj: Tensor) -> tuple[int, int]:
    """First and last plane of a shape (Z, Y, X), bool; the middle one if it is empty."""
    filled = torch.nonzero(obj.flatten(1).any(1))[:, 0]
    if not len(filled):
        return len(obj) // 2, len(obj) // 2
    return int(filled[0]), int(filled[-1])

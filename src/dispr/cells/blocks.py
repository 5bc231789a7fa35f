"""Blocks of neighbouring cells, which stay together in every split."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from dispr.cells.classes import CellName

T = TypeVar("T")

BLOCK = 8
"""Most cells of a block that stays together in a split; the published numbering goes by eights."""


def blocks(cells: Iterable[tuple[CellName, T]], size: int = BLOCK) -> list[list[T]]:
    """Cut the cells of one type into blocks of consecutive numbers.

    Cells with neighbouring numbers often come from one donor. A cell without a number is a block
    of its own, and so is each of a run that is cut because it is longer than `size`.

    Parameters
    ----------
    cells : iterable of (CellName, anything)
        Names and what they name, sorted by name, all of one type.
    size : int
        Most cells of a block.

    Returns
    -------
    list of list
        What the names name, in order.
    """
    found: list[list[T]] = []
    last: int | None = None
    for name, cell in cells:
        follows = last is not None and name.number is not None and name.number - last in (0, 1)
        if follows and len(found[-1]) < size:
            found[-1].append(cell)
        else:
            found.append([cell])
        last = name.number
    return found

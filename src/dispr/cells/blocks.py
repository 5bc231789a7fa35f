"""Blocks of neighbouring cells, which stay together in every split."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TypeVar

from dispr.cells.classes import CellName, parse_name

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


def block_numbers(names: Sequence[str], size: int = BLOCK) -> tuple[int, ...]:
    """Tell by their names which cells are of one block.

    Parameters
    ----------
    names : sequence of str
        Names of cells, in any order.
    size : int
        Most cells of a block.

    Returns
    -------
    tuple of int
        For each cell the number of its block, from 0.
    """
    parsed = sorted((parse_name(name).type, name, i) for i, name in enumerate(names))
    numbers = [0] * len(names)
    count = 0
    for _, group in itertools.groupby(parsed, key=lambda found: found[0]):
        for block in blocks(((parse_name(name), i) for _, name, i in group), size):
            for i in block:
                numbers[i] = count
            count += 1
    return tuple(numbers)

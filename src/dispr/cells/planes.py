"""Which planes are known of cells beside their sections: their files, and choices of them."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from dispr.arguments import as_number
from dispr.errors import FileError
from dispr.names import key
from dispr.tables import read_table

TABLE = "planes.csv"
"""The table, beside the folders image and mask."""

MOST = 8
"""Most planes that are known beside that of the section."""

DRAWS = 4 + MOST
"""Uniform numbers that a choice takes."""


@dataclass(frozen=True)
class PlaneFile:
    """The mask of one plane.

    Attributes
    ----------
    mask : Path
        Its file.
    plane : int or None
        Number of the plane on the cell's grid, 0 to 63; the section is plane 32.
    height_um : float or None
        Where there is no number: the height above the section in um, negative below.
    """

    mask: Path
    plane: int | None
    height_um: float | None


def find_planes(part: Path, names: Collection[str]) -> dict[str, tuple[PlaneFile, ...]]:
    """Find the planes that a part of a data set has beside its sections.

    Parameters
    ----------
    part : Path
        Folder that holds `image` and `mask`, and perhaps `planes.csv` with the columns name (of the
        cell), mask (a file, named from this folder), and plane or height_um
        (`dispr.tables.read_table`).
    names : collection of str
        Its cells.

    Returns
    -------
    dict of str to tuple of PlaneFile
        By the names of the cells; empty where there is no table.

    Raises
    ------
    FileError
        If the table cannot be understood, names other cells, or a mask is missing.
    """
    path = part / TABLE
    found: dict[str, list[PlaneFile]] = {}
    if not path.is_file():
        return {}
    for row in read_table(path, (("name",), ("mask",), ("plane", "height_um"))):
        name, mask = key(row.values["name"]), part / row.values["mask"]
        if name not in names:
            raise FileError(
                f'{row.where}: there is no cell "{name}"; use the names of the files in '
                "image, without extension."
            )
        if not os.path.isfile(mask):  # also where the name is too long
            raise FileError(f"{row.where}: {mask} does not exist; give the file of the mask.")
        plane = row.whole("plane") if row.values.get("plane") else None
        height = row.values.get("height_um", "").replace(",", ".")
        if (plane is None) == (not height):
            raise FileError(f"{row.where}: give either plane or height_um.")
        value = as_number(height) if height else None
        if value is not None and not math.isfinite(value):
            raise FileError(f'{row.where}: the height_um "{height}" is not a number.')
        found.setdefault(name, []).append(PlaneFile(mask, plane, value))
    return {name: tuple(planes) for name, planes in found.items()}


def spread_planes(low: int, high: int, count: int, section: int, *, up: bool = True) -> list[int]:
    """Spread planes evenly over a cell, with that of the section among them.

    Two planes are the section and that half way from it to the top (or to the bottom). More are in
    the middles of as many equal parts of the cell's extent, the one nearest to the section moved to
    it.

    Parameters
    ----------
    low, high : int
        First and last plane that the cell is in.
    count : int
        How many planes.
    section : int
        The plane of the section.
    up : bool
        Of two planes, whether the second is above the section.
    """
    if count == 1:
        return [section]
    if count == 2:
        return sorted([section, round((section + (high if up else low)) / 2)])
    part = (high - low + 1) / count
    planes = [round(low - 0.5 + part * (k + 0.5)) for k in range(count)]
    nearest = min(range(count), key=lambda k: abs(planes[k] - section))
    planes[nearest] = section
    return sorted(set(planes))


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

"""Where cells come from: donors or fields of view, which are the independent units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dispr.cells.groups import DONOR, read_groups
from dispr.comparison.inputs import Given, PredictedCell
from dispr.comparison.known_cells import KnownCell
from dispr.comparison.tables import MeasuredCell
from dispr.errors import ConfigError


class Donors(NamedTuple):
    """The donors of the cells of both conditions.

    Attributes
    ----------
    of_cells, of_known : (list of str, list of str)
        For each condition, the donor of each of its cells, and of its known cells; empty texts
        where none are given.
    word : str
        What they are called: "donor" or "field"; empty where none are given.
    """

    of_cells: tuple[list[str], list[str]]
    of_known: tuple[list[str], list[str]]
    word: str

    def counts(self) -> tuple[int, int]:
        """Give the number of donors of each condition."""
        return len(set(self.of_cells[0])), len(set(self.of_cells[1]))


def find_donors(
    given: tuple[Given, Given], known: Sequence[KnownCell], table: Path | None
) -> Donors:
    """Find the donors of cells: in a table, or as the tables of measures or fields of view say.

    Parameters
    ----------
    given : (Given, Given)
        The conditions.
    known : sequence of KnownCell
        Their known cells.
    table : Path, optional
        Table with the columns cell and donor.

    Raises
    ------
    FileError
        If the table cannot be read or lacks a cell.
    ConfigError
        If some cells have a donor and others none.
    """
    names = [[cell.name for cell in one.cells] for one in given]
    ours = [[k.file.name for k in known if k.condition == i] for i in (0, 1)]
    if table is not None:
        found = read_groups(table, {name for part in (*names, *ours) for name in part}, DONOR)
        cells = [[found[name] for name in part] for part in names]
        of_known = [[found[name] for name in part] for part in ours]
        word = "donor"
    else:
        cells = [[_stated(cell) for cell in one.cells] for one in given]
        by_name = [dict(zip(n, c, strict=True)) for n, c in zip(names, cells, strict=True)]
        of_known = [[by_name[i].get(name, "") for name in ours[i]] for i in (0, 1)]
        fields = any(isinstance(cell, PredictedCell) for one in given for cell in one.cells)
        word = "field" if fields else "donor"
    every = [donor for part in (*cells, *of_known) for donor in part]
    if not any(every):
        word = ""
    elif not all(every):
        lacking = next(
            name
            for part, donors in zip((*names, *ours), (*cells, *of_known), strict=True)
            for name, donor in zip(part, donors, strict=True)
            if not donor
        )
        raise ConfigError(
            f"{lacking} has no {word}, but other cells have; list all cells, also those of known "
            "shape, in a table by --donors."
        )
    return Donors((cells[0], cells[1]), (of_known[0], of_known[1]), word)


def _stated(cell: object) -> str:
    if isinstance(cell, PredictedCell):
        return cell.field
    return cell.donor if isinstance(cell, MeasuredCell) else ""

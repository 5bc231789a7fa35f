"""Groups of cells, such as treatments and their control: from a table, or from sub-folders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from dispr.errors import FileError
from dispr.names import PICTURES, key
from dispr.tables import read_table

Named = TypeVar("Named", bound=Any)
"""Has a name and a group, and is a dataclass."""

CELL = ("cell", "name", "image", "file", "filename")
GROUP = ("group", "condition", "treatment")
DONOR = ("donor", "patient", "animal", "field", "replicate", "batch", "well")
"""Columns of a table of groups, or of donors, by any of these names."""


def read_groups(
    path: Path, names: Collection[str], columns: Sequence[str] = GROUP
) -> dict[str, str]:
    """Read the groups of cells from a table.

    Parameters
    ----------
    path : Path
        CSV with a column `cell` (or name, image, file), the name of a cell or of its file, with or
        without folder and extension, and a column `group` (or condition, treatment); see
        `dispr.tables.read_table`. Rows of other cells are passed over.
    names : collection of str
        The cells.
    columns : sequence of str
        The names that the column of groups may have, such as `DONOR`.

    Returns
    -------
    dict of str to str
        The group of each cell; empty where its row has none.

    Raises
    ------
    FileError
        If the file cannot be read, a cell has no row, or rows of two groups.
    """
    found: dict[str, str] = {}
    for row in read_table(path, (CELL, columns)):
        name = _name(next(row.values[column] for column in CELL if column in row.values))
        group = next(row.values[column] for column in columns if column in row.values)
        if found.setdefault(name, group) != group:
            raise FileError(
                f"{row.where}: {name} has a different {columns[0]} in an earlier row; keep "
                "one of the rows."
            )
    groups = {name: found.get(key(name)) for name in names}
    lacking = [name for name, group in groups.items() if group is None]
    if lacking:
        rows = f"; it has rows of {', '.join(list(found)[:3])}, ..." if found else ""
        raise FileError(
            f"{path} has no row for {lacking[0]} (one of {len(lacking)} missing cells){rows}. Add "
            f"the missing rows; leave the {columns[0]} empty for cells without a {columns[0]}."
        )
    return {name: group or "" for name, group in groups.items()}


def with_groups(cells: Sequence[Named], path: Path | None) -> list[Named]:
    """Give cells, fields of view or other named things the groups of a table, if there is one.

    Raises
    ------
    FileError
        As `read_groups`.
    """
    if path is None:
        return list(cells)
    groups = read_groups(path, [cell.name for cell in cells])
    return [replace(cell, group=groups[cell.name]) for cell in cells]


def told_groups(cells: Sequence[Any]) -> list[str]:
    """Say in a sentence how many cells each group has; nothing if there are no groups."""
    counts = Counter(cell.group for cell in cells)
    if not any(counts):
        return []
    each = ", ".join(f"{name or 'none'} ({counts[name]})" for name in sorted(counts))
    return [f"Groups of cells: {each}."]


def _name(text: str) -> str:
    """Give the name of a cell that a table names by its file."""
    text = key(re.split(r"[\\/]", text)[-1])
    return text[: text.rfind(".")] if text.lower().endswith(PICTURES) else text

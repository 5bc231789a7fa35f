"""Tables of `dispr measure` that are compared."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from dispr.cells.groups import CELL, DONOR, GROUP
from dispr.errors import FileError
from dispr.morphology.features import SHAPE_FEATURES, Unit
from dispr.tables import Row, read_table


@dataclass(frozen=True)
class MeasuredCell:
    """A row of a table of measures.

    Attributes
    ----------
    name : str
        Of the cell.
    values : dict of str to float
        By the name of the measure without its unit; what is missing is not there.
    unit : "um" or "voxel"
        Of lengths.
    edge : float or None
        Edge of a voxel in um, where it is known.
    predicted : bool
        Whether the shape was predicted; else it is known.
    warning, group, donor : str
        What to beware of, the group of cells, and the donor; empty for none.
    """

    name: str
    values: dict[str, float]
    unit: Unit
    edge: float | None
    predicted: bool
    warning: str = ""
    group: str = ""
    donor: str = field(default="")


def read_measured(path: Path) -> list[MeasuredCell]:
    """Read a table of measures of shapes.

    Parameters
    ----------
    path : Path
        CSV that `dispr measure` wrote, also with a column of donors or groups added to it.

    Raises
    ------
    FileError
        If it cannot be read, has two rows of a cell, no measures of shapes, or values that are no
        numbers.
    """
    if path.suffix.lower() == ".parquet":
        raise FileError(f"{path} is a Parquet file; measure again to a table that ends in .csv.")
    rows = read_table(path, (CELL,))
    if not rows:
        raise FileError(f"{path} has no rows.")
    cells = [_cell(row) for row in rows]
    names = [cell.name for cell in cells]
    twice = (
        next((name for name in names if names.count(name) > 1), None)
        if (len(set(names)) < len(names))
        else None
    )
    if twice is not None:
        raise FileError(f"{path} has two rows of {twice}; keep one of them.")
    if not any(cell.values for cell in cells):
        raise FileError(
            f"{path} has no measures of 3D shapes, such as volume_um3; give a table that dispr "
            "measure wrote of predictions or 3D objects."
        )
    if len({cell.unit for cell in cells if cell.values}) > 1:
        raise FileError(f"{path} has cells in um and in voxels; measure them with --voxel-size.")
    return cells


def _cell(row: Row) -> MeasuredCell:
    unit: Unit = "um" if _number(row, "volume_um3") is not None else "voxel"
    if unit == "voxel" and not any(
        row.values.get(f.column("voxel")) for f in SHAPE_FEATURES if f.power
    ):
        unit = "um"
    values = {}
    for feature in SHAPE_FEATURES:
        value = _number(row, feature.column(unit))
        if value is not None:
            values[feature.name] = value
    return MeasuredCell(
        _first(row, CELL),
        values,
        unit,
        _number(row, "voxel_x_um"),
        "samples" in row.values,
        row.values.get("warning", ""),
        _first(row, GROUP),
        _first(row, DONOR),
    )


def _first(row: Row, columns: tuple[str, ...]) -> str:
    return next((row.values[column] for column in columns if row.values.get(column)), "")


def _number(row: Row, column: str) -> float | None:
    text = row.values.get(column, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise FileError(f'{row.where}: the {column} "{text}" is not a number.') from error
    return value if math.isfinite(value) else None

"""Read what is known of measured cells: from a prediction, a field of view, or a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispr.errors import FileError
from dispr.export.columns import Columns
from dispr.labelled.field.folder import RECORD
from dispr.labelled.field.folder import TABLE as FIELD_TABLE
from dispr.labelled.field.written import read_field_rows
from dispr.measurements.folder import TABLE as MEASURED
from dispr.measurements.folder import read_record
from dispr.measurements.inputs import contents, find_items
from dispr.names import missing
from dispr.parquet import read_parquet
from dispr.prediction.files import TABLE, PredictionFolder, is_prediction
from dispr.records import read_csv
from dispr.tables import read_table

Row = Mapping[str, str]

AGAIN = "create it again"
OF_MEASURES = ("samples", "calibrated", "interval_level")
"""Columns that belong to the measures beside them."""


@dataclass(frozen=True)
class MeasuredCells:
    """Rows of a table of cells, and what was recorded of their prediction.

    Attributes
    ----------
    where : str
        The table, for messages.
    rows : sequence of mapping of str to str
        Values by column; empty where one is missing.
    records : sequence of mapping
        The records of the predictions, `prediction.json`; none of a table by itself.
    all_measures : bool
        Whether all measures that were made of the cells are in the rows. False of a folder
        without `measurements.csv`.
    """

    where: str
    rows: Sequence[Row]
    records: Sequence[Mapping[str, Any]] = ()
    all_measures: bool = True


def read_cells(path: Path) -> MeasuredCells:
    """Read the cells of a folder or table.

    Parameters
    ----------
    path : Path
        Output folder of `dispr predict`, of single cells, a field of view or several; or the table
        of `dispr measure`, as CSV, also with columns that a user added, or as Parquet. In a folder,
        measures are those of `measurements.csv` where it is there, else those of `cells.csv` or
        `predictions.csv`.

    Returns
    -------
    MeasuredCells
        At least one.

    Raises
    ------
    FileError
        If there is no such table, it is damaged or empty, or `measurements.csv` is not of the
        shapes beside it.
    ConfigError
        If the table is a Parquet file and pyarrow is not installed.
    """
    if not path.exists():
        raise missing(path)
    if path.is_file():
        found = MeasuredCells(str(path), _table(path))
    elif (path / RECORD).is_file():
        found = _joined(path / FIELD_TABLE, read_field_rows(path), {"": path})
    elif is_prediction(path):
        found = _joined(path / TABLE, PredictionFolder(path).rows(), {"": path})
    elif (path / FIELD_TABLE).is_file():
        table = path / FIELD_TABLE
        rows = read_csv(table, ["field", "name"], remedy=AGAIN)
        folders = {name: path / name for name in dict.fromkeys(row["field"] for row in rows)}
        found = _joined(table, rows, folders)
    else:
        raise FileError(
            f"{path} contains no predictions; give the output folder of dispr predict, or a table "
            "of dispr measure."
        )
    if not found.rows:
        raise FileError(f"{found.where} has no rows; predict or measure the cells first.")
    return found


def _table(path: Path) -> list[Row]:
    if path.suffix.lower() == ".parquet":
        rows = read_parquet(path, AGAIN)
        if rows and "name" not in rows[0]:
            raise FileError(f"{path} has no column name; give a table of dispr measure.")
        return [{name: str(value) for name, value in row.items()} for row in rows]
    return [row.values for row in read_table(path, [("name",)])]


def _joined(table: Path, rows: Sequence[Row], folders: Mapping[str, Path]) -> MeasuredCells:
    """Put the measures of `measurements.csv` into the rows of the table of a prediction.

    Parameters
    ----------
    table : Path
        Where the rows are from.
    rows : sequence of mapping
        A row for each cell.
    folders : mapping of str to Path
        The predictions, by the column `field` of their rows; "" if there is none.
    """
    measured = {field: _measures(folder) for field, folder in folders.items()}
    whole = all(found is not None for found in measured.values())
    return MeasuredCells(
        str(table),
        [_with_measures(row, measured[row.get("field") or ""]) for row in rows],
        [record for folder in folders.values() if (record := PredictionFolder(folder).settings)],
        whole,
    )


def _with_measures(row: Row, measured: Mapping[str, Row] | None) -> Row:
    """Exchange all measures of a row, whose intervals can be of another level."""
    if measured is None:
        return row
    found = measured.get(row["name"], {})
    old = set(Columns(row).all)
    kept = {name: value for name, value in row.items() if name not in old}
    return kept | {k: v for k, v in found.items() if k not in kept or k in OF_MEASURES}


def _measures(folder: Path) -> dict[str, Row] | None:
    """Read the measures of a prediction, by name; None if they are not in its folder."""
    known = read_record(folder)
    if not known:
        return None
    path = folder / MEASURED
    rows = read_csv(path, ["name"], unique="name", remedy=AGAIN)
    for name in _changed(folder, known):
        raise FileError(
            f"{path} does not describe the shape of {name} in {folder}; create it again: dispr "
            f"measure {folder} -o {path} --all."
        )
    return {row["name"]: row for row in rows}


def _changed(folder: Path, known: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """Name the cells that were predicted after they were measured."""
    for item in find_items(folder):
        if known.get(item.name, ("",))[0] != contents(item):
            yield item.name

"""Write measured cells as AnnData, for scanpy, squidpy and other programs of single cells."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr._version import __version__
from dispr.cells.groups import CELL, DONOR, GROUP
from dispr.errors import FileError
from dispr.export.columns import Columns, Measure
from dispr.export.source import MeasuredCells, Row, read_cells
from dispr.files import atomic_path
from dispr.intervals.ensemble import STATISTICS
from dispr.packages import imported

SUFFIX = ".h5ad"

WORDS = {*CELL, *GROUP, *DONOR}.union(
    ("class", "split", "warning", "predicted_class", "calibrated", "sampler")
)
"""Columns of text, also where all that stands in them are digits."""

PLACES = (("x_um", "y_um"), ("x_px", "y_px"))
"""Columns of where a cell is in its field, by preference."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")


def write_anndata(source: Path, out: Path) -> tuple[MeasuredCells, Any]:
    """Write the measures of cells as AnnData (https://anndata.readthedocs.io).

    Parameters
    ----------
    source : Path
        A prediction or a table (`dispr.export.source.read_cells`).
    out : Path
        File to write, which ends in .h5ad.

    Returns
    -------
    cells : MeasuredCells
        What was read.
    written : anndata.AnnData
        What was written; see `make_anndata`.

    Raises
    ------
    FileError
        If the source cannot be read or used, or the file cannot be written.
    ConfigError
        If anndata is not installed.
    """
    if out.suffix.lower() != SUFFIX:
        raise FileError(f"{out} must end in {SUFFIX}.")
    _package("anndata")  # before anything is read
    cells = read_cells(source)
    made = make_anndata(cells)
    with atomic_path(out) as temporary:
        made.write_h5ad(temporary)
    return cells, made


def make_anndata(cells: MeasuredCells) -> Any:
    """Make an AnnData object of measured cells.

    Parameters
    ----------
    cells : MeasuredCells
        The cells.

    Returns
    -------
    anndata.AnnData
        `X`, (cells, measures) float64, NaN where no number is given; `layers` of the same shape for
        statistics that the table has, such as `low` and `high`; `obs`, the other columns; `var`,
        the measures with unit, formula and source; `obsm["spatial"]`, (cells, 2), X and Y of
        cells in a field of view; `uns["dispr"]`, where the numbers are from.

    Raises
    ------
    FileError
        If cells have the same name, there are no measures, or a measure is no number.
    ConfigError
        If anndata is not installed.
    """
    anndata = _package("anndata")
    rows = cells.rows
    columns = list(dict.fromkeys(name for row in rows for name in row))
    known = Columns(columns)
    measures = known.stated(rows)
    if not measures:
        raise FileError(
            f"{cells.where} has no measures, such as volume_um3; give the output folder of dispr "
            "predict, or a table of dispr measure."
        )
    layers = {
        statistic: _matrix(cells, [m.statistics.get(statistic) for m in measures])
        for statistic in STATISTICS
        if any(statistic in m.statistics for m in measures)
    }
    others = [name for name in columns if name != "name" and name not in known.all]
    place = _place(rows)
    made = anndata.AnnData(
        X=_matrix(cells, [measure.column for measure in measures]),
        obs=_observations(cells, others),
        var=_variables(measures),
        layers=layers,
        obsm={} if place is None else {"spatial": _matrix(cells, place)},
    )
    unit = {} if place is None else {"spatial_unit": place[0].rpartition("_")[2]}
    made.uns["dispr"] = {**_provenance(cells, measures), **unit}
    return made


def _matrix(cells: MeasuredCells, columns: Sequence[str | None]) -> np.ndarray:
    """Give columns as numbers, float64, (cells, columns)."""
    matrix = np.full((len(cells.rows), len(columns)), math.nan)
    for i, row in enumerate(cells.rows):
        for j, column in enumerate(columns):
            text = row.get(column, "") if column is not None else ""
            if text:
                if not _NUMBER.fullmatch(text):
                    raise FileError(
                        f"{cells.where} has {text!r} for the {column} of {row['name']}, which is "
                        "no number; correct it."
                    )
                matrix[i, j] = float(text)
    return matrix


def _observations(cells: MeasuredCells, columns: Iterable[str]) -> Any:
    """Give what is known of cells beside measures, in a type for each column."""
    pandas = _package("pandas")
    found = {}
    for column in columns:
        if column in ("", "_index") or "/" in column:
            raise FileError(
                f"{cells.where} has a column {column!r}, which AnnData cannot hold; rename or "
                "remove it."
            )
        texts = [row.get(column, "") for row in cells.rows]
        found[column] = _typed(pandas, texts, column)
    return pandas.DataFrame(found, index=_texts(pandas, _names(cells)))


def _typed(pandas: Any, texts: Sequence[str], column: str) -> Any:
    """Give a column as truth values, whole numbers, numbers or categories, whichever it holds."""
    given = [text for text in texts if text]
    if column == "touches_border" and set(texts) <= {"0", "1"}:
        return np.array([text == "1" for text in texts])
    # A number does not begin with 0: "007" is a name.
    numbers = all(_NUMBER.fullmatch(text) and not re.match("[+-]?0[0-9]", text) for text in given)
    if column in WORDS or not numbers or not given:
        kinds = sorted(set(given))
        codes = {text: i for i, text in enumerate(kinds)}
        return pandas.Categorical.from_codes(
            [codes.get(text, -1) for text in texts], _texts(pandas, kinds)
        )
    if len(given) == len(texts) and all(map(_WHOLE.fullmatch, texts)):
        return np.array(texts, np.int64)
    return np.array([float(text) if text else math.nan for text in texts])


def _names(cells: MeasuredCells) -> list[str]:
    """Give each cell a name of its own, with its part or field where these have the same ones."""
    names = [row["name"] for row in cells.rows]
    for column in ("split", "field"):
        if len(set(names)) < len(names):
            names = [f"{row.get(column) or ''}/{row['name']}".lstrip("/") for row in cells.rows]
    seen: set[str] = set()
    for name in names:
        if not name or name in seen:
            what = f"two rows of {name}" if name else "a row without a name"
            raise FileError(f"{cells.where} has {what}; correct or remove one of them.")
        seen.add(name)
    return names


def _variables(measures: Sequence[Measure]) -> Any:
    pandas = _package("pandas")
    about = {
        "measure": [measure.feature.name for measure in measures],
        "unit": [measure.unit for measure in measures],
        "formula": [measure.feature.formula for measure in measures],
        "source": [measure.feature.source for measure in measures],
    }
    names = _texts(pandas, [measure.column for measure in measures])
    columns = {key: pandas.Series(_objects(v), names, object) for key, v in about.items()}
    return pandas.DataFrame(columns, index=names)


def _place(rows: Sequence[Row]) -> tuple[str, str] | None:
    """Choose the columns of where cells are; None where some are not in a field of view."""
    for columns in PLACES:
        if all(row.get(column) for row in rows for column in columns):
            return columns
    return None


def _provenance(cells: MeasuredCells, measures: Sequence[Measure]) -> dict[str, Any]:
    levels = {float(level) for row in cells.rows if (level := row.get("interval_level"))}
    made = [record.get("made", {}) for record in cells.records]
    stated: dict[str, Iterable[Any]] = {
        "predicted_by": (record.get("dispr", "") for record in cells.records),
        "weights": (about.get("weights", "") for about in made),
        "weights_checksum": (record.get("model", "") for record in cells.records),
        "interval_level": levels,
    }
    return {
        "version": __version__,
        "source": cells.where,
        "units": {measure.column: measure.unit for measure in measures},
        **{
            key: value for key, found in stated.items() if (value := _one_or_all(found)) is not None
        },
    }


def _one_or_all(values: Iterable[Any]) -> Any:
    """Give the one value that there is, or an array of all; None where nothing is stated."""
    found = sorted(set(values))
    if len(found) > 1:
        return _objects(found) if isinstance(found[0], str) else np.array(found)
    return found[0] if found and found[0] != "" else None


def _objects(texts: Sequence[str]) -> np.ndarray:
    """Give texts as an array of Python objects.

    anndata of before pandas 3 cannot write the texts of pandas 3, which are of another type.
    """
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def _texts(pandas: Any, texts: Sequence[str]) -> Any:
    return pandas.Index(_objects(texts), dtype=object)


def _package(name: str) -> Any:
    return imported(name, "anndata", "AnnData needs more packages")

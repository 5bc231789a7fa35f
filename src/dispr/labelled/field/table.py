"""The table of a field's cells: where each is, what it measures, and what to beware of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dispr.cells.arrays import SIZE
from dispr.cells.framing import joined
from dispr.intervals.ensemble import measure_ensemble
from dispr.intervals.rules import stated
from dispr.labelled.field.prepare import FieldCell
from dispr.measurements.columns import short_rows, written
from dispr.morphology.features import UNITS, Unit
from dispr.prediction.prediction import Prediction
from dispr.recognition.red_cells import COLUMNS

Row = dict[str, Any]


def written_rows(rows: Sequence[Row], *, wide: bool = False) -> list[Row]:
    """Give the rows of a table as they are written: the short table, or all measures."""
    chosen = rows if wide else short_rows(rows)
    return [{name: written(value) for name, value in row.items()} for row in chosen]


def place_columns(cell: FieldCell, pixel_size: float | None) -> Row:
    """Give the columns of where a cell is; um where the pixel size is known."""
    y, x = cell.located.centre
    row: Row = {
        "name": cell.name,
        "label": cell.label,
        **({} if cell.located.name is None else {"region": cell.located.name}),
        "y_px": round(y, 2),
        "x_px": round(x, 2),
        "area_px": cell.located.size,
    }
    if pixel_size is not None:
        row |= {
            "y_um": _digits(y * pixel_size),
            "x_um": _digits(x * pixel_size),
            "area_um2": _digits(cell.located.size * pixel_size**2),
        }
    return row | {
        "touches_border": int(bool(cell.located.border)),
        "frame_px": cell.square.edge,
    }


def unit_of(pixel_size: float | None) -> Unit:
    """Give the unit of lengths of a field: its pixels where their size is not known."""
    return "px" if pixel_size is None else "um"


def voxel_edge(cell: FieldCell, pixel_size: float | None) -> float:
    """Give the edge of a cell's voxels: in um, or in pixels of the field where that is unknown."""
    return cell.square.edge / SIZE * (1.0 if pixel_size is None else pixel_size)


def cell_row(
    cell: FieldCell,
    pixel_size: float | None,
    *,
    measures: Mapping[str, Any],
    familiarity: Any = "",
    warning: str = "",
    recognised: Mapping[str, Any] | None = None,
    overlap: float | None = None,
) -> Row:
    """Make the row of one cell.

    Parameters
    ----------
    cell : FieldCell
        The cell.
    pixel_size : float or None
        Edge of a pixel of the field in um.
    measures : mapping
        What its shapes measure, units in the names. Empty for a cell that was not predicted.
    familiarity, warning
        As in `predictions.csv`.
    recognised : mapping, optional
        Columns of its class (`Model.recognise`).
    overlap : float, optional
        Share of its voxels that another cell has in the label volume.
    """
    own = "" if cell.warning in warning else cell.warning  # predictions.csv has it already
    row = place_columns(cell, pixel_size)
    row["voxel_um" if pixel_size is not None else "voxel_px"] = _digits(
        voxel_edge(cell, pixel_size)
    )
    if overlap is not None:
        row["overlap"] = "" if math.isnan(overlap) else round(overlap, 4)
    row |= {"familiarity": familiarity, "warning": joined(cell.refused, own, warning)}
    row |= recognised or {}
    return row | {name: value for name, value in measures.items() if name not in _ELSEWHERE}


def field_rows(
    cells: Sequence[FieldCell],
    pixel_size: float | None,
    found: Mapping[int, Mapping[str, Any]],
    overlaps: Mapping[int, float] | None,
) -> list[Row]:
    """Make the rows of the cells that are refused, or of which something is known.

    Parameters
    ----------
    cells : sequence of FieldCell
        All cells.
    pixel_size : float or None
        As for `cell_row`.
    found : mapping of int to mapping
        By label: `measures`, `familiarity`, `warning` and `recognised`, as for `cell_row`.
    overlaps : mapping of int to float, or None
        By label (`FieldVolume.overlaps`); None where no label volume was made.
    """
    return [
        cell_row(
            cell,
            pixel_size,
            overlap=None if overlaps is None else overlaps.get(cell.label, math.nan),
            **{"measures": {}, **found.get(cell.label, {})},
        )
        for cell in cells
        if cell.refused or cell.label in found
    ]


def shape_columns(prediction: Prediction, edge: float, ellipsoid: int, unit: Unit) -> Row:
    """Give the columns of what a cell's shapes measure, as in the tables of `dispr measure`.

    Parameters
    ----------
    prediction : Prediction
        The shapes of one cell.
    edge : float
        Edge of its voxels.
    ellipsoid : int
        Voxels of the ellipsoid on its outline (`dispr.morphology.ellipsoid.ellipsoid_volume`).
    unit : "um" or "px"
        Unit of the edge.
    """
    samples = len(prediction.samples)
    intervals = None if prediction.warning else prediction.intervals
    shapes = prediction.consensus, prediction.samples
    measures = measure_ensemble(*shapes, (edge,) * 3, intervals, unit)
    return {
        "samples": samples,
        **stated(intervals, samples),
        f"ellipsoid_volume_{UNITS['volume'][unit]}": ellipsoid * edge**3,
        **measures,
    }


_ELSEWHERE = {
    *("name", "class", "warning", *COLUMNS),
    *(f"voxel_{axis}_{unit}" for axis in "zyx" for unit in ("um", "px")),
}


def _digits(value: float) -> float:
    return float(f"{value:.6g}")

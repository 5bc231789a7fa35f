"""The few measures of a cell that are shown at once, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dispr.cells.classes import CLASSES
from dispr.morphology.features import SHAPE_FEATURES, Unit
from dispr.recognition.red_cells import COLUMNS

Row = Mapping[str, Any]

SHOWN = {
    "volume": "Volume",
    "surface": "Surface",
    "sphericity": "Sphericity",
    "extent_z": "Height",
    "thickness_max": "Thickness",
}
"""Names of measures and their titles."""

_FEATURES = {feature.name: feature for feature in SHAPE_FEATURES}


@dataclass(frozen=True)
class Measured:
    """A measure of a cell.

    Attributes
    ----------
    value : float
        That of the consensus; NaN if there is none.
    low, high : float
        Ends of the interval, or of the range of the samples where none was calibrated; NaN if
        there is neither.
    fitted : bool
        Whether these are of a calibrated interval.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    fitted: bool = False

    def __str__(self) -> str:
        if math.isnan(self.value):
            return ""
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{self.value:.3g}"
        ends = f"{_text(self.low)} - {_text(self.high)}"
        return f"{_text(self.value)}  " + (f"({ends})" if self.fitted else f"[{ends}]")


def title(name: str, unit: Unit) -> str:
    """Give the title of a measure, one of `SHOWN`, with its unit, for people."""
    words = _FEATURES[name].unit(unit)
    return SHOWN[name] if words == "-" else f"{SHOWN[name]}, {words}"


def measured(row: Row, name: str) -> Measured:
    """Find a measure in the row of a cell, whichever unit it is in."""
    feature = _FEATURES[name]
    unit: Unit = "um" if feature.column("um") in row else "px"
    value, low, high, least, most = (
        _number(row.get(feature.column(unit, s))) for s in ("", "low", "high", "min", "max")
    )
    if math.isnan(low):
        return Measured(value, least, most)
    return Measured(value, low, high, fitted=True)


def interval_name(rows: Sequence[Row]) -> str:
    """Say of which level the intervals of a table are, such as "90 % interval"."""
    levels = {float(row["interval_level"]) for row in rows if row.get("interval_level")}
    return f"{100 * levels.pop():.4g} % interval" if len(levels) == 1 else "calibrated interval"


def class_in_words(row: Row) -> str:
    """Give the predicted class of a cell with its probability, and its score; empty without."""
    name = str(row.get("predicted_class") or "")
    if not name:
        return ""
    score = _number(row.get("sde_score"))
    told = "" if math.isnan(score) else f", {score:.2f}"
    return f"{name.replace('_', ' ')} ({_number(row['class_probability']):.0%}{told})"


def class_order(row: Row) -> float:
    """Give a number to sort cells by class with, in the order of `CLASSES`; SDE by their score."""
    name = str(row.get("predicted_class") or "")
    if not name:
        return math.nan
    place = CLASSES.index(name) if name in CLASSES else len(CLASSES)
    score = _number(row.get("sde_score"))
    return 4 * place + (0 if math.isnan(score) else score)


def unit_in(rows: Sequence[Row]) -> Unit:
    """Give the unit of lengths of a table: um, or pixels of the field."""
    return "px" if any("voxel_px" in row for row in rows) else "um"


def summary_of(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Give a short form of a table, column by column.

    Returns
    -------
    dict of str to list
        `index`, the label; the measures of `SHOWN` and the ends of their intervals (low, high) or,
        where there are none, of the range of the samples (min, max), else NaN; `predicted_class`,
        `class_probability` and `sde_score` where there are any; `warning`.
    """
    columns: dict[str, list[Any]] = {"index": [int(row["label"]) for row in rows]}
    for name in SHOWN:
        found = [measured(row, name) for row in rows]
        if all(math.isnan(one.value) for one in found):
            continue
        for statistic, values in (
            ("", [one.value for one in found]),
            ("low", [one.low if one.fitted else math.nan for one in found]),
            ("high", [one.high if one.fitted else math.nan for one in found]),
            ("min", [math.nan if one.fitted else one.low for one in found]),
            ("max", [math.nan if one.fitted else one.high for one in found]),
        ):
            columns[_FEATURES[name].column(unit_in(rows), statistic)] = values
    if any(class_in_words(row) for row in rows):
        columns["predicted_class"] = [str(row.get("predicted_class") or "") for row in rows]
        for name in COLUMNS[1:]:
            columns[name] = [_number(row.get(name)) for row in rows]
    columns["warning"] = [str(row.get("warning") or "") for row in rows]
    return columns


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _text(value: float) -> str:
    """Write a number to three digits, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"

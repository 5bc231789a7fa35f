"""Which columns a table of measures has: the short table, which people read, or the wide one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dispr.intervals.ensemble import STATISTICS
from dispr.morphology.features import (
    MAIN_SECTION,
    MAIN_SHAPE,
    SECTION_FEATURES,
    SHAPE_FEATURES,
    Feature,
)

Row = dict[str, Any]

INTERVAL, RANGE = ("low", "high"), ("min", "max")


def short_rows(rows: Sequence[Mapping[str, Any]], *, sections: bool = False) -> list[Row]:
    """Keep of a table what is not a measure, and the main measures with their intervals.

    Where no cell has an interval of a measure, the range of its samples stands beside it.

    Parameters
    ----------
    rows : sequence of mapping
        Columns of measures end in units: um, voxels or pixels, or px for pixels of a field.
    sections : bool
        Whether the rows are of sections, not of shapes.
    """
    features, main = (SECTION_FEATURES, MAIN_SECTION) if sections else (SHAPE_FEATURES, MAIN_SHAPE)
    stated = {_in_um(name) for row in rows for name, value in row.items() if _is_stated(value)}
    left_out: set[str] = set()
    for feature in features:
        kept: set[str] = set()
        if feature.name in main:
            has = stated & _columns(feature, INTERVAL, sections)
            kept = {"", *INTERVAL, *(() if has else RANGE)}
        left_out |= _columns(feature, {"", *STATISTICS} - kept, sections)
    return [
        {name: value for name, value in row.items() if _in_um(name) not in left_out} for row in rows
    ]


def written(value: Any) -> Any:
    """Round a number to seven digits, as it stands in a table; an empty text for NaN."""
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else ""
    return value


def is_wide(row: Mapping[str, Any]) -> bool:
    """Tell whether a row has all measures of an ensemble's shapes, with all their statistics."""
    there = {_in_um(name) for name in row}
    return any(
        there.issuperset(
            feature.column(physical, statistic=statistic)
            for feature in SHAPE_FEATURES
            for statistic in ("", *STATISTICS)
        )
        for physical in (True, False)
    )


def _columns(feature: Feature, statistics: Iterable[str], flat: bool) -> set[str]:
    """Name the columns of a measure, with a known size of voxels or pixels and without."""
    return {
        feature.column(physical, flat, statistic)
        for statistic in statistics
        for physical in (True, False)
    }


def _in_um(name: str) -> str:
    """Give the name that a measure in pixels of a field has in um."""
    return re.sub(r"_px(\d?)$", r"_um\1", name)


def _is_stated(value: Any) -> bool:
    """Tell a value from an empty text, and from NaN."""
    return value not in ("", None) and value == value

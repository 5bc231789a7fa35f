"""Which columns a table of measures has: the short table, which people read, or the wide one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dispr.intervals.ensemble import STATISTICS
from dispr.morphology.features import (
    MAIN_SECTION,
    MAIN_SHAPE,
    SECTION_FEATURES,
    SHAPE_FEATURES,
    Feature,
    Unit,
)

Row = dict[str, Any]

INTERVAL, RANGE = ("low", "high"), ("min", "max")

OF_SHAPES: tuple[Unit, ...] = ("um", "px", "voxel")
OF_SECTIONS: tuple[Unit, ...] = ("um", "pixel")
"""Units that lengths of shapes and of sections may be in."""


def besides_main(rows: Iterable[Mapping[str, Any]], *, sections: bool = False) -> set[str]:
    """Name the columns that a short table lacks: all but the main measures with their intervals.

    Where a cell has no interval of a measure, the range of its samples stands beside it.

    Parameters
    ----------
    rows : iterable of mapping
        Columns of measures end in units: um, voxels or pixels, or px for pixels of a field.
    sections : bool
        Whether the rows are of sections, not of shapes.
    """
    features, main = (SECTION_FEATURES, MAIN_SECTION) if sections else (SHAPE_FEATURES, MAIN_SHAPE)
    units = OF_SECTIONS if sections else OF_SHAPES
    mains = [feature for feature in features if feature.name in main]
    bare = {f.name for row in rows for f in mains if _lacks_interval(row, f, units)}
    left_out: set[str] = set()
    for feature in features:
        kept: set[str] = set()
        if feature.name in main:
            kept = {"", *INTERVAL, *(RANGE if feature.name in bare else ())}
        left_out |= _columns(feature, {"", *STATISTICS} - kept, units)
    return left_out


def short_rows(rows: Sequence[Mapping[str, Any]], *, sections: bool = False) -> list[Row]:
    """Keep of a table what is not a measure, and the main measures; see `besides_main`."""
    left_out = besides_main(rows, sections=sections)
    return [{name: value for name, value in row.items() if name not in left_out} for row in rows]


def written(value: Any) -> Any:
    """Round a number to seven digits, as it stands in a table; an empty text for NaN."""
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else ""
    return value


def is_wide(row: Mapping[str, Any]) -> bool:
    """Tell whether a row has all measures of an ensemble's shapes, with all their statistics."""
    return any(
        row.keys()
        >= {
            feature.column(unit, statistic)
            for feature in SHAPE_FEATURES
            for statistic in ("", *STATISTICS)
        }
        for unit in OF_SHAPES
    )


def _columns(feature: Feature, statistics: Iterable[str], units: Sequence[Unit]) -> set[str]:
    """Name the columns of a measure, in any of some units."""
    return {feature.column(unit, statistic) for statistic in statistics for unit in units}


def _lacks_interval(row: Mapping[str, Any], feature: Feature, units: Sequence[Unit]) -> bool:
    """Tell whether a row has the range of a measure's samples, but no interval."""
    return any(
        _is_stated(row.get(feature.column(unit, "min")))
        and not any(_is_stated(row.get(feature.column(unit, end))) for end in INTERVAL)
        for unit in units
    )


def _is_stated(value: Any) -> bool:
    """Tell a value from an empty text, and from NaN."""
    return value not in ("", None) and value == value

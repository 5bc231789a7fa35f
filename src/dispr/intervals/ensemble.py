"""What an ensemble of shapes says of a measure: consensus, mean, spread and interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from dispr.cells.spacing import Spacing
from dispr.intervals.rules import NOWHERE, Intervals, containing, sample_range
from dispr.morphology.features import SHAPE_FEATURES, Feature, Unit
from dispr.morphology.shape import UNIT, shape_values

STATISTICS = ("mean", "sd", "min", "max", "low", "high")


def summarise(
    features: Sequence[Feature],
    consensus: Mapping[str, float],
    samples: Sequence[Mapping[str, float]],
    intervals: Intervals | None = None,
    *,
    unit: Unit = "voxel",
    edge: float = 1.0,
) -> dict[str, float]:
    """Sum up the measures of one cell's shapes.

    Parameters
    ----------
    features : sequence of Feature
        What was measured.
    consensus : mapping of str to float
        Measures of the consensus, by names without units.
    samples : sequence of mapping
        Those of each sample, in their order.
    intervals : Intervals, optional
        Of the model; none for a cell with a warning.
    unit : "um", "px" or "voxel"
        Unit of lengths.
    edge : float
        Edge of a voxel in the unit of the measures.

    Returns
    -------
    dict of str to float
        For each measure, by its name: the value of the consensus; and with `mean`, `sd`, `low` and
        `high` before the unit (`volume_mean_um3`): mean and standard deviation (n - 1) of the
        samples, and ends of the interval, extended to the value where it lies beyond
        (`containing`), and NaN where none was fitted or there is no limit to this side; with `min`
        and `max` the range of the samples and the consensus, which claims nothing. NaN for fewer
        than two samples.
    """
    row: dict[str, float] = {}
    for feature in features:
        values = np.array([sample[feature.name] for sample in samples], float)
        value = consensus[feature.name]
        ends = NOWHERE if intervals is None else intervals.interval(feature, values, edge)
        low, high = containing(ends, value)
        values = values[np.isfinite(values)]
        least, most = sample_range(values, value)
        row[feature.column(unit)] = value
        for statistic, found in (
            ("mean", float(values.mean()) if len(values) else math.nan),
            ("sd", float(values.std(ddof=1)) if len(values) > 1 else math.nan),
            ("min", least),
            ("max", most),
            ("low", low if math.isfinite(low) else math.nan),
            ("high", high if math.isfinite(high) else math.nan),
        ):
            row[feature.column(unit, statistic)] = found
    return row


def measure_ensemble(
    consensus: np.ndarray,
    samples: Sequence[np.ndarray] | np.ndarray,
    spacing: Spacing | None = None,
    intervals: Intervals | None = None,
    unit: Unit = "um",
) -> dict[str, float]:
    """Measure the shapes of one cell and sum them up; see `summarise`.

    Parameters
    ----------
    consensus : ndarray
        bool, (Z, Y, X). An empty shape has no volume, and NaN for what cannot be said of it.
    samples : sequence of ndarray
        bool, (Z, Y, X) each.
    spacing : (float, float, float), optional
        Edges of a voxel along Z, Y, X.
    intervals : Intervals, optional
        Of the model; none for a cell with a warning.
    unit : "um" or "px"
        Unit of the spacing.
    """
    edges = spacing or UNIT
    return summarise(
        SHAPE_FEATURES,
        shape_values(consensus, edges),
        [shape_values(body, edges) for body in samples],
        intervals,
        unit="voxel" if spacing is None else unit,
        edge=math.prod(edges) ** (1 / 3),
    )

"""What an ensemble of shapes says of a measure: consensus, mean, spread and interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from dispr.cells.spacing import Spacing
from dispr.morphology.features import SHAPE_FEATURES, Feature
from dispr.morphology.intervals import MeasureIntervals
from dispr.morphology.shape import UNIT, no_shape, shape_values

LEVEL = 0.9
STATISTICS = ("mean", "sd", "low", "high")

Interval = tuple[float, float]


def summarise(
    features: Sequence[Feature],
    consensus: Mapping[str, float],
    samples: Sequence[Mapping[str, float]],
    known: Mapping[str, Interval] | None = None,
    physical: bool = False,
    intervals: MeasureIntervals | None = None,
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
        Those of each sample.
    known : mapping of str to (low, high), optional
        Calibrated intervals by names of measures, in the units of the measures.
    physical : bool
        Whether the voxel size was known.
    intervals : MeasureIntervals, optional
        Intervals fitted to known cells; not used for ensembles of another size than those.
    edge : float
        Edge of a voxel in the unit of the measures.

    Returns
    -------
    dict of str to float
        For each measure, by its name: the value of the consensus; and with `mean`, `sd`, `low` and
        `high` before the unit (`volume_mean_um3`): mean and standard deviation (n - 1) of the
        samples, and ends of the 90 % interval: the known one, else the fitted one, else
        `spread_interval`.
    """
    row: dict[str, float] = {}
    if intervals is not None and intervals.samples != len(samples):
        intervals = None
    for feature in features:
        values = np.array([sample[feature.name] for sample in samples], float)
        values = values[np.isfinite(values)]
        low, high = (known or {}).get(feature.name, (math.nan, math.nan))
        if math.isnan(low) and intervals is not None:
            low, high = intervals.interval(feature, values, edge)
        if math.isnan(low):
            low, high = spread_interval(values, feature.low, feature.high)
        row[feature.column(physical)] = consensus[feature.name]
        for statistic, value in (
            ("mean", float(values.mean()) if len(values) else math.nan),
            ("sd", float(values.std(ddof=1)) if len(values) > 1 else math.nan),
            ("low", low),
            ("high", high),
        ):
            row[feature.column(physical, statistic=statistic)] = value
    return row


def measure_ensemble(
    consensus: np.ndarray,
    samples: Sequence[np.ndarray] | np.ndarray,
    spacing: Spacing | None = None,
    known: tuple[Interval, Interval] | None = None,
    intervals: MeasureIntervals | None = None,
) -> dict[str, float]:
    """Measure the shapes of one cell and sum them up; see `summarise`.

    Parameters
    ----------
    consensus : ndarray
        bool, (Z, Y, X). An empty shape has no volume, and NaN for what cannot be said of it.
    samples : sequence of ndarray
        bool, (Z, Y, X) each.
    spacing : (float, float, float), optional
        Edges of a voxel along Z, Y, X in um.
    known : ((low, high), (low, high)), optional
        Calibrated intervals of the numbers of voxels and of boundary voxels.
    intervals : MeasureIntervals, optional
        Intervals of the other measures, fitted to known cells; see `summarise`.
    """
    edges = spacing or UNIT
    values = [shape_values(body, edges) if body.any() else no_shape() for body in samples]
    middle = shape_values(consensus, edges) if consensus.any() else no_shape()
    stated = None if known is None else calibrated(*known, math.prod(edges))
    edge = math.prod(edges) ** (1 / 3)
    return summarise(SHAPE_FEATURES, middle, values, stated, spacing is not None, intervals, edge)


def spread_interval(
    values: Sequence[float] | np.ndarray,
    least: float = -math.inf,
    most: float = math.inf,
    level: float = LEVEL,
) -> Interval:
    """Give the interval that one more draw from the ensemble's distribution lies in.

    The prediction interval of a normal distribution of unknown mean and variance: with mean m and
    standard deviation s of K samples, m +- t s (1 + 1 / K)^(1/2), t the quantile (1 + level) / 2 of
    Student's t with K - 1 degrees of freedom. It holds the true value as often as stated where the
    true shape is to the model like one more of its samples; the model's own errors, which only
    calibration knows, are not in it.

    Parameters
    ----------
    values : sequence of float
        One a sample.
    least, most : float
        The values that the measure can take; the ends are cut off there.
    level : float
        Probability.

    Returns
    -------
    low, high : float
        NaN for fewer than two samples.
    """
    from scipy.special import stdtrit

    array = np.asarray(values, float)
    count = len(array)
    if count < 2:
        return math.nan, math.nan
    half = stdtrit(count - 1, (1 + level) / 2) * array.std(ddof=1) * math.sqrt(1 + 1 / count)
    centre = array.mean()
    return float(max(centre - half, least)), float(min(centre + half, most))


def calibrated(volume: Interval, boundary: Interval, voxel_volume: float) -> dict[str, Interval]:
    """Turn a model's calibrated intervals into those of measures.

    Parameters
    ----------
    volume, boundary : (low, high)
        Calibrated intervals of the numbers of voxels and of boundary voxels; NaN for none.
    voxel_volume : float
        Volume of a voxel.

    Returns
    -------
    dict of str to (low, high)
        Of `volume`, of `equivalent_diameter`, which follows from it, and of `boundary`.
    """
    low, high = (end * voxel_volume for end in volume)
    return {
        "volume": (low, high),
        "equivalent_diameter": ((6 * low / math.pi) ** (1 / 3), (6 * high / math.pi) ** (1 / 3)),
        "boundary": boundary,
    }

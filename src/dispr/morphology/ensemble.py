"""What an ensemble of shapes says of a measure: consensus, mean, spread and interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from dispr.cells.spacing import Spacing
from dispr.model.calibration import containing
from dispr.morphology.features import SHAPE_FEATURES, Feature
from dispr.morphology.intervals import MeasureIntervals
from dispr.morphology.shape import UNIT, no_shape, shape_values

STATISTICS = ("mean", "sd", "min", "max", "low", "high")

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
        samples, and ends of the 90 % interval, the known one or else the fitted one, extended to
        the value where it lies beyond (`containing`), and NaN where there is neither; with `min`
        and `max` the range of the samples and the consensus, which claims nothing. NaN for fewer
        than two samples.
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
        value = consensus[feature.name]
        low, high = containing((low, high), value)
        least, most = sample_range(values, value)
        row[feature.column(physical)] = value
        for statistic, found in (
            ("mean", float(values.mean()) if len(values) else math.nan),
            ("sd", float(values.std(ddof=1)) if len(values) > 1 else math.nan),
            ("min", least),
            ("max", most),
            ("low", low),
            ("high", high),
        ):
            row[feature.column(physical, statistic=statistic)] = found
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


def calibrated_measures(samples: int, known: bool, intervals: MeasureIntervals | None) -> str:
    """Say which intervals of an ensemble were fitted to known cells.

    Parameters
    ----------
    samples : int
        Size of the ensemble.
    known : bool
        Whether the model states calibrated intervals of volume and boundary.
    intervals : MeasureIntervals or None
        Those of all measures.

    Returns
    -------
    str
        "all", "volume" (and what follows from it) or "none".
    """
    if intervals is not None and intervals.samples == samples:
        return "all"
    return "volume" if known else "none"


def sample_range(values: Sequence[float] | np.ndarray, consensus: float) -> Interval:
    """Give the least and the greatest value among the samples and their consensus.

    Parameters
    ----------
    values : sequence of float
        One a sample.
    consensus : float
        The value that is stated beside the range.

    Returns
    -------
    low, high : float
        NaN for fewer than two samples that have a value.
    """
    array = np.asarray(values, float)
    array = array[np.isfinite(array)]
    if len(array) < 2:
        return math.nan, math.nan
    return containing((float(array.min()), float(array.max())), consensus)


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

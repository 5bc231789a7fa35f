"""Intervals that contain the true value as often as they say, learned from known cells.

The spread of an ensemble alone does not tell: samples may be too alike in roughness, say, and all
smoother than the cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dispr.errors import ConfigError
from dispr.morphology.features import Feature

Interval = tuple[float, float]

NOWHERE: Interval = (math.nan, math.nan)

ANY = 0
"""In `Intervals.rules` the size of rules for ensembles of any size, as earlier versions fitted."""


@dataclass(frozen=True)
class Rule:
    """How wide the interval of one measure is.

    With m and s the mean and standard deviation (n - 1) of the samples' values, it is
    m +- scale sqrt(s^2 + floor^2); on the log scale m and s are of the logarithms, and the ends
    are taken back.

    Attributes
    ----------
    scale : float
        Number of standard deviations to each side.
    floor : float
        Least standard deviation: of the logarithms, or for voxels with an edge of 1.
    log : bool
        Whether the scale is logarithmic.
    """

    scale: float
    floor: float
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("scale", "floor"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
                raise ConfigError(f"the {name} of an interval must be positive, not {value}.")

    def interval(self, values: Sequence[float] | np.ndarray, unit: float = 1.0) -> Interval:
        """Give the interval from the values of the samples.

        Parameters
        ----------
        values : sequence of float
            One a sample. Those that are not finite are left out.
        unit : float
            What the measure of one voxel edge is in the unit of the values.

        Returns
        -------
        low, high : float
            NaN for fewer than two values, or one that has no logarithm.
        """
        found = spread_of(values, self.log)
        if found is None:
            return NOWHERE
        mean, sd = found
        half = self.scale * math.hypot(sd, self.floor if self.log else self.floor * unit)
        ends = mean - half, mean + half
        return (math.exp(ends[0]), math.exp(ends[1])) if self.log else ends


@dataclass(frozen=True)
class Intervals:
    """Calibrated intervals of the measures of a model's ensembles.

    Attributes
    ----------
    level : float
        Fraction of cells whose true value the interval of a measure contains.
    cells : int
        Number of calibration cells.
    rules : mapping of int to mapping of str to Rule
        By size of the ensemble, and by name of the measure without its unit. Larger ensembles use
        the intervals of their first samples, up to the largest size with rules.
    """

    level: float
    cells: int
    rules: Mapping[int, Mapping[str, Rule]]

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ConfigError(f"level must be between 0 and 1, not {self.level}.")

    def size_for(self, samples: int) -> int | None:
        """Give the size of ensembles whose rules hold for so many samples; None for none."""
        if samples < 2:
            return None
        return max((size for size in self.rules if size <= samples), default=None)

    def interval(
        self, feature: Feature, values: Sequence[float] | np.ndarray, edge: float = 1.0
    ) -> Interval:
        """Return the interval of a measure from its values in the samples.

        Parameters
        ----------
        feature : Feature
            The measure.
        values : sequence of float
            One per sample, in order.
        edge : float
            Edge of a voxel in the unit of the values.

        Returns
        -------
        low, high : float
            Limited to possible values of the measure. NaN for a measure or an ensemble size without
            a rule.
        """
        size = self.size_for(len(values))
        rule = None if size is None else self.rules[size].get(feature.name)
        if rule is None:
            return NOWHERE
        low, high = rule.interval(values[: size or None], edge**feature.power)
        return max(low, feature.low), min(high, feature.high)

    def named(self, names: Mapping[str, str]) -> Intervals:
        """Give the rules of some measures, under other names: new by old."""
        rules = {
            size: {new: found[old] for old, new in names.items() if old in found}
            for size, found in self.rules.items()
        }
        return Intervals(self.level, self.cells, rules)

    def to_dict(self) -> dict[str, Any]:
        """Give them as JSON values."""
        rules = {
            str(size): {name: [rule.scale, rule.floor, rule.log] for name, rule in found.items()}
            for size, found in self.rules.items()
        }
        return {"level": self.level, "cells": self.cells, "rules": rules}


def from_dict(values: Any) -> Intervals:
    """Make intervals from what `Intervals.to_dict` gave.

    Raises
    ------
    ConfigError
        If these are other values.
    """
    try:
        rules = {
            int(size): {
                str(name): Rule(float(scale), float(floor), bool(log))
                for name, (scale, floor, log) in found.items()
            }
            for size, found in values["rules"].items()
        }
        return Intervals(float(values["level"]), int(values["cells"]), rules)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            "these are not intervals; fit them again with dispr calibrate."
        ) from error


def from_calibration(values: Mapping[str, Any]) -> Intervals:
    """Make intervals from the calibration that weights of earlier versions hold.

    It is of volume and boundary, on the log scale, for ensembles of any size. The equivalent
    diameter is the cube root of a volume: its logarithm scatters a third as much.

    Raises
    ------
    ConfigError
        If the values are damaged.
    """
    try:
        volume = Rule(float(values["volume_scale"]), float(values["volume_floor"]), True)
        boundary = Rule(float(values["surface_scale"]), float(values["surface_floor"]), True)
        diameter = Rule(volume.scale, volume.floor / 3, True)
        rules = {"volume": volume, "equivalent_diameter": diameter, "boundary": boundary}
        return Intervals(float(values["level"]), int(values["cells"]), {ANY: rules})
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"the calibration is damaged: {error}.") from error


def intervals_of(about: Mapping[str, Any]) -> Intervals | None:
    """Find the intervals in what weights or the record of a prediction say; None if not fitted.

    Raises
    ------
    ConfigError
        If they are damaged.
    """
    found = about.get("intervals")
    return None if found is None else from_dict(found)


def calibrated(intervals: Intervals | None, samples: int) -> str:
    """Say which intervals of an ensemble were fitted to known cells.

    Parameters
    ----------
    intervals : Intervals or None
        Those of the model; None also for a cell with a warning, which is unlike the cells that
        they were fitted to.
    samples : int
        Size of the ensemble.

    Returns
    -------
    str
        "all" measures, "volume" (with diameter and boundary, of weights of earlier versions) or
        "none".
    """
    size = None if intervals is None else intervals.size_for(samples)
    return "none" if size is None else "volume" if size == ANY else "all"


def containing(interval: Interval, value: float) -> Interval:
    """Extend an interval to the value that is stated beside it; NaN stays.

    Intervals are about the samples' mean, the value stated is that of the consensus. An interval
    that is extended contains the true value no less often.
    """
    low, high = interval
    if math.isnan(low) or math.isnan(high) or math.isnan(value):
        return low, high
    return min(low, value), max(high, value)


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
        return NOWHERE
    return containing((float(array.min()), float(array.max())), consensus)


def spread_of(values: Sequence[float] | np.ndarray, log: bool) -> tuple[float, float] | None:
    """Mean and standard deviation (n - 1), of the logarithms if asked for; None without."""
    array = np.asarray(values, float)
    array = array[np.isfinite(array)]
    if len(array) < 2 or (log and not (array > 0).all()):
        return None
    array = np.log(array) if log else array
    return float(array.mean()), float(array.std(ddof=1))

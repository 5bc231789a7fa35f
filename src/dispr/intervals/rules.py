"""Intervals that contain the true value as often as they say, learned from known cells.

The spread of an ensemble alone does not tell: samples may be too alike in roughness, say, and all
smoother than the cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from dispr.arguments import one_of
from dispr.errors import ConfigError
from dispr.intervals.known import Errors, Known, known_from_dict
from dispr.intervals.quantiles import LEVEL, conformal_quantile, fewest_cells, refuse_level
from dispr.morphology.features import Feature

Side = Literal["both", "lower", "upper"]
SIDES = get_args(Side)

Interval = tuple[float, float]

NOWHERE: Interval = (math.nan, math.nan)

LEAST = 1e-6
"""Least scale of an interval with two limits."""

ANY = 0
"""In `Intervals.rules` the size of rules for ensembles of any size, as earlier versions fitted."""


@dataclass(frozen=True)
class Rule:
    """How wide the interval of one measure is.

    With m and s the mean and standard deviation (n - 1) of the samples' values, it is
    m +- scale sqrt(s^2 + floor^2), or one of these ends; on the log scale m and s are of the
    logarithms, and the ends are taken back.

    Attributes
    ----------
    scale : float
        Number of standard deviations to each side; that of one side alone can be negative.
    floor : float
        Least standard deviation: of the logarithms, or for voxels with an edge of 1.
    log : bool
        Whether the scale is logarithmic.
    side : "both", "lower" or "upper"
        Whether both ends are limits, or only this one.
    """

    scale: float
    floor: float
    log: bool = False
    side: Side = "both"

    def __post_init__(self) -> None:
        for name in ("scale", "floor"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and math.isfinite(value)):
                raise ConfigError(f"the {name} of an interval must be a number, not {value}.")
            if value <= 0 and (name == "floor" or self.side == "both"):
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
            NaN for fewer than two values, or one that has no logarithm; infinite where there is no
            limit to this side.
        """
        found = spread_of(values, self.log)
        if found is None:
            return NOWHERE
        mean, sd = found
        half = self.scale * math.hypot(sd, self.floor if self.log else self.floor * unit)
        low = -math.inf if self.side == "upper" else mean - half
        high = math.inf if self.side == "lower" else mean + half
        return (math.exp(low), math.exp(high)) if self.log else (low, high)


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
    known : Known or None
        The errors of the calibration cells; None for intervals of earlier versions, which are of
        one level.
    side : "both", "lower" or "upper"
        Whether the intervals have two limits, or only this one.
    together : tuple of str
        The measures whose intervals hold at once; empty if each holds for itself.
    further : mapping of float to Known
        The errors where further planes are known than the section, by the distance from known
        planes (`dispr.intervals.distance`), 0 to 1, up to which they count; see `given`. Empty if
        they were calibrated with sections alone.
    """

    level: float
    cells: int
    rules: Mapping[int, Mapping[str, Rule]]
    known: Known | None = field(default=None, repr=False)
    side: Side = "both"
    together: tuple[str, ...] = ()
    further: Mapping[float, Known] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        refuse_level(self.level)

    def at(
        self, level: float | None = None, side: Side = "both", together: Sequence[str] = ()
    ) -> Intervals:
        """Give the intervals of another level, with one limit, or that hold together.

        Parameters
        ----------
        level : float, optional
            Fraction of cells whose true value an interval contains, 0 to 1; that of these intervals
            if not given.
        side : "both", "lower" or "upper"
            Whether an interval has two limits, or only this one.
        together : sequence of str
            Names of measures without units, whose intervals shall all contain the true values for
            this fraction of cells. Other measures then have none.

        Raises
        ------
        ConfigError
            If there are too few calibration cells for this level, they were fitted by an earlier
            version, or a measure is not among them.
        """
        level = self.level if level is None else level
        if self.known is None:
            if (level, side, tuple(together)) == (self.level, "both", ()):
                return self
            raise ConfigError(
                f"these intervals were calibrated by an earlier version, for a level of "
                f"{self.level:g} only; calibrate the model again with dispr calibrate."
            )
        return intervals_from(self.known, level, side, together, self.further)

    def given(self, distance: float | None) -> Intervals:
        """Give the intervals of a cell of which further planes are known than its section.

        Parameters
        ----------
        distance : float or None
            The largest distance of its planes from known ones as a share of its height
            (`dispr.intervals.distance.plane_distance`); None where the section alone is known.

        Returns
        -------
        Intervals
            Those that were calibrated with the shortest distances that are not below this one;
            those of a section alone, which are wider, where there are none.
        """
        if distance is None:
            return self
        limit = min((limit for limit in self._given if limit >= distance), default=None)
        return self if limit is None else self._given[limit]

    @cached_property
    def _given(self) -> Mapping[float, Intervals]:
        """Those with further known planes, where there are enough cells for the level."""
        return {
            limit: intervals_from(known, self.level, self.side, self.together)
            for limit, known in self.further.items()
            if len(known.names) >= fewest_cells(self.level)
        }

    def of_sections(self) -> Intervals:
        """Give them without those of cells with further known planes."""
        return replace(self, further={})

    def pairs(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Give predicted and true values of a measure of the calibration cells; `Known.pairs`.

        Raises
        ------
        ConfigError
            If they were fitted by an earlier version, or there is nothing known of the measure.
        """
        if self.known is None:
            raise ConfigError(
                "these intervals were calibrated by an earlier version, which did not keep the "
                "errors; calibrate the model again with dispr calibrate."
            )
        return self.known.pairs(name)

    @property
    def blocks(self) -> np.ndarray:
        """Number of the block of neighbouring cells of each calibration cell, int, (N,)."""
        return np.array([] if self.known is None else self.known.blocks, int)

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
            Limited to possible values of the measure, and infinite where there is no limit to this
            side. NaN for a measure or an ensemble size without a rule.
        """
        size = self.size_for(len(values))
        rule = None if size is None else self.rules[size].get(feature.name)
        if rule is None:
            return NOWHERE
        low, high = rule.interval(values[: size or None], edge**feature.power)
        low = low if self.side == "upper" else max(low, feature.low)
        return low, high if self.side == "lower" else min(high, feature.high)

    def named(self, names: Mapping[str, str]) -> Intervals:
        """Give the rules of some measures, under other names: new by old."""
        rules = {
            size: {new: found[old] for old, new in names.items() if old in found}
            for size, found in self.rules.items()
        }
        return replace(self, rules=rules, known=None, further={})

    def to_dict(self) -> dict[str, Any]:
        """Give them as JSON values; without what follows from the errors of the cells."""
        if self.known is not None:
            content = {"level": self.level, "known": self.known.to_dict()}
            if self.further:
                found = {str(limit): known.to_dict() for limit, known in self.further.items()}
                content["further"] = found
            return content
        rules = {
            str(size): {name: [rule.scale, rule.floor, rule.log] for name, rule in found.items()}
            for size, found in self.rules.items()
        }
        return {"level": self.level, "cells": self.cells, "rules": rules}


def intervals_from(
    known: Known,
    level: float = LEVEL,
    side: Side = "both",
    together: Sequence[str] = (),
    further: Mapping[float, Known] | None = None,
) -> Intervals:
    """Make intervals of a level from the errors of known cells; see `Intervals.at`.

    The scale is the conformal quantile (`conformal_rank`) of the errors in units of
    sqrt(s^2 + floor^2): conformal prediction with locally weighted residuals (Lei et al., arXiv
    1604.04173). Intervals that hold together are those of single measures, all wider by the same
    factor: the conformal quantile of the largest error of a cell in units of these.

    Raises
    ------
    ConfigError
        As `Intervals.at`.
    """
    refuse_level(level)
    one_of(side, SIDES, "side")
    count = len(known.names)
    if count < fewest_cells(level):
        highest = math.floor(1000 * count / (count + 1)) / 1000
        raise ConfigError(
            f"{count} calibration cells are too few for intervals of level {level:g}; the highest "
            f"is {highest:g}."
        )
    for name in together:
        known.pairs(name)
    rules: dict[int, dict[str, Rule]] = {}
    for size, measures in known.errors.items():
        chosen = {name: measures[name] for name in together or measures if name in measures}
        scales = _together if len(together) > 1 else _apart
        rules[size] = {
            name: Rule(
                float(f"{scale * chosen[name].factor:.5g}"),
                chosen[name].floor,
                chosen[name].log,
                side,
            )
            for name, scale in scales(chosen, level, side).items()
        }
    return Intervals(level, count, rules, known, side, tuple(together), further or {})


def _apart(errors: Mapping[str, Errors], level: float, side: Side) -> dict[str, float]:
    """Give the scale of each measure for itself."""
    found = {
        name: _scale(_towards(one.residuals, side), level, side) for name, one in errors.items()
    }
    return {name: scale for name, scale in found.items() if scale is not None}


def _together(errors: Mapping[str, Errors], level: float, side: Side) -> dict[str, float]:
    """Give scales that hold for all measures of a cell at once; none if one has no scale."""
    apart = _apart(errors, level, "both")
    if len(apart) < len(errors):
        return {}
    ratios = [_towards(errors[name].residuals, side) / scale for name, scale in apart.items()]
    factor = _scale(np.max(ratios, axis=0), level, side)
    return {} if factor is None else {name: factor * scale for name, scale in apart.items()}


def _towards(residuals: Sequence[float], side: Side) -> np.ndarray:
    """Give the errors that an interval must reach to: in size, below, or above."""
    values = np.array(residuals, float)
    return np.abs(values) if side == "both" else -values if side == "lower" else values


def _scale(errors: np.ndarray, level: float, side: Side) -> float | None:
    """Give the conformal quantile of errors; None if too few cells have one."""
    scale = conformal_quantile(errors, level)
    return max(scale, LEAST) if scale is not None and side == "both" else scale


def from_dict(values: Any) -> Intervals:
    """Make intervals from what `Intervals.to_dict` gave.

    Raises
    ------
    ConfigError
        If these are other values.
    """
    try:
        if "known" in values:
            further = {
                _limit(limit): known_from_dict(known)
                for limit, known in values.get("further", {}).items()
            }
            known = known_from_dict(values["known"])
            return intervals_from(known, float(values["level"]), further=further)
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


def _limit(text: str) -> float:
    limit = float(text)
    if not 0 < limit <= 1:
        raise ValueError
    return limit


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
        "all" measures, "volume" (with diameter and boundary, of weights of earlier versions),
        "none", or the names of those whose intervals hold together.
    """
    size = None if intervals is None else intervals.size_for(samples)
    if intervals is None or size is None:
        return "none"
    return " ".join(intervals.together) or ("volume" if size == ANY else "all")


def stated(intervals: Intervals | None, samples: int) -> dict[str, str | float]:
    """Give the columns that say which intervals stand in a row, and of what level.

    Parameters
    ----------
    intervals, samples
        As for `calibrated`.

    Returns
    -------
    dict
        `calibrated`, and `interval_level`, the fraction of cells whose true value an interval
        contains, 0 to 1; empty where there is none.
    """
    which = calibrated(intervals, samples)
    level = "" if intervals is None or which == "none" else intervals.level
    return {"calibrated": which, "interval_level": level}


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

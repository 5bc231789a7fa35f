"""Fit intervals to cells whose shapes are known, by split conformal prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from dispr.errors import ConfigError
from dispr.intervals.rules import Intervals, Rule, spread_of
from dispr.morphology.features import SHAPE_FEATURES

LEVEL = 0.9
"""Share of cells whose true value the intervals shall hold, as all that states them says."""


def fit_intervals(
    samples: Sequence[Sequence[Mapping[str, float]]],
    truth: Sequence[Mapping[str, float]],
    level: float = LEVEL,
) -> Intervals:
    """Fit intervals of all measures, for ensembles of two samples up to all that are given.

    Parameters
    ----------
    samples : sequence of sequence of mapping
        For each cell, the measures of each sample in voxels, by names without units. Of each cell
        as many samples.
    truth : sequence of mapping
        The measures of each true shape.
    level : float
        Share of cells that an interval shall hold.

    Raises
    ------
    ConfigError
        If there are too few cells, or their ensembles are of several sizes or of one sample.
    """
    refuse_few(len(truth), level)
    sizes = sorted({len(cell) for cell in samples})
    if len(sizes) > 1:
        raise ConfigError(
            f"some cells have {sizes[0]} samples and some {sizes[-1]}; predict all with the same "
            "--ensemble."
        )
    if sizes[0] < 2:
        raise ConfigError("intervals need the spread of the samples; draw at least two.")
    rules: dict[int, dict[str, Rule]] = {}
    for size in range(2, sizes[0] + 1):
        rules[size] = {}
        for feature in SHAPE_FEATURES:
            values = [[sample[feature.name] for sample in cell[:size]] for cell in samples]
            true = [cell[feature.name] for cell in truth]
            rule = fit_rule(values, true, level, feature.low >= 0 and math.isinf(feature.high))
            if rule is not None:
                rules[size][feature.name] = rule
    return Intervals(level, len(truth), rules)


def fit_rule(
    samples: Sequence[Sequence[float]], truth: Sequence[float], level: float, log: bool
) -> Rule | None:
    """Fit the interval of one measure.

    The floor is the one under which the errors are likeliest as draws from normal distributions
    of standard deviation a sqrt(s^2 + floor^2), with the likeliest a. The scale is the conformal
    quantile (`conformal_rank`) of the errors in units of sqrt(s^2 + floor^2): split conformal
    prediction with locally weighted residuals (Lei et al., arXiv 1604.04173).

    Parameters
    ----------
    samples : sequence of sequence of float
        For each cell the values of its samples.
    truth : sequence of float
        The true value of each cell.
    level : float
        Share of cells that the interval shall hold.
    log : bool
        Whether to fit on the log scale; on the linear one where a value has no logarithm.

    Returns
    -------
    Rule or None
        None if too few cells have values.
    """
    known = [
        (values, true)
        for values, true in zip(samples, truth, strict=True)
        if np.isfinite(values).sum() > 1 and math.isfinite(true)
    ]
    if len(known) < fewest_cells(level):
        return None
    log = log and all(true > 0 and np.nanmin(values) > 0 for values, true in known)
    found = [spread_of(values, log) or (math.nan, math.nan) for values, _ in known]
    means, spread = np.array(found).T
    true = np.array([value for _, value in known], float)
    errors = np.abs((np.log(true) if log else true) - means)
    floor = _likeliest_floor(errors, spread)
    ranked = np.sort(errors / np.hypot(spread, floor))
    scale = max(float(ranked[conformal_rank(len(known), level) - 1]), 1e-6)
    return Rule(float(f"{scale:.5g}"), float(f"{floor:.5g}"), log)


def fewest_cells(level: float) -> int:
    """Give the number of cells that it takes to fit an interval of this level."""
    return math.ceil(level / (1 - level) - 1e-9)


def refuse_few(count: int, level: float) -> None:
    """Refuse to fit intervals to too few cells.

    Raises
    ------
    ConfigError
        With the number of cells that it takes.
    """
    if count < fewest_cells(level):
        raise ConfigError(
            f"{count} cells with shapes are too few to calibrate intervals of {level:.0%}; give "
            f"at least {fewest_cells(level)}."
        )


def conformal_rank(count: int, level: float, slack: float = 0.05, certainty: float = 0.95) -> int:
    """Give the rank, from 1, of the error that intervals fitted to `count` cells shall reach to.

    The share of new cells that an interval up to the error of rank r holds is distributed as
    Beta(r, count + 1 - r) (Vovk, arXiv 1209.2673, prop. 2a). The rank is the smallest whose mean is
    at least the level and which holds level - slack with this certainty; `count` if none does.
    """
    from scipy.stats import beta

    ranks = range(math.ceil((count + 1) * level - 1e-9), count)
    sure = (r for r in ranks if beta.sf(level - slack, r, count + 1 - r) >= certainty)
    return next(sure, count)


def _likeliest_floor(errors: np.ndarray, spread: np.ndarray) -> float:
    """Search a grid from a hundredth to ten times the usual error."""
    floors = (math.sqrt((errors**2).mean()) or 1e-9) * np.geomspace(1e-2, 10, 61)
    losses = []
    for floor in floors:
        unit = np.hypot(spread, floor)
        a = math.sqrt(((errors / unit) ** 2).mean()) or 1e-12
        losses.append(np.log(a * unit).sum())
    return float(floors[int(np.argmin(losses))])

"""Fit intervals to cells whose shapes are known, by conformal prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dispr.cells.blocks import block_numbers
from dispr.errors import ConfigError
from dispr.intervals.known import Errors, Known, rounded
from dispr.intervals.quantiles import LEVEL, fewest_cells, refuse_few
from dispr.intervals.rules import Intervals, intervals_from
from dispr.morphology.features import SHAPE_FEATURES

PARTS = 10
"""Parts of the cells, by blocks, whose errors are judged by the other parts."""


@dataclass(frozen=True)
class KnownCell:
    """A cell of known shape, and how a model that has not seen it predicts it.

    Attributes
    ----------
    name : str
        Its name, which tells its neighbours (`dispr.cells.blocks`).
    samples : sequence of mapping
        The measures of each sample in voxels, by names without units.
    consensus, true : mapping of str to float
        Those of the consensus and of the known shape.
    """

    name: str
    samples: Sequence[Mapping[str, float]]
    consensus: Mapping[str, float]
    true: Mapping[str, float]


def fit_intervals(
    cells: Sequence[KnownCell],
    level: float = LEVEL,
    further: Mapping[float, Sequence[KnownCell]] | None = None,
) -> Intervals:
    """Fit intervals of all measures, for ensembles of two samples up to all that are given.

    Parameters
    ----------
    cells : sequence of KnownCell
        Of each as many samples.
    level : float
        Share of cells that an interval shall hold; `Intervals.at` gives those of others.
    further : mapping of float to sequence of KnownCell, optional
        The same cells, predicted from further known planes than their sections, by the distance
        from known planes up to which they count (`Intervals.further`). Left out where they are too
        few.

    Raises
    ------
    ConfigError
        If there are too few cells, or their ensembles are of several sizes or of one sample.
    """
    known = _known(cells, level)
    others = {
        limit: _known(found, level)
        for limit, found in (further or {}).items()
        if len(found) >= fewest_cells(level)
    }
    return intervals_from(known, level, further=others)


def _known(cells: Sequence[KnownCell], level: float) -> Known:
    refuse_few(len(cells), level)
    sizes = sorted({len(cell.samples) for cell in cells})
    if len(sizes) > 1:
        raise ConfigError(
            f"some cells have {sizes[0]} samples and some {sizes[-1]}; predict all with the same "
            "--ensemble."
        )
    if sizes[0] < 2:
        raise ConfigError("intervals need the spread of the samples; draw at least two.")
    blocks = block_numbers([cell.name for cell in cells])
    values, truth = (
        {
            feature.name: rounded([getattr(cell, kind)[feature.name] for cell in cells])
            for feature in SHAPE_FEATURES
        }
        for kind in ("consensus", "true")
    )
    errors: dict[int, dict[str, Errors]] = {}
    for size in range(2, sizes[0] + 1):
        errors[size] = {}
        for feature in SHAPE_FEATURES:
            name = feature.name
            drawn = [[sample[name] for sample in cell.samples[:size]] for cell in cells]
            log = feature.low >= 0 and math.isinf(feature.high)
            true = [cell.true[name] for cell in cells]
            found = fit_errors(drawn, true, log, blocks)
            if np.isfinite(found.residuals).sum() >= fewest_cells(level):
                errors[size][name] = found
    names = tuple(cell.name for cell in cells)
    return Known(names, blocks, values, truth, errors)


def fit_errors(
    samples: Sequence[Sequence[float]], truth: Sequence[float], log: bool, blocks: Sequence[int]
) -> Errors:
    """Fit the floor of one measure, and give its errors in units of spread and floor.

    The floor is the one under which the errors are likeliest as draws from normal distributions
    of standard deviation factor sqrt(s^2 + floor^2), with the likeliest factor. Those of a cell's
    residual are fitted to cells of other blocks, in ten parts, so that a residual is as large as
    that of a new cell (cross-conformal prediction; Vovk 2015, Ann. Math. Artif. Intell. 74:9).

    Parameters
    ----------
    samples : sequence of sequence of float
        For each cell the values of its samples.
    truth : sequence of float
        The true value of each cell.
    log : bool
        Whether to fit on the log scale; on the linear one where a value has no logarithm.
    blocks : sequence of int
        The block of each cell.
    """
    true, drawn = np.array(truth, float), np.array(samples, float)
    drawn[~np.isfinite(drawn)] = math.nan
    known = (np.isfinite(drawn).sum(axis=1) > 1) & np.isfinite(true)
    log = bool(log and (true[known] > 0).all() and (np.nanmin(drawn[known], initial=1) > 0).all())
    means, spread, errors = np.full((3, len(true)), math.nan)
    scaled, aim = (
        (np.log(drawn[known]), np.log(true[known])) if log else (drawn[known], true[known])
    )
    means[known] = np.nanmean(scaled, axis=1)
    spread[known] = np.nanstd(scaled, axis=1, ddof=1)
    errors[known] = aim - means[known]
    floor, factor = _likeliest(errors[known], spread[known])
    residuals = np.full(len(true), math.nan)
    parts = np.unique(np.asarray(blocks), return_inverse=True)[1] % PARTS
    for part in np.unique(parts[known]):
        inside, others = known & (parts == part), known & (parts != part)
        found = _likeliest(errors[others], spread[others]) if others.any() else (floor, factor)
        residuals[inside] = errors[inside] / (found[1] * np.hypot(spread[inside], found[0]))
    return Errors(float(f"{floor:.5g}"), float(f"{factor:.5g}"), log, rounded(residuals))


def _likeliest(errors: np.ndarray, spread: np.ndarray) -> tuple[float, float]:
    """Give the likeliest floor, from a hundredth to ten times the usual error, and factor."""
    if not len(errors):
        return 1.0, 1.0
    floors = (math.sqrt((errors**2).mean()) or 1e-9) * np.geomspace(1e-2, 10, 61)
    units = np.hypot(spread, floors[:, None])
    factors = np.sqrt(((errors / units) ** 2).mean(axis=1))
    factors = np.where(factors > 0, factors, 1e-12)
    best = int(np.argmin(np.log(factors[:, None] * units).sum(axis=1)))
    return float(floors[best]), float(factors[best])

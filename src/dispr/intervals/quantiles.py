"""Which error of known cells an interval must reach to, so that it contains new cells as stated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from dispr.errors import ConfigError

LEVEL = 0.9
"""Fraction of cells whose true value an interval contains, if nothing else is asked for."""

CERTAINTY = 0.95
"""Probability that intervals fitted to few cells miss at most 1.5 times as many as stated; and that
the bounds of a coverage contain it."""


def fewest_cells(level: float) -> int:
    """Give the number of cells that it takes to fit an interval of this level."""
    return math.ceil(level / (1 - level) - 1e-9)


def refuse_level(level: float) -> None:
    """Refuse what is not a level.

    Raises
    ------
    ConfigError
        If it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigError(f"level must be between 0 and 1, not {level}.")


def refuse_few(count: int, level: float) -> None:
    """Refuse to fit intervals to too few cells.

    Raises
    ------
    ConfigError
        With the number of cells that it takes.
    """
    if count < fewest_cells(level):
        raise ConfigError(
            f"{count} cells with shapes are too few to calibrate intervals of {level:.3g}; give "
            f"at least {fewest_cells(level)}."
        )


@cache
def conformal_rank(count: int, level: float) -> int:
    """Give the rank, from 1, of the error that intervals fitted to `count` cells shall reach to.

    The share of new cells that an interval up to the error of rank r holds is distributed as
    Beta(r, count + 1 - r) (Vovk, arXiv 1209.2673, prop. 2a). The rank is the smallest whose mean is
    at least the level, and which leaves out at most 1.5 (1 - level) with a probability of 95 %
    (`CERTAINTY`); `count` if none does.
    """
    return next(
        (
            rank
            for rank in range(math.ceil((count + 1) * level - 1e-9), count)
            if least_coverage(rank, count) >= 1 - 1.5 * (1 - level)
        ),
        count,
    )


def conformal_quantile(errors: np.ndarray, level: float) -> float | None:
    """Give the error that an interval of this level must reach to.

    Parameters
    ----------
    errors : ndarray
        (N,): one of each known cell; those that are not finite are left out.
    level : float
        Share of new cells that the interval shall hold.

    Returns
    -------
    float or None
        None if too few cells have an error (`fewest_cells`).
    """
    ranked = np.sort(errors[np.isfinite(errors)])
    if len(ranked) < fewest_cells(level):
        return None
    return float(ranked[conformal_rank(len(ranked), level) - 1])


def least_coverage(rank: int, count: int, effective: float | None = None) -> float:
    """Give the share of new cells that an interval holds at least, with a probability of 95 %.

    Parameters
    ----------
    rank, count : int
        It reaches to the error of this rank among so many cells; see `conformal_rank`.
    effective : float, optional
        Number of independent cells that they tell as much as (`effective_number`); `count` if not
        given.
    """
    from scipy.special import betaincinv

    number = (count if effective is None else min(effective, count)) + 1
    share = rank / (count + 1)
    return float(betaincinv(share * number, (1 - share) * number, 1 - CERTAINTY))


def exact_bounds(held: int, count: int, certainty: float = CERTAINTY) -> tuple[float, float]:
    """Give bounds of a share from the number of independent cells that it was counted on.

    Those of Clopper and Pearson (1934, Biometrika 26:404).

    Parameters
    ----------
    held, count : int
        Number of cells that are inside, and of all.
    certainty : float
        Probability with which the bounds contain the share at least.

    Returns
    -------
    low, high : float
        0 to 1.
    """
    from scipy.special import betaincinv

    tail = (1 - certainty) / 2
    low = betaincinv(held, count - held + 1, tail) if held else 0.0
    high = betaincinv(held + 1, count - held, 1 - tail) if held < count else 1.0
    return float(low), float(high)


def effective_number(values: np.ndarray, blocks: Sequence[int] | np.ndarray) -> float:
    """Give the number of independent cells that tell as much as these.

    Neighbouring cells often come from one donor and are predicted equally well or badly. Their
    correlation is estimated by the analysis of variance between blocks, and the number of cells
    divided by the design effect 1 + (m - 1) correlation, with m the mean size of the block of a
    cell (Kish 1965, Survey Sampling, ch. 5).

    Parameters
    ----------
    values : ndarray
        (N,) or (N, M): of each cell the size of its errors; the correlation is the mean over M. NaN
        is left out.
    blocks : sequence of int
        (N,): the block of each cell.

    Returns
    -------
    float
        Between 1 and N; N if no block has two cells.
    """
    columns = np.asarray(values, float).reshape(len(values), -1)
    groups = np.unique(np.asarray(blocks), return_inverse=True)[1]
    sizes = np.bincount(groups)
    count = len(columns)
    if len(sizes) < 2 or sizes.max() < 2:
        return float(count)
    found = []
    for column in columns.T:
        known = np.isfinite(column)
        correlation = _intraclass(column[known], groups[known])
        if correlation is not None:
            found.append(correlation)
    mean = max(float(np.mean(found)), 0.0) if found else 0.0
    return count / (1 + ((sizes**2).sum() / count - 1) * mean)


def _intraclass(values: np.ndarray, groups: np.ndarray) -> float | None:
    """Correlation of values of one group by the analysis of variance; None if it has no estimate.

    With groups of unequal size (Donner 1986, Int. Stat. Rev. 54:67, eq. 2.1).
    """
    sizes = np.bincount(groups)
    sizes = sizes[sizes > 0]
    count, number = len(values), len(sizes)
    if number < 2 or count == number:
        return None
    sums = np.bincount(groups, values)
    sums = sums[np.bincount(groups) > 0]
    between = (sums**2 / sizes).sum() - values.sum() ** 2 / count
    within = (values**2).sum() - (sums**2 / sizes).sum()
    size = (count - (sizes**2).sum() / count) / (number - 1)
    between, within = between / (number - 1), within / (count - number)
    total = between + (size - 1) * within
    return None if total <= 0 else float((between - within) / total)

"""The relation between true and predicted values in a model's calibration cells.

true = intercept + slope predicted + u + e, where u is shared by a block of neighbouring cells (a
donor, a day, a type of cell) and e is of the cell. A new condition is a new block: its u shifts
the mean of all its cells, however many there are, and of however many donors, for the treatment
itself may change how predictions err.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dispr.comparison.estimates import LEVEL, Term, from_draws, total
from dispr.comparison.means import Comparison, paired_values, spread_term
from dispr.comparison.sample import Sample
from dispr.errors import ConfigError

FEWEST_BLOCKS = 5
"""Blocks that a relation can be fitted to."""

DRAWS = 20_000


@dataclass(frozen=True)
class Relation:
    """A straight line with errors shared by blocks, fitted by `fit_relation`.

    Attributes
    ----------
    slope : float
        Change of the true value with the predicted one.
    predicted, true : float
        Means of the calibration cells; the line goes through this point.
    cells, blocks : int
        Numbers of calibration cells and of their blocks.
    within : Term
        Variance of e.
    between : Term
        Mean square between blocks: its expectation is the variance of e plus `size` times that of
        u.
    size : float
        Effective number of cells in a block.
    squares : float
        Sum of squares of the predicted values about their mean.
    block_squares : float
        Sum over the blocks of the square of the sum of these deviations.
    block_products, block_sizes : float
        Sums over the blocks of that sum times the number of cells, and of the number's square.
    lowest, highest : float
        Range of the predicted values.
    """

    slope: float
    predicted: float
    true: float
    cells: int
    blocks: int
    within: Term
    between: Term
    size: float
    squares: float
    block_squares: float
    block_products: float
    block_sizes: float
    lowest: float
    highest: float

    @property
    def shared_variance(self) -> float:
        """Variance of u, tau^2; at least 0."""
        return max(0.0, (self.between.variance - self.within.variance) / self.size)

    @cached_property
    def draws(self) -> _Draws:
        """Draws of the parameters, always the same."""
        return _Draws(self, np.random.default_rng(0), DRAWS)

    def compare(
        self, a: Sample, b: Sample, *, paired: bool = False, level: float = LEVEL
    ) -> Comparison:
        """Compare the true means of two conditions of predicted cells.

        The intervals are generalised confidence intervals (Weerahandi 1993, J. Am. Stat. Assoc.
        88:899): quantiles of draws of the slope, of both variances, of the means of the predicted
        values, and of u, which is drawn once for each condition.

        Parameters
        ----------
        a, b : Sample
            The conditions, in the units of the calibration cells.
        paired : bool
            Donors of one name are one donor: compare the two conditions in each.
        level : float
            Of the intervals.
        """
        draws = self.draws
        means, values = [], []
        for number, one in enumerate((a, b)):
            units = one.unit_values()
            mean = draws.mean(number, float(units.mean()), spread_term(units))
            means.append(draws.true + draws.slope * (mean - self.predicted) + draws.shift[number])
            values.append(self.true + self.slope * (float(units.mean()) - self.predicted))
        if paired:
            pairs = paired_values(a, b)
            apart, term = float(pairs.mean()), spread_term(pairs)
        else:
            apart = float(b.unit_values().mean() - a.unit_values().mean())
            term = total([spread_term(one.unit_values()) for one in (a, b)])
        difference = draws.slope * draws.mean(2, apart, term) + draws.shift[1] - draws.shift[0]
        return Comparison(
            from_draws(values[0], means[0], level),
            from_draws(values[1], means[1], level),
            from_draws(self.slope * apart, difference, level),
            slope=self.slope,
            error_sd=math.sqrt(self.within.variance),
            error_df=self.within.df,
        )


def fit_relation(predicted: np.ndarray, true: np.ndarray, blocks: np.ndarray) -> Relation:
    """Fit the relation to calibration cells.

    The slope is that of least squares. The variances are those of Henderson's method 3 (Searle et
    al. 1992, Variance Components, ch. 5): the squares that the blocks explain beyond the line, and
    those that are left within them.

    Parameters
    ----------
    predicted, true : ndarray
        float, (M,): the values of cells that the model was not trained on.
    blocks : ndarray
        int, (M,): the block of each cell.

    Raises
    ------
    ConfigError
        If there are fewer than five blocks, or no block of several cells, or all predictions are
        equal.
    """
    _, which = np.unique(blocks, return_inverse=True)
    sizes = np.bincount(which)
    cells, count = len(predicted), len(sizes)
    if count < FEWEST_BLOCKS or cells - count - 1 < FEWEST_BLOCKS:
        raise ConfigError(
            f"{cells} calibration cells in {count} blocks of neighbours are too few to tell how "
            f"predicted and true values are related; at least {FEWEST_BLOCKS} blocks of several "
            "cells are needed."
        )
    x, y = predicted - predicted.mean(), true - true.mean()
    x_in = x - (np.bincount(which, x) / sizes)[which]
    y_in = y - (np.bincount(which, y) / sizes)[which]
    squares, inner = float(x @ x), float(x_in @ x_in)
    if not inner > 0:
        raise ConfigError("all calibration cells have the same predicted value.")
    slope = float(x @ y) / squares
    left = float(((y - slope * x) ** 2).sum())
    within = float(((y_in - float(x_in @ y_in) / inner * x_in) ** 2).sum())
    sums = np.bincount(which, x)
    block_squares, block_sizes = float(sums @ sums), float((sizes**2).sum())
    size = (cells - block_sizes / cells - block_squares / squares) / (count - 1)
    return Relation(
        slope=slope,
        predicted=float(predicted.mean()),
        true=float(true.mean()),
        cells=cells,
        blocks=count,
        within=Term(within / (cells - count - 1), cells - count - 1),
        between=Term((left - within) / (count - 1), count - 1),
        size=size,
        squares=squares,
        block_squares=block_squares,
        block_products=float(sums @ sizes),
        block_sizes=block_sizes,
        lowest=float(predicted.min()),
        highest=float(predicted.max()),
    )


class _Draws:
    """Draws of what is uncertain in a relation, and in means of new cells."""

    def __init__(self, relation: Relation, random: np.random.Generator, count: int) -> None:
        within, between = relation.within, relation.between
        variance = within.variance * within.df / random.chisquare(within.df, count)
        # Errors of blocks have heavier tails than normal ones: with an excess kurtosis of 1, their
        # mean square varies as that of about two thirds as many blocks (Box 1953).
        df = 2 / (1 / relation.blocks + 2 / between.df)
        square = between.variance * df / random.chisquare(df, count)
        shared, cells = np.maximum(0, (square - variance) / relation.size), relation.cells
        of_slope = variance / relation.squares + shared * (
            relation.block_squares / relation.squares**2
        )
        of_mean = variance / cells + shared * relation.block_sizes / cells**2
        both = shared * relation.block_products / (cells * relation.squares)
        first, second = random.standard_normal((2, count))
        self.slope = relation.slope + np.sqrt(of_slope) * first
        rest = np.sqrt(np.maximum(0, of_mean - both**2 / of_slope))
        self.true = relation.true + both / np.sqrt(of_slope) * first + rest * second
        self.shift = np.sqrt(shared) * random.standard_normal((2, count))
        self._seeds = random.integers(2**63, size=3)

    def mean(self, of: int, value: float, term: Term) -> np.ndarray:
        """Draw the mean prediction of condition 0 or 1, or (2) their difference."""
        if not term.df > 0:
            return np.full(len(self.slope), math.nan)
        draws = np.random.default_rng(self._seeds[of]).standard_t(term.df, len(self.slope))
        return value + math.sqrt(term.variance) * draws

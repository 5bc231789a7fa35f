"""Sizes of effects: in standard deviations, and as a probability."""

from __future__ import annotations

import math

import numpy as np

from dispr.comparison.estimates import Estimate, Term, total
from dispr.comparison.means import Comparison
from dispr.comparison.sample import Sample

MOST = 1000
"""Cells of a condition that pairs are made of; of more, as many quantiles stand for all."""


def cell_spread(a: Sample, b: Sample, found: Comparison) -> Term:
    """Give the variance of true values between cells of one condition, pooled over both.

    Predictions vary less than true values: the variance of the error is added to that of what the
    predictions tell.
    """
    counts = [len(one.predicted) - 1 for one in (a, b)]
    variances = [float(one.predicted.var(ddof=1)) for one in (a, b)]
    pooled = sum(v * n for v, n in zip(variances, counts, strict=True)) / sum(counts)
    return total(
        [Term(found.slope**2 * pooled, sum(counts)), Term(found.error_sd**2, found.error_df)]
    )


def hedges_g(a: Sample, b: Sample, found: Comparison) -> Estimate:
    """Give the standardised difference of means, Hedges' g, with its interval.

    The difference divided by the standard deviation of true values between cells, and by Hedges'
    correction 1 - 3 / (4 df - 1) (Hedges 1981, J. Educ. Stat. 6:107). The interval joins that of
    the difference with the uncertainty of the standard deviation (Zou and Donner 2008, Stat. Med.
    27:1693), and lies on the same side of 0.
    """
    spread = cell_spread(a, b, found)
    if not spread.variance > 0:
        return Estimate(math.nan)
    df = min(spread.df, 1e9)
    scale = max(0.0, 1 - 3 / (4 * df - 1)) / math.sqrt(spread.variance)
    value = found.difference.value * scale
    ends = []
    for end in (found.difference.low, found.difference.high):
        away = (end - found.difference.value) * scale
        # The same quantile for both parts; that of the normal distribution for the second.
        of_spread = 1.96 * value / math.sqrt(2 * df)
        reached = value + math.copysign(math.hypot(away, of_spread), away)
        ends.append(max(reached, 0.0) if end > 0 else min(reached, 0.0) if end < 0 else reached)
    return Estimate(value, *ends)


def superiority(a: Sample, b: Sample, found: Comparison) -> Estimate:
    """Give the probability that a cell of B has a larger true value than one of A.

    Ties count half; 0.5 where the conditions are alike (McGraw and Wong 1992, Psychol. Bull.
    111:361; Vargha and Delaney 2000). The distribution of true values is that of what the
    predictions tell plus a normal error; its two ends are those where the means differ by the ends
    of the interval of the difference.
    """
    of_a, of_b = (_thinned(one.predicted) * found.slope for one in (a, b))
    pairs = (of_b - of_b.mean())[:, None] - (of_a - of_a.mean())[None, :]
    return Estimate(
        *(
            _above(pairs + shift, found.error_sd)
            for shift in (found.difference.value, found.difference.low, found.difference.high)
        )
    )


def kolmogorov_smirnov(a: Sample, b: Sample) -> float:
    """Give the largest distance between the distributions of the predicted values, 0 to 1."""
    from scipy.stats import ks_2samp

    return float(ks_2samp(a.predicted, b.predicted, method="asymp").statistic)


def _above(pairs: np.ndarray, error_sd: float) -> float:
    if not math.isfinite(error_sd) or np.isnan(pairs[0, 0]):
        return math.nan
    if error_sd > 0:
        from scipy.special import ndtr

        return float(ndtr(pairs / (math.sqrt(2) * error_sd)).mean())
    return float(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def _thinned(values: np.ndarray) -> np.ndarray:
    if len(values) <= MOST:
        return values
    found: np.ndarray = np.quantile(values, (np.arange(MOST) + 0.5) / MOST)
    return found

"""Estimates with intervals: a value, and what its variance is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
"""Share of repetitions of an experiment in which intervals hold the true value."""


class Term(NamedTuple):
    """A part of the variance of an estimate.

    Attributes
    ----------
    variance : float
        Its own estimate.
    df : float
        Degrees of freedom of that.
    """

    variance: float
    df: float


@dataclass(frozen=True)
class Estimate:
    """An estimated number.

    Attributes
    ----------
    value : float
        The number.
    low, high : float
        Ends of its interval; NaN where there is none.
    p : float
        Two-sided p value of the hypothesis that the number is 0; NaN where there is none.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan


def from_terms(value: float, terms: Sequence[Term], level: float = LEVEL) -> Estimate:
    """Give the interval of an estimate whose variance is a sum of independently estimated terms.

    The quantile is that of Student's t with the degrees of freedom of Welch (1947) and
    Satterthwaite (1946): (sum V)^2 / sum(V^2 / df).
    """
    variance, df = total(terms)
    if not variance > 0 or not df > 0:
        return Estimate(value)
    from scipy.stats import t

    error = math.sqrt(variance)
    half = float(t.ppf((1 + level) / 2, df)) * error
    p = 2 * float(t.sf(abs(value) / error, df))
    return Estimate(value, value - half, value + half, p)


def total(terms: Sequence[Term]) -> Term:
    """Add up terms of a variance; NaN if one is not known."""
    variance = sum(term.variance for term in terms)
    if not math.isfinite(variance) or any(term.df <= 0 for term in terms):
        return Term(math.nan, math.nan)
    below = sum(term.variance**2 / term.df for term in terms)
    return Term(variance, variance**2 / below if below > 0 else math.inf)


def from_draws(value: float, draws: np.ndarray, level: float = LEVEL) -> Estimate:
    """Give the interval of an estimate from draws of its distribution, by their quantiles.

    The p value is twice the share of the draws on the far side of 0, at least 1 / number of draws.
    """
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    beyond = min(float((draws <= 0).mean()), float((draws >= 0).mean()))
    p = min(1.0, max(2 * beyond, 1 / len(draws)))
    return Estimate(value, float(low), float(high), p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm 1979, Scand. J. Stat. 6:65).

    Parameters
    ----------
    p_values : sequence of float
        NaN where there is none; these stay, and do not count.

    Returns
    -------
    list of float
        The adjusted ones, in the same order. If those below 0.05 are called significant, the
        probability of any false call is at most 5 %.
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if math.isfinite(p))
    adjusted = [math.nan] * len(p_values)
    least = 0.0
    for rank, (p, i) in enumerate(known):
        least = max(least, min(1.0, (len(known) - rank) * p))
        adjusted[i] = least
    return adjusted

"""What is known of the difference of two means; without error of prediction, the simplest case."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dispr.comparison.estimates import LEVEL, Estimate, Term, from_terms
from dispr.comparison.sample import Sample, shared


@dataclass(frozen=True)
class Comparison:
    """The means of a measure in two conditions, and their difference.

    Attributes
    ----------
    a, b : Estimate
        Mean of each condition.
    difference : Estimate
        Mean of B minus mean of A.
    slope : float
        Change of the true value with the predicted one: 1 where no relation is known, 0 where
        predictions are not used.
    error_sd : float
        Standard deviation of single cells' true values about those that their predictions tell.
    error_df : float
        Degrees of freedom of that; inf where there is no error.
    """

    a: Estimate
    b: Estimate
    difference: Estimate
    slope: float = 1.0
    error_sd: float = 0.0
    error_df: float = math.inf


def spread_term(values: np.ndarray) -> Term:
    """Give the variance of a mean of independent values."""
    count = len(values)
    if count < 2:
        return Term(math.nan, 0)
    return Term(float(values.var(ddof=1)) / count, count - 1)


def compare_values(
    a: Sample, b: Sample, *, paired: bool = False, level: float = LEVEL
) -> Comparison:
    """Compare values that have no error of prediction, such as those of measured 3D cells.

    The t test of Welch, of cells, or of the means of donors; with `paired`, the paired t test of
    the means of donors.

    Parameters
    ----------
    a, b : Sample
        The conditions; `predicted` holds the values.
    paired : bool
        Donors of one name are one donor: compare the two conditions in each.
    level : float
        Of the intervals.
    """
    if paired:
        difference = paired_values(a, b)
        of_difference = [spread_term(difference)]
        value = float(difference.mean())
    else:
        of_difference = [spread_term(a.unit_values()), spread_term(b.unit_values())]
        value = float(b.unit_values().mean() - a.unit_values().mean())
    mean_a, mean_b = (
        from_terms(float(units.mean()), [spread_term(units)], level)
        for units in (a.unit_values(), b.unit_values())
    )
    return Comparison(mean_a, mean_b, from_terms(value, of_difference, level))


def only_predicted(a: Sample, b: Sample) -> Comparison:
    """Give the means of predictions whose relation to the truth is unknown: without intervals."""
    means = [float(one.unit_values().mean()) for one in (a, b)]
    return Comparison(
        Estimate(means[0]), Estimate(means[1]), Estimate(means[1] - means[0]), error_sd=math.nan
    )


def paired_values(a: Sample, b: Sample) -> np.ndarray:
    """Give the differences B - A of the donors that both conditions have."""
    assert a.units is not None
    assert b.units is not None
    return np.array([b.units[donor] - a.units[donor] for donor in sorted(shared(a, b))])

"""Means from many predicted cells and a few with known shapes: prediction-powered inference.

Angelopoulos et al., arXiv 2301.09633 (PPI) and 2311.01453 (PPI++, with a tuned weight of the
predictions). For a mean, PPI++ is the regression estimator of double sampling (Cochran 1977,
Sampling Techniques, ch. 12): the mean of the known cells, moved by the slope times the difference
between the predictions of all cells and of these. The slope is fitted to the known cells of both
conditions together, so that few cells per condition suffice; any slope gives the right mean, and
the best one the shortest interval.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dispr.comparison.estimates import LEVEL, Estimate, Term, from_terms
from dispr.comparison.means import Comparison, spread_term
from dispr.comparison.sample import Sample, means_by, shared
from dispr.errors import ConfigError

FEWEST = 3
"""Known cells that a condition needs."""


class Slope(NamedTuple):
    """Change of the true value with the predicted one, within conditions.

    Attributes
    ----------
    value : float
        At least 0.
    variance : Term
        Its variance.
    error : Term
        Variance of the true values about the line.
    """

    value: float
    variance: Term
    error: Term


class Side(NamedTuple):
    """One mean: its value, the terms of its variance, and how far the known cells are off.

    Attributes
    ----------
    value : float
        Mean.
    terms : list of Term
        All but that of the slope.
    gap : float
        Mean prediction of all cells minus that of the known ones; the slope multiplies it.
    """

    value: float
    terms: list[Term]
    gap: float


def prediction_powered(
    a: Sample,
    b: Sample,
    *,
    paired: bool = False,
    slope: float | None = None,
    level: float = LEVEL,
) -> Comparison:
    """Compare the true means of two conditions with a few known cells in each.

    Parameters
    ----------
    a, b : Sample
        The conditions, with at least three known cells each, and of two donors where there are
        donors.
    paired : bool
        Donors of one name are one donor: compare the two conditions in each.
    slope : float, optional
        The weight of the predictions, lambda; fitted if not given. With 0 only the known cells are
        used.
    level : float
        Of the intervals.

    Raises
    ------
    ConfigError
        If there are too few known cells.
    """
    fitted = fit_slope(a, b, slope)
    sides = [_side(one, fitted) for one in (a, b)]
    if paired:
        difference = _paired_side(a, b, fitted)
    else:
        side_a, side_b = sides
        value, gap = side_b.value - side_a.value, side_b.gap - side_a.gap
        difference = Side(value, side_a.terms + side_b.terms, gap)
    mean_a, mean_b, of_difference = (_estimate(s, fitted, level) for s in (*sides, difference))
    return Comparison(
        mean_a,
        mean_b,
        of_difference,
        slope=fitted.value,
        error_sd=math.sqrt(fitted.error.variance),
        error_df=fitted.error.df,
    )


def fit_slope(a: Sample, b: Sample, given: float | None = None) -> Slope:
    """Fit the common slope of the true on the predicted values within two conditions.

    Raises
    ------
    ConfigError
        If a condition has fewer than three known cells, or these of one donor.
    """
    pairs = [(one.known_predicted, one.known_true) for one in (a, b)]
    if min(len(true) for _, true in pairs) < FEWEST:
        raise ConfigError(
            f"the conditions have {' and '.join(str(len(true)) for _, true in pairs)} cells with "
            f"known shapes; at least {FEWEST} of each are needed."
        )
    if any(one.known_donors is not None and len(set(one.known_donors)) < 2 for one in (a, b)):
        raise ConfigError(
            "the cells with known shapes of a condition are of one donor, so errors that its cells "
            "share cannot be told; give some of at least two donors."
        )
    x = np.concatenate([predicted - predicted.mean() for predicted, _ in pairs])
    y = np.concatenate([true - true.mean() for _, true in pairs])
    df = len(x) - 2
    squares = float(x @ x)
    if given is not None or not squares > 0:
        value, variance = given or 0.0, Term(0.0, df)
        error = float(((y - value * x) ** 2).sum()) / df
        return Slope(value, variance, Term(error, df))
    value = max(0.0, float(x @ y) / squares)
    df -= 1
    error = float(((y - value * x) ** 2).sum()) / df
    return Slope(value, Term(error / squares, df), Term(error, df))


def _side(sample: Sample, slope: Slope) -> Side:
    if sample.units is None or sample.known_donors is None:
        return _cells(sample, slope)
    known_predicted = means_by(sample.known_donors, sample.known_predicted)
    known_true = means_by(sample.known_donors, sample.known_true)
    errors = {d: known_true[d] - slope.value * known_predicted[d] for d in known_true}
    return _donors(sample.units, errors, known_predicted, slope)


def _cells(sample: Sample, slope: Slope) -> Side:
    """Where cells are independent; errors and predictions are, by the least squares."""
    errors = sample.known_true - slope.value * sample.known_predicted
    count = len(errors)
    # As if the slope were fitted in this condition alone (Cochran 1977, ch. 12): it is common
    # to both only if errors are alike, and false alarms are worse than somewhat wide intervals.
    df = count - 1 - (slope.variance.variance > 0)
    squares = float(((errors - errors.mean()) ** 2).sum())
    spread = spread_term(sample.predicted)
    terms = [Term(slope.value**2 * spread.variance, spread.df), Term(squares / df / count, df)]
    value = slope.value * float(sample.predicted.mean()) + float(errors.mean())
    return Side(value, terms, float(sample.predicted.mean() - sample.known_predicted.mean()))


def _donors(
    units: dict[str, float],
    errors: dict[str, float],
    known_predicted: dict[str, float],
    slope: Slope,
) -> Side:
    """Where donors are independent: all that a donor adds to the mean is squared as one.

    Of donors without known cells only the predictions vary; the degrees of freedom are those of
    the donors with known cells.
    """
    all_predicted = np.array(list(units.values()))
    rest = np.array([errors[d] for d in errors])
    mean, error = float(all_predicted.mean()), float(rest.mean())
    by_prediction, by_error = len(units) * (len(units) - 1), len(rest) * (len(rest) - 1)
    variance = sum(
        (
            slope.value * (units[d] - mean) / math.sqrt(by_prediction)
            + ((errors[d] - error) / math.sqrt(by_error) if d in errors else 0.0)
        )
        ** 2
        for d in units
    )
    gap = mean - float(np.mean([known_predicted[d] for d in errors]))
    value = slope.value * mean + error
    return Side(value, [Term(float(variance), len(rest) - 1)], gap)


def _paired_side(a: Sample, b: Sample, slope: Slope) -> Side:
    donors = sorted(shared(a, b))
    both = set(a.known_donors if a.known_donors is not None else ()) & set(
        b.known_donors if b.known_donors is not None else ()
    )
    both &= set(donors)
    if len(both) < 2:
        raise ConfigError(
            "fewer than two donors have cells with known shapes in both conditions; give more, or "
            "compare without pairs."
        )
    assert a.units is not None
    assert b.units is not None
    known = [
        (means_by(s.known_donors, s.known_predicted), means_by(s.known_donors, s.known_true))
        for s in (a, b)
        if s.known_donors is not None
    ]
    (predicted_a, true_a), (predicted_b, true_b) = known
    predicted = {d: predicted_b[d] - predicted_a[d] for d in sorted(both)}
    errors = {d: true_b[d] - true_a[d] - slope.value * predicted[d] for d in predicted}
    units = {d: b.units[d] - a.units[d] for d in donors}
    return _donors(units, errors, predicted, slope)


def _estimate(side: Side, slope: Slope, level: float) -> Estimate:
    of_slope = Term(side.gap**2 * slope.variance.variance, slope.variance.df)
    return from_terms(side.value, [*side.terms, of_slope], level)

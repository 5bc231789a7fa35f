"""How many sections, cells of known shape and donors a comparison needs, from a pilot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dispr.comparison.condition import Condition, common_edge
from dispr.comparison.estimates import LEVEL, Term
from dispr.comparison.measures import Answer, relation
from dispr.errors import ConfigError
from dispr.intervals.rules import Intervals
from dispr.measurements.columns import written

SECTIONS = (100, 1000, 10_000)
KNOWN = (0, 6, 10, 20, 50)
DONORS = (3, 6, 12)
"""Options for each condition."""

POWER = 0.8
"""Probability that a difference that is called detectable is found."""

MOST_STACKS = 100_000


@dataclass(frozen=True)
class Pilot:
    """What a pilot says of a measure, for one condition.

    Attributes
    ----------
    slope : float
        Change of the true value with the predicted one.
    predicted : float
        Variance of the predicted values of cells (of one donor, where there are donors).
    error : float
        Variance of true values about what the predictions tell.
    donors : float
        Variance of the true means of donors; NaN where none are given.
    shared : Term or None
        Variance of the error that all cells of a condition share, where no cell is known; None
        where there are no calibration cells.
    """

    slope: float
    predicted: float
    error: float
    donors: float = math.nan
    shared: Term | None = None

    def variance(self, sections: int, known: int, donors: int | None) -> Term | None:
        """Give the expected variance of a difference of two conditions; None if it is not known.

        Parameters
        ----------
        sections, known : int
            Cells in each condition, and how many of them have known shapes.
        donors : int or None
            Donors in each condition, among whom the cells are spread evenly; None for independent
            cells.
        """
        parts = self.slope**2 * self.predicted / sections
        if donors is not None:
            parts += self.donors / donors
        if known:
            df = 2 * known - 3 if donors is None else 2 * (min(donors, known) - 1)
            return Term(2 * (parts + self.error / known), df) if df > 0 else None
        if self.shared is None:
            return None
        own = math.inf if donors is None else 2 * (donors - 1)
        variance, floor = 2 * (parts + self.shared.variance), 2 * self.shared.variance
        below = floor**2 / self.shared.df + (variance - floor) ** 2 / own
        return Term(variance, variance**2 / below if below > 0 else own)

    def stacks(self, half: float, level: float) -> int | None:
        """Give the number of known cells in each condition that reach half a width by themselves.

        Cells are independent. None for more than 100,000.
        """
        total = self.slope**2 * self.predicted + self.error
        low, high = 2, MOST_STACKS
        if _half(Term(2 * total / high, 2 * high - 2), level) > half:
            return None
        while low < high:
            middle = (low + high) // 2
            reached = _half(Term(2 * total / middle, 2 * middle - 2), level) <= half
            low, high = (low, middle) if reached else (middle + 1, high)
        return low


def pilot_of(
    one: Answer, conditions: Sequence[Condition], intervals: Intervals | None
) -> Pilot | None:
    """Take from the answer to a comparison what a plan needs; None where errors are not known."""
    if not math.isfinite(one.found.error_sd) or one.method not in ("known cells", "calibration"):
        return None
    samples = (one.a, one.b)
    between = math.nan
    if one.a.units is not None and one.b.units is not None:
        within, means = _by_donor(one)
        between = one.found.slope**2 * max(0.0, means)
    else:
        counts = [len(sample.predicted) - 1 for sample in samples]
        within = sum(
            float(s.predicted.var(ddof=1)) * n for s, n in zip(samples, counts, strict=True)
        ) / sum(counts)
    shared = None
    edge = common_edge(conditions)
    if intervals is not None and edge is not None and not (one.unit == "um" and math.isnan(edge)):
        try:
            line = relation(one.feature, intervals, edge if one.unit == "um" else 1.0)
            shared = Term(line.shared_variance, 2 / (1 / line.blocks + 2 / line.between.df))
        except ConfigError:
            shared = None
    return Pilot(one.found.slope, within, one.found.error_sd**2, between, shared)


def plan_rows(
    answers: Sequence[Answer],
    conditions: Sequence[Condition],
    intervals: Intervals | None,
    level: float = LEVEL,
) -> list[dict[str, Any]]:
    """Give the options for a larger experiment.

    Parameters
    ----------
    answers : sequence of Answer
        The pilot.
    conditions : (Condition, Condition)
        Its cells.
    intervals : Intervals or None
        Of the model, with its calibration cells.
    level : float
        Of the intervals.

    Returns
    -------
    list of dict
        For each measure and option: sections, known cells and donors in each condition; the
        expected half width of the interval of the difference; the smallest true difference that is
        found with a probability of 80 %; and how many known cells in each condition it would take
        without sections (`stacks_alone`, of independent cells).

    Raises
    ------
    ConfigError
        If the pilot does not tell the error of predictions.
    """
    rows = [row for one in answers for row in _rows(one, conditions, intervals, level)]
    if not rows:
        raise ConfigError(
            "this pilot does not tell how predictions err, so nothing can be planned; calibrate "
            "the model, or give cells of known shape by --known."
        )
    return rows


def _rows(
    one: Answer, conditions: Sequence[Condition], intervals: Intervals | None, level: float
) -> Iterator[dict[str, Any]]:
    pilot = pilot_of(one, conditions, intervals)
    if pilot is None:
        return
    options = (None,) if math.isnan(pilot.donors) else DONORS
    for donors in options:
        for known in KNOWN:
            for sections in SECTIONS:
                term = pilot.variance(sections, known, donors)
                if term is None:
                    continue
                half = _half(term, level)
                stacks = pilot.stacks(half, level) if donors is None and known else None
                yield {
                    "measure": one.feature.name,
                    "unit": one.feature.unit(one.unit).replace("-", ""),
                    "sections": sections,
                    "known": known,
                    "donors": donors or "",
                    "half_width": written(half),
                    "detectable": written(half + _half(term, 2 * POWER - 1)),
                    "stacks_alone": stacks or "",
                }


def _by_donor(one: Answer) -> tuple[float, float]:
    """Give the variance of predicted values within donors, and that of the means of donors."""
    squares = df = spread = 0.0
    of_means = 0.0
    for sample in (one.a, one.b):
        assert sample.units is not None
        assert sample.donors is not None
        for donor, mean in sample.units.items():
            own = sample.predicted[sample.donors == donor]
            squares += float(((own - mean) ** 2).sum())
            df += len(own) - 1
            spread += 1 / len(own) / (2 * len(sample.units))
        of_means += float(sample.unit_values().var(ddof=1)) / 2
    within = squares / df if df else 0.0
    return within, of_means - within * spread


def _half(term: Term, level: float) -> float:
    from scipy.stats import norm, t

    share = (1 + level) / 2
    quantile = norm.ppf(share) if math.isinf(term.df) else t.ppf(share, term.df)
    return float(quantile) * math.sqrt(term.variance)

import math

import numpy as np
import pytest
from scipy import stats

from dispr.comparison.estimates import Term
from dispr.comparison.known import prediction_powered
from dispr.comparison.measures import Question, answer
from dispr.comparison.plan import Pilot, pilot_of, plan_rows
from dispr.comparison.sample import Sample
from dispr.errors import ConfigError


def test_the_variance_is_that_of_sections_and_of_errors():
    pilot = Pilot(2.0, 3.0, 5.0)
    # Twice 2^2 * 3 / 100 and 5 / 10.
    assert pilot.variance(100, 10, None) == pytest.approx((2 * (0.12 + 0.5), 17))
    assert pilot.variance(100, 0, None) is None


def test_donors_and_shared_errors_are_a_floor():
    pilot = Pilot(2.0, 3.0, 5.0, donors=6.0, shared=Term(4.0, 7.0))
    assert pilot.variance(10**9, 10, 3) == pytest.approx((2 * (2 + 0.5), 4))
    found = pilot.variance(10**9, 0, None)
    assert found == pytest.approx((8, 7))
    assert pilot.variance(10**9, 1, 3) is None  # one known cell tells no error


def test_stacks_alone_are_as_many_as_reach_the_width():
    pilot = Pilot(1.0, 3.0, 1.0)
    count = pilot.stacks(1.0, 0.95)

    def half(n):
        return stats.t.ppf(0.975, 2 * n - 2) * math.sqrt(2 * 4 / n)

    assert half(count) <= 1 < half(count - 1)
    assert pilot.stacks(1e-6, 0.95) is None


def test_planned_widths_are_those_of_experiments():
    random = np.random.default_rng(0)
    widths = []
    for _ in range(300):
        samples = []
        for _ in range(2):
            predicted = random.normal(0, 1, 200)
            true = predicted[:10] + random.normal(0, 0.5, 10)
            samples.append(Sample(predicted, None, predicted[:10], true))
        found = prediction_powered(*samples).difference
        widths.append((found.high - found.low) / 2)
    term = Pilot(1.0, 1.0, 0.25).variance(200, 10, None)
    planned = stats.t.ppf(0.975, term.df) * math.sqrt(term.variance)
    assert planned == pytest.approx(np.mean(widths), rel=0.07)


class Cells:
    """Two conditions of cells whose values have no scale, of which some are known."""

    def __init__(self, donors=()):
        from dispr.comparison.condition import Condition

        random = np.random.default_rng(3)
        self.both = []
        for label in ("a", "b"):
            values = [{"sphericity": v} for v in random.normal(0.7, 0.05, 60)]
            true = [
                {"sphericity": v["sphericity"] + e}
                for v, e in zip(values[:12], random.normal(0, 0.02, 12), strict=True)
            ]
            of = [donors[i % len(donors)] if donors else "" for i in range(60)]
            edges = np.full(60, math.nan)
            self.both.append(
                Condition(
                    label,
                    [f"c{i}" for i in range(60)],
                    values,
                    edges,
                    [""] * 60,
                    of,
                    values[:12],
                    true,
                    edges[:12],
                    [f"c{i}" for i in range(12)],
                    of[:12],
                )
            )


def test_a_pilot_is_taken_from_an_answer():
    both = Cells().both
    one = answer((both[0], both[1]), Question(("sphericity",)), None)[0]
    pilot = pilot_of(one, both, None)
    pooled = (one.a.predicted.var(ddof=1) + one.b.predicted.var(ddof=1)) / 2
    assert pilot.predicted == pytest.approx(pooled)
    assert pilot.error == pytest.approx(one.found.error_sd**2)
    rows = plan_rows([one], both, None)
    assert {row["known"] for row in rows} == {6, 10, 20, 50}  # nothing is known without them
    row = next(r for r in rows if (r["known"], r["sections"]) == (10, 1000))
    term = pilot.variance(1000, 10, None)
    error = math.sqrt(term.variance)
    assert row["half_width"] == pytest.approx(stats.t.ppf(0.975, 17) * error, rel=1e-5)
    both_quantiles = stats.t.ppf(0.975, 17) + stats.t.ppf(0.8, 17)
    assert row["detectable"] == pytest.approx(both_quantiles * error, rel=1e-5)
    assert row["stacks_alone"] > 10


def test_a_pilot_with_donors_plans_numbers_of_donors():
    both = Cells(("x", "y", "z")).both
    one = answer((both[0], both[1]), Question(("sphericity",), by_donor=True), None)[0]
    rows = plan_rows([one], both, None)
    assert {row["donors"] for row in rows} == {3, 6, 12}
    assert {row["stacks_alone"] for row in rows} == {""}


def test_a_pilot_without_errors_plans_nothing():
    both = Cells().both
    one = answer((both[0], both[1]), Question(("sphericity",), predicted=False), None)[0]
    with pytest.raises(ConfigError, match="does not tell how predictions err"):
        plan_rows([one], both, None)

import math

import numpy as np
import pytest
from scipy import stats

from dispr.comparison.estimates import Term, from_draws, from_terms, holm, total


def test_holm_of_a_hand_example():
    # Sorted 0.01, 0.03, 0.04: times 3, 2, 1, and never less than the one before.
    found = holm([0.01, 0.04, math.nan, 0.03])
    assert found[:2] == pytest.approx([0.03, 0.06])
    assert math.isnan(found[2])
    assert found[3] == pytest.approx(0.06)
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_terms_add_up_as_welch_and_satterthwaite_say():
    # (4 + 2)^2 / (16 / 4 + 4 / 8) = 36 / 4.5
    assert total([Term(4.0, 4), Term(2.0, 8)]) == pytest.approx((6.0, 8.0))
    found = from_terms(3.0, [Term(4.0, 4), Term(2.0, 8)])
    half = stats.t.ppf(0.975, 8) * math.sqrt(6)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half))
    assert found.p == pytest.approx(2 * stats.t.sf(3 / math.sqrt(6), 8))


@pytest.mark.parametrize("terms", [[Term(math.nan, 3)], [Term(1.0, 0)], [Term(0.0, 3)], []])
def test_there_is_no_interval_where_the_variance_is_unknown(terms):
    found = from_terms(3.0, terms)
    assert found.value == 3
    assert all(math.isnan(x) for x in (found.low, found.high, found.p))


def test_draws_give_quantiles_and_twice_the_smaller_tail():
    found = from_draws(1.0, np.arange(-1.5, 98.5))  # two of 100 are below 0
    assert found.p == pytest.approx(0.04)
    assert (found.low, found.high) == pytest.approx((0.975, 95.025))
    assert from_draws(1.0, np.ones(50)).p == pytest.approx(1 / 50)

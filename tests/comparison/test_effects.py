import math

import numpy as np
import pytest

from dispr.comparison.effects import (
    MOST,
    cell_spread,
    hedges_g,
    kolmogorov_smirnov,
    superiority,
)
from dispr.comparison.estimates import Estimate
from dispr.comparison.means import Comparison, compare_values, only_predicted
from dispr.comparison.sample import Sample

A, B = Sample(np.array([1.0, 2.0, 3.0])), Sample(np.array([2.0, 3.0, 4.0]))
NOTHING = Estimate(math.nan)


def test_g_of_a_hand_example():
    found = hedges_g(A, B, compare_values(A, B))
    assert found.value == pytest.approx(1.0 * (1 - 3 / (4 * 4 - 1)))  # sd 1, 4 df
    assert found.low < 0 < found.high


def test_the_spread_counts_the_error_of_the_predictions():
    found = Comparison(NOTHING, NOTHING, Estimate(6.0, 4.0, 8.0), 2.0, 3.0, 20)
    # 2^2 times the variance 1 of the predictions, and 3^2.
    spread = cell_spread(A, B, found)
    assert spread.variance == pytest.approx(13)
    assert spread.df == pytest.approx(169 / (16 / 4 + 81 / 20))
    g = hedges_g(A, B, found)
    scale = (1 - 3 / (4 * spread.df - 1)) / 13**0.5
    assert g.value == pytest.approx(6 * scale)
    of_spread = 1.96 * 6 * scale / (2 * spread.df) ** 0.5
    assert g.high == pytest.approx(6 * scale + math.hypot(2 * scale, of_spread))
    assert 0 < g.low < 4 * scale


def test_g_lies_on_the_side_of_the_difference():
    found = Comparison(NOTHING, NOTHING, Estimate(6.0, 0.1, 11.9), 1.0, 0.1, 3)
    assert hedges_g(A, B, found).low == 0
    found = Comparison(NOTHING, NOTHING, Estimate(-6.0, -11.9, -0.1), 1.0, 0.1, 3)
    assert hedges_g(A, B, found).high == 0


def test_superiority_counts_pairs_and_half_of_the_ties():
    # Of nine pairs six are larger and two are equal.
    assert superiority(A, B, compare_values(A, B)).value == pytest.approx(7 / 9)
    assert superiority(A, A, compare_values(A, A)).value == pytest.approx(0.5)


def test_superiority_of_normal_values_follows_from_the_standardised_difference():
    found = Comparison(NOTHING, NOTHING, Estimate(3.0, 0.0, 6.0), 0.0, 3.0, 20)
    wins = superiority(A, B, found)
    # Phi(d / sqrt 2)
    assert wins.value == pytest.approx(0.76025, abs=1e-5)
    assert wins.low == pytest.approx(0.5)
    assert wins.high == pytest.approx(0.92135, abs=1e-5)


def test_many_cells_are_as_their_quantiles():
    random = np.random.default_rng(0)
    a, b = Sample(random.normal(0, 1, 3 * MOST)), Sample(random.normal(1, 1, 2 * MOST))
    found = superiority(a, b, compare_values(a, b)).value
    every = (b.predicted[:, None] > a.predicted[None]).mean()
    assert found == pytest.approx(every, abs=2e-3)


def test_of_predictions_alone_no_effect_is_claimed():
    found = only_predicted(A, B)
    assert math.isnan(hedges_g(A, B, found).value)
    assert math.isnan(superiority(A, B, found).value)


def test_the_distance_of_distributions():
    assert kolmogorov_smirnov(A, B) == pytest.approx(1 / 3)
    assert kolmogorov_smirnov(A, Sample(B.predicted + 10)) == 1

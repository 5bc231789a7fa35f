import math

import numpy as np
import pytest

from dispr.errors import ConfigError
from dispr.intervals.fit import conformal_rank, fit_intervals, fit_rule
from dispr.intervals.rules import Intervals, Rule


def ensembles(cells, seed, floor=0.05, samples=5):
    """Draw cells whose ensembles differ in spread and are off by floor besides."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(9, 11, (cells, 1))
    spread = rng.uniform(0.01, 0.3, (cells, 1))
    values = np.exp(centre + spread * rng.standard_normal((cells, samples)))
    truth = np.exp(
        centre + spread * rng.standard_normal((cells, 1)) + floor * rng.standard_normal((cells, 1))
    )
    return values, truth[:, 0]


def test_interval():
    low, high = Rule(2.0, 0.1, log=True).interval([90.0, 100.0, 110.0])
    logs = np.log([90.0, 100.0, 110.0])
    half = 2 * math.hypot(logs.std(ddof=1), 0.1)
    assert low == pytest.approx(math.exp(logs.mean() - half))
    assert high == pytest.approx(math.exp(logs.mean() + half))


def test_interval_scales_with_the_unit():
    rule = Rule(1.5, 0.2, log=True)
    low, high = rule.interval([90.0, 100.0, 110.0])
    twice = rule.interval([180.0, 200.0, 220.0])
    assert twice == pytest.approx((2 * low, 2 * high))


@pytest.mark.parametrize("values", [[], [100.0], [100.0, 0.0]])
def test_no_interval(values):
    assert all(math.isnan(end) for end in Rule(2.0, 0.1, log=True).interval(values))


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_fitted_intervals_hold_the_level_on_other_cells(level):
    values, truth = ensembles(400, seed=1)
    others, true = ensembles(4000, seed=2)
    for power in (1.0, 0.7):
        found = fit_rule(values**power, truth**power, level, log=True)
        ends = np.array([found.interval(row**power) for row in others])
        held = (ends[:, 0] <= true**power) & (true**power <= ends[:, 1])
        assert held.mean() == pytest.approx(level, abs=0.04)
        # The narrow ensembles' intervals hold as often as the wide ones'.
        width = ends[:, 1] / ends[:, 0]
        narrow = held[width < np.median(width)].mean()
        assert narrow == pytest.approx(level, abs=0.06)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("count", [9, 19, 30, 59, 137, 500])
def test_the_rank_is_the_smallest_that_holds_the_level(count, level):
    """The share that rank r holds is Beta(r, n + 1 - r), whose tail is that of a binomial."""

    def certainty(rank, share):
        return sum(math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(rank))

    def good(rank):
        enough = rank / (count + 1) >= level - 1e-9
        return enough and certainty(rank, level - 0.05) >= 0.95

    expected = next((rank for rank in range(1, count + 1) if good(rank)), count)
    assert conformal_rank(count, level) == expected


@pytest.mark.parametrize("count", [9, 19, 59])
def test_the_scale_reaches_to_the_error_of_that_rank(count):
    """Samples that agree have intervals of scale x floor to each side."""
    errors = np.random.default_rng(count).permutation(np.linspace(-0.2, 0.3, count))
    values = [[100.0] * 3] * count
    found = fit_rule(values, list(100 * np.exp(errors)), 0.9, log=True)
    reached = np.sort(np.abs(errors))[conformal_rank(count, 0.9) - 1]
    assert found.scale * found.floor == pytest.approx(reached, rel=1e-4)
    ends = found.interval(values[0])
    assert ends == pytest.approx((100 * math.exp(-reached), 100 * math.exp(reached)), rel=1e-4)


@pytest.mark.parametrize("count", [30, 59, 200])
def test_one_fit_seldom_holds_too_little(count):
    """Of many fits, 95 % hold at least 85 % of new cells, and all together 90 %."""
    rng = np.random.default_rng(0)
    errors = np.sort(np.abs(rng.standard_normal((4000, count))), axis=1)
    ends = errors[:, conformal_rank(count, 0.9) - 1]
    new = np.abs(rng.standard_normal(20000))
    held = (new[None] <= ends[:200, None]).mean(1)
    assert held.mean() > 0.895
    assert (held >= 0.85).mean() > 0.9
    # One rank less does not do: the choice is the smallest.
    fewer = errors[:, conformal_rank(count, 0.9) - 2]
    held = np.searchsorted(np.sort(new), fewer) / len(new)
    assert (held >= 0.85).mean() < 0.955 or held.mean() < 0.9


def test_floor_is_found():
    values, truth = ensembles(3000, seed=3, floor=0.2)
    assert fit_rule(values, truth, 0.9, log=True).floor == pytest.approx(0.22, rel=0.05)


def test_a_measure_that_can_be_nothing_is_fitted_without_logarithms():
    values, truth = ensembles(50, seed=3)
    assert fit_rule(values, truth, 0.9, log=True).log
    truth[3] = 0.0
    rule = fit_rule(values, truth, 0.9, log=True)
    assert not rule.log
    assert rule.floor > 0


def test_too_few_cells():
    values, truth = ensembles(8, seed=1)
    assert fit_rule(values, truth, 0.9, log=True) is None
    with pytest.raises(ConfigError, match=r"8 cells with shapes are too few .* at least 9"):
        fit_intervals([[{}] * 5] * 8, [{}] * 8)
    with pytest.raises(ConfigError, match="draw at least two"):
        fit_intervals([[{}]] * 9, [{}] * 9)
    with pytest.raises(ConfigError, match="some cells have 2 samples and some 5"):
        fit_intervals([[{}] * 5] * 8 + [[{}] * 2], [{}] * 9)


@pytest.mark.parametrize("change", [{"scale": 0.0}, {"floor": -1}, {"scale": math.nan}])
def test_invalid_settings(change):
    with pytest.raises(ConfigError, match="must be positive"):
        Rule(**{"scale": 2.0, "floor": 0.1, **change})
    with pytest.raises(ConfigError, match="level must be between"):
        Intervals(1.0, 50, {})

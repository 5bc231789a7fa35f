import math

import numpy as np
import pytest

from dispr.errors import ConfigError
from dispr.intervals.fit import KnownCell, fit_errors, fit_intervals
from dispr.intervals.known import Known
from dispr.intervals.quantiles import conformal_rank, effective_number, least_coverage
from dispr.intervals.rules import Intervals, Rule, intervals_from


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


def fit_rule(values, truth, level, log, blocks=None, side="both"):
    """Fit the interval of one measure."""
    count = len(truth)
    blocks = range(count) if blocks is None else blocks
    errors = fit_errors(values, tuple(truth), log, blocks)
    known = Known(("",) * count, tuple(blocks), {}, {}, {5: {"volume": errors}})
    return intervals_from(known, level, side).rules[5]["volume"]


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
        return enough and certainty(rank, 1 - 1.5 * (1 - level)) >= 0.95

    expected = next((rank for rank in range(1, count + 1) if good(rank)), count)
    assert conformal_rank(count, level) == expected


@pytest.mark.parametrize("count", [9, 19, 59])
def test_the_scale_reaches_to_the_error_of_that_rank(count):
    """Samples that agree have intervals of scale x floor to each side."""
    errors = np.random.default_rng(count).permutation(np.linspace(-0.2, 0.3, count))
    values = [[100.0] * 3] * count
    found = fit_rule(values, list(100 * np.exp(errors)), 0.9, log=True, blocks=[0] * count)
    reached = np.sort(np.abs(errors))[conformal_rank(count, 0.9) - 1]
    assert found.scale * found.floor == pytest.approx(reached, rel=1e-3)
    ends = found.interval(values[0])
    assert ends == pytest.approx((100 * math.exp(-reached), 100 * math.exp(reached)), rel=1e-3)


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
    with pytest.raises(ConfigError, match=r"8 calibration cells are too few .* highest is 0\.888"):
        fit_rule(values, truth, 0.9, log=True)
    five, two, one = (KnownCell("a", [{}] * size, {}, {}) for size in (5, 2, 1))
    with pytest.raises(ConfigError, match=r"8 cells with shapes are too few .* at least 9"):
        fit_intervals([five] * 8)
    with pytest.raises(ConfigError, match="draw at least two"):
        fit_intervals([one] * 9)
    with pytest.raises(ConfigError, match="some cells have 2 samples and some 5"):
        fit_intervals([five] * 8 + [two])


@pytest.mark.parametrize("change", [{"scale": 0.0}, {"floor": -1}, {"floor": 0}])
def test_invalid_settings(change):
    with pytest.raises(ConfigError, match="must be positive"):
        Rule(**{"scale": 2.0, "floor": 0.1, **change})
    with pytest.raises(ConfigError, match="must be a number"):
        Rule(math.nan, 0.1)
    with pytest.raises(ConfigError, match="level must be between"):
        Intervals(1.0, 50, {})


def test_one_limit_holds_as_often_as_stated():
    """Errors to both sides differ, so that the two limits are unlike; one can be inside."""
    rng = np.random.default_rng(5)
    values = 10 + 0.1 * rng.standard_normal((2000, 5))
    truth = values.mean(axis=1) + rng.exponential(1.0, 2000)
    fitted, new = slice(0, 1000), slice(1000, 2000)
    for side, inside in (("lower", np.greater_equal), ("upper", np.less_equal)):
        rule = fit_rule(values[fitted], truth[fitted], 0.9, log=False, side=side)
        ends = np.array([rule.interval(row) for row in values[new]])
        assert np.isinf(ends[:, 1 if side == "lower" else 0]).all()
        end = ends[:, 0 if side == "lower" else 1]
        assert inside(truth[new], end).mean() == pytest.approx(0.9, abs=0.03)
    assert fit_rule(values[fitted], truth[fitted], 0.5, log=False, side="lower").scale < 0


def test_a_residual_does_not_know_its_own_block():
    """One block is far off; with its own errors its floor would be large, without it is small."""
    rng = np.random.default_rng(0)
    values = 10 + 0.01 * rng.standard_normal((40, 5))
    truth = values.mean(axis=1) + 0.1 * rng.standard_normal(40)
    truth[:8] += 5
    blocks = np.repeat(range(5), 8)
    found = fit_errors(values, tuple(truth), log=False, blocks=blocks)
    alone = fit_errors(values[8:], tuple(truth[8:]), log=False, blocks=blocks[8:])
    spread = np.hypot(values[:8].std(axis=1, ddof=1), alone.floor)
    own = (truth[:8] - values[:8].mean(axis=1)) / (alone.factor * spread)
    assert np.array(found.residuals[:8]) == pytest.approx(own, rel=1e-3)
    assert found.floor * found.factor > 10 * alone.floor * alone.factor


def test_effective_number():
    """Of blocks of m cells with correlation r, n / (1 + (m - 1) r) count."""
    rng = np.random.default_rng(1)
    blocks = np.repeat(range(2000), 4)
    for r in (0.0, 0.3, 1.0):
        shared = rng.standard_normal((2000, 1)).repeat(4, axis=1).ravel()
        values = math.sqrt(r) * shared + math.sqrt(1 - r) * rng.standard_normal(8000)
        found = effective_number(values, blocks)
        assert found == pytest.approx(8000 / (1 + 3 * r), rel=0.1)
    assert effective_number(np.arange(5.0), range(5)) == 5
    assert effective_number(np.arange(5.0), [0] * 5) == 5


def test_least_coverage():
    """The largest error of n cells holds x of new ones with probability 1 - x^n."""
    assert least_coverage(59, 59) == pytest.approx(0.05 ** (1 / 59))
    assert least_coverage(57, 59) > least_coverage(57, 59, 20)
    assert least_coverage(57, 59, 100) == least_coverage(57, 59)

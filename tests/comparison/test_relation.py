import numpy as np
import pytest

from dispr.comparison.means import compare_values
from dispr.comparison.relation import fit_relation
from dispr.comparison.sample import Sample
from dispr.errors import ConfigError

BLOCKS = np.repeat(np.arange(12), 5)


def cells(seed=0, slope=0.8, shared=1.0, single=0.5, blocks=BLOCKS):
    random = np.random.default_rng(seed)
    predicted = random.normal(10, 1, 200)[blocks] + random.normal(0, 1, len(blocks))
    errors = shared * random.normal(0, 1, 200)[blocks] + single * random.normal(0, 1, len(blocks))
    return predicted, 3 + slope * predicted + errors, blocks


def test_the_line_is_that_of_least_squares():
    predicted, true, blocks = cells()
    found = fit_relation(predicted, true, blocks)
    slope, intercept = np.polyfit(predicted, true, 1)
    assert found.slope == pytest.approx(slope)
    assert found.true - found.slope * found.predicted == pytest.approx(intercept)
    assert (found.cells, found.blocks) == (60, 12)


def test_the_variances_of_balanced_blocks_are_those_of_the_analysis_of_variance():
    # Predictions the same in each block: the slope plays no part between blocks.
    predicted = np.tile([1.0, 2.0, 3.0], 6)
    blocks = np.repeat(np.arange(6), 3)
    of_block = np.repeat([0.0, 1.0, 2.0, 0.0, 1.0, 2.0], 3)
    true = 2 * predicted + of_block + np.tile([0.1, -0.2, 0.1], 6)
    found = fit_relation(predicted, true, blocks)
    assert found.slope == pytest.approx(2.0)
    assert found.size == pytest.approx(3.0)
    # Six blocks of (0.01 + 0.04 + 0.01), with 18 - 6 - 1 degrees of freedom.
    assert found.within == pytest.approx((6 * 0.06 / 11, 11))
    # 3 cells times the squares of the means, 4 ones: 12, with 5 degrees of freedom.
    assert found.between == pytest.approx((12 / 5, 5))
    assert found.shared_variance == pytest.approx((12 / 5 - 6 * 0.06 / 11) / 3)


def test_the_variances_are_found_in_large_samples():
    blocks = np.repeat(np.arange(200), 5)
    found = fit_relation(*cells(1, blocks=blocks))
    assert found.slope == pytest.approx(0.8, abs=0.1)
    assert found.shared_variance == pytest.approx(1.0, rel=0.2)
    assert found.within.variance == pytest.approx(0.25, rel=0.1)


def test_without_errors_the_difference_is_the_slope_times_that_of_predictions():
    random = np.random.default_rng(3)
    found = fit_relation(*cells(shared=1e-6, single=1e-6))
    a, b = Sample(random.normal(10, 1, 300)), Sample(random.normal(11, 1, 200))
    difference = found.compare(a, b).difference
    plain = compare_values(a, b).difference
    assert difference.value == pytest.approx(0.8 * plain.value, rel=1e-4)
    assert difference.low == pytest.approx(0.8 * plain.low, rel=0.02)
    assert difference.high == pytest.approx(0.8 * plain.high, rel=0.02)
    assert found.compare(a, b).a.value == pytest.approx(3 + 0.8 * a.predicted.mean(), rel=1e-4)


def test_shared_errors_count_once_a_condition_however_many_cells_and_donors():
    found = fit_relation(*cells(single=0.1))
    values = np.random.default_rng(4).normal(10, 0.01, 5000)
    widths = []
    for donors in (None, np.repeat([f"d{i}" for i in range(25)], 200)):
        sample = Sample(values, donors)
        difference = found.compare(sample, sample).difference
        widths.append(difference.high - difference.low)
    # Student's t with two thirds of 11 degrees of freedom.
    expected = 2 * 2.365 * (2 * found.shared_variance) ** 0.5
    assert widths == pytest.approx([expected, expected], rel=0.05)


def test_the_same_question_gets_the_same_answer():
    relation = fit_relation(*cells())
    a, b = Sample(np.arange(5.0) + 8), Sample(np.arange(7.0) + 9)
    again = fit_relation(*cells()).compare(a, b)
    assert relation.compare(a, b) == again


def test_too_few_blocks_are_refused():
    predicted, true, _ = cells()
    with pytest.raises(ConfigError, match="60 calibration cells in 4 blocks"):
        fit_relation(predicted, true, np.repeat(np.arange(4), 15))
    with pytest.raises(ConfigError, match="in 60 blocks"):
        fit_relation(predicted, true, np.arange(60))

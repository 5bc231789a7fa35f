import math

import numpy as np
import pytest
from scipy import stats

from dispr.comparison.means import compare_values, only_predicted
from dispr.comparison.sample import Sample, means_by

A = np.array([3.0, 5.0, 4.0, 8.0, 7.0, 9.0])
B = np.array([4.0, 9.0, 8.0, 11.0])


def test_independent_cells_are_compared_by_the_t_test_of_welch():
    found = compare_values(Sample(A), Sample(B))
    known = stats.ttest_ind(B, A, equal_var=False)
    ends = known.confidence_interval(0.95)
    assert found.difference.value == pytest.approx(2.0)
    assert found.difference.p == pytest.approx(known.pvalue)
    assert (found.difference.low, found.difference.high) == pytest.approx((ends.low, ends.high))
    assert found.a.value == 6
    assert found.a.low == pytest.approx(6 - stats.t.ppf(0.975, 5) * A.std(ddof=1) / 6**0.5)


def test_donors_are_compared_by_their_means_however_many_cells_they_have():
    donors_a = np.array(["x", "x", "x", "y", "y", "z"])  # means 4, 7.5, 9
    donors_b = np.array(["u", "u", "v", "v"])  # means 6.5, 9.5
    found = compare_values(Sample(A, donors_a), Sample(B, donors_b))
    known = stats.ttest_ind([6.5, 9.5], [4, 7.5, 9], equal_var=False)
    assert found.difference.value == pytest.approx(8 - 20.5 / 3)
    assert found.difference.p == pytest.approx(known.pvalue)


def test_pairs_of_donors_are_compared_by_the_paired_t_test():
    donors_a = np.array(["x", "x", "x", "y", "z", "w"])
    donors_b = np.array(["z", "y", "x", "other"])
    found = compare_values(Sample(A, donors_a), Sample(B, donors_b), paired=True)
    known = stats.ttest_rel([8, 9, 4], [4, 8, 7])  # x, y, z
    assert found.difference.p == pytest.approx(known.pvalue)
    assert found.difference.value == pytest.approx(2 / 3)


def test_predictions_alone_give_no_interval():
    found = only_predicted(Sample(A), Sample(B))
    assert found.difference.value == pytest.approx(2.0)
    assert math.isnan(found.difference.low)
    assert math.isnan(found.difference.p)


def test_means_by_group_are_sorted_by_group():
    assert means_by(np.array(["b", "a", "b"]), np.array([1.0, 5.0, 3.0])) == {"a": 5, "b": 2}

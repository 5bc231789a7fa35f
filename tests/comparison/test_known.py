import numpy as np
import pytest
from scipy import stats

from dispr.comparison.known import fit_slope, prediction_powered
from dispr.comparison.means import compare_values
from dispr.comparison.sample import Sample
from dispr.errors import ConfigError

TRUE = np.array([3.0, 5.0, 4.0, 8.0, 7.0, 9.0])
PREDICTED = np.array([2.0, 4.0, 5.0, 6.0, 8.0, 9.0])
OTHERS = np.array([1.0, 3.0, 4.0, 4.0, 5.0, 7.0, 8.0, 10.0, 6.0, 2.0])
A = Sample(np.concatenate([OTHERS, PREDICTED]), None, PREDICTED, TRUE)


def moved(sample, by):
    """The same condition with all true values larger, and predictions by half of that."""
    return Sample(sample.predicted + by / 2, None, PREDICTED + by / 2, TRUE + by)


def test_the_mean_is_that_of_the_reference_implementation():
    # ppi-python 0.2.3: ppi_mean_pointestimate(TRUE, PREDICTED, OTHERS, lam=0.625). There the known
    # cells are not among the others; here they are, so that lambda is the slope times 10 / 16.
    found = prediction_powered(A, moved(A, 2), slope=1.0)
    assert found.a.value == pytest.approx(5.583333333333333)
    assert found.difference.value == pytest.approx(2.0)


def test_the_variance_is_that_of_the_predictions_and_that_of_the_errors():
    found = prediction_powered(A, moved(A, 2), slope=0.5)
    errors = TRUE - 0.5 * PREDICTED
    parts = [(A.predicted.var(ddof=1) / 4 / 16, 15), (errors.var(ddof=1) / 6, 5)]
    variance = sum(v for v, _ in parts)
    df = variance**2 / sum(v**2 / d for v, d in parts)
    half = stats.t.ppf(0.975, df) * variance**0.5
    assert found.a.high - found.a.value == pytest.approx(half)
    # The same terms again in the other condition: twice the variance, twice the df.
    half = stats.t.ppf(0.975, 2 * df) * (2 * variance) ** 0.5
    assert found.difference.high - found.difference.value == pytest.approx(half)


def test_without_predictions_it_is_the_t_test_of_the_known_cells():
    b = moved(A, 2)
    found = prediction_powered(A, b, slope=0.0)
    known = compare_values(Sample(TRUE), Sample(b.known_true))
    assert found.difference.low == pytest.approx(known.difference.low)
    assert found.difference.p == pytest.approx(known.difference.p)


def test_the_slope_is_fitted_within_the_conditions():
    slope = fit_slope(A, moved(A, 100))
    line = stats.linregress(PREDICTED, TRUE)
    assert slope.value == pytest.approx(line.slope)  # the shift between conditions plays no part
    left = TRUE - line.intercept - line.slope * PREDICTED
    error = 2 * (left @ left) / (12 - 3)
    assert slope.error == pytest.approx((error, 9))
    assert slope.variance == pytest.approx((error / (2 * 5 * PREDICTED.var(ddof=1)), 9))


def test_a_fitted_slope_costs_each_condition_a_degree_of_freedom():
    found = prediction_powered(A, moved(A, 2))
    slope = fit_slope(A, moved(A, 2))
    errors = TRUE - slope.value * PREDICTED
    gap = A.predicted.mean() - PREDICTED.mean()
    parts = [
        (slope.value**2 * A.predicted.var(ddof=1) / 16, 15),
        (((errors - errors.mean()) ** 2).sum() / 4 / 6, 4),
        (gap**2 * slope.variance.variance, 9),
    ]
    variance = sum(v for v, _ in parts)
    df = variance**2 / sum(v**2 / d for v, d in parts)
    half = stats.t.ppf(0.975, df) * variance**0.5
    assert found.a.high - found.a.value == pytest.approx(half)


def test_perfect_predictions_leave_only_the_spread_of_the_sections():
    true = 2 * PREDICTED + 1
    a = Sample(A.predicted, None, PREDICTED, true)
    b = Sample(A.predicted + 3, None, PREDICTED + 3, true + 6)
    found = prediction_powered(a, b)
    error = 2 * (A.predicted.var(ddof=1) / 16) ** 0.5 * 2**0.5
    assert found.difference.value == pytest.approx(6)
    assert found.a.value == pytest.approx(2 * A.predicted.mean() + 1)
    half = stats.t.ppf(0.975, 30) * error
    assert found.difference.high - 6 == pytest.approx(half)
    assert found.error_sd == pytest.approx(0, abs=1e-9)


def test_predictions_that_tell_nothing_are_given_no_weight():
    a = Sample(A.predicted, None, PREDICTED, TRUE[::-1].copy())
    assert fit_slope(a, a).value == 0


DONORS = np.array(list("xxyyzz"))
OF_OTHERS = np.array(list("xxxyyyzzzz"))


def with_donors(by=0.0, known=DONORS):
    predicted = np.concatenate([OTHERS, PREDICTED]) + by / 2
    donors = np.concatenate([OF_OTHERS, known])
    return Sample(predicted, donors, PREDICTED + by / 2, TRUE + by, known)


def test_with_known_cells_of_every_donor_it_is_the_t_test_of_donors():
    found = prediction_powered(with_donors(), with_donors(2), slope=1.0)
    of_donors = []
    for donor in "xyz":
        every = np.concatenate([OTHERS[donor == OF_OTHERS], PREDICTED[donor == DONORS]])
        known = donor == DONORS
        of_donors.append(every.mean() + (TRUE[known] - PREDICTED[known]).mean())
    known = stats.ttest_ind(np.array(of_donors) + 2, of_donors, equal_var=False)
    ends = known.confidence_interval(0.95)
    assert (found.difference.low, found.difference.high) == pytest.approx((ends.low, ends.high))
    assert found.a.value == pytest.approx(np.mean(of_donors))


def test_pairs_of_donors_compare_each_donor_with_itself():
    b = with_donors(2)
    b.known_true[:2] += 1  # donor x
    found = prediction_powered(with_donors(), b, slope=1.0, paired=True)
    known = stats.ttest_1samp([3.0, 2.0, 2.0], 0)
    assert found.difference.value == pytest.approx(7 / 3)
    assert found.difference.p == pytest.approx(known.pvalue)


def test_donors_without_known_cells_add_their_predictions():
    donors = np.array(list("xxxyyy"))  # none of z
    found = prediction_powered(with_donors(known=donors), with_donors(2, donors), slope=1.0)
    means = [np.concatenate([OTHERS[d == OF_OTHERS], PREDICTED[donors == d]]).mean() for d in "xyz"]
    errors = [(TRUE - PREDICTED)[donors == d].mean() for d in "xy"]
    assert found.a.value == pytest.approx(np.mean(means) + np.mean(errors))
    parts = (np.array(means) - np.mean(means)) / 6**0.5
    parts[:2] += (np.array(errors) - np.mean(errors)) / 2**0.5
    half = stats.t.ppf(0.975, 1) * (parts @ parts) ** 0.5
    assert found.a.high - found.a.value == pytest.approx(half)


def test_too_few_known_cells_are_refused():
    few = Sample(A.predicted, None, PREDICTED[:2], TRUE[:2])
    with pytest.raises(ConfigError, match="6 and 2 cells with known shapes; at least 3"):
        prediction_powered(A, few)


def test_known_cells_of_one_donor_are_refused():
    one = with_donors(known=np.array(list("xxxxxx")))
    with pytest.raises(ConfigError, match="of one donor"):
        prediction_powered(one, one)


def test_intervals_of_skewed_errors_and_few_known_cells_hold_the_truth():
    random = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        samples = []
        for mean in (0.0, 1.0):
            true = mean + random.gamma(2, 1, 300)
            predicted = 0.5 * true + 0.3 * random.gamma(2, 1, 300)
            samples.append(Sample(predicted, None, predicted[:8], true[:8]))
        found = prediction_powered(*samples).difference
        held += found.low < 1 < found.high
    assert 0.92 < held / 400 < 0.98

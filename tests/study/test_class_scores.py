import numpy as np
import pytest
from sklearn import metrics

from dispr.study.class_scores import (
    accuracy,
    confusion,
    f1,
    macro_f1,
    mean_sd,
    precision,
    recall,
    weighted_f1,
)

CLASSES = ("a", "b", "c")


@pytest.fixture
def told():
    rng = np.random.default_rng(0)
    truth = rng.choice(CLASSES, 60, p=[0.7, 0.2, 0.1])
    predicted = np.where(rng.random(60) < 0.6, truth, rng.choice(CLASSES, 60))
    return list(truth), list(predicted)


def test_scores_are_those_of_scikit_learn(told):
    counts = confusion(*told, CLASSES)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(*told, labels=CLASSES))
    assert macro_f1(counts) == pytest.approx(metrics.f1_score(*told, average="macro"))
    assert weighted_f1(counts) == pytest.approx(metrics.f1_score(*told, average="weighted"))
    assert accuracy(counts) == pytest.approx(metrics.accuracy_score(*told))
    expected = metrics.precision_recall_fscore_support(*told, labels=CLASSES)
    for mine, theirs in zip((precision, recall, f1), expected, strict=False):
        np.testing.assert_allclose(mine(counts), theirs)


def test_a_class_without_test_cells():
    # Cells taken for it count against the others, but it has no score of its own.
    counts = confusion(["a", "a", "b"], ["a", "c", "b"], CLASSES)
    np.testing.assert_array_equal(f1(counts), [2 / 3, 1, np.nan])
    assert macro_f1(counts) == pytest.approx(5 / 6)
    assert weighted_f1(counts) == pytest.approx((2 * 2 / 3 + 1) / 3)
    assert np.isnan(recall(counts)[2])


def test_a_class_that_is_never_told():
    counts = confusion(["a", "b"], ["a", "a"], CLASSES)
    assert f1(counts)[1] == 0
    assert np.isnan(precision(counts)[1])


def test_mean_sd():
    assert mean_sd([1, 2, np.nan, 3]) == (2, 1)
    mean, deviation = mean_sd([5])
    assert mean == 5
    assert np.isnan(deviation)  # which one value does not tell
    assert all(np.isnan(mean_sd([np.nan])))

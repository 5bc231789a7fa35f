import numpy as np
import pytest

from dispr.study.class_scores import class_scores, mean_sd, overall_scores

CLASSES = ("a", "b", "c")


def test_scores_from_counts():
    rng = np.random.default_rng(0)
    truth = rng.choice(CLASSES, 60, p=[0.7, 0.2, 0.1])
    predicted = np.where(rng.random(60) < 0.6, truth, rng.choice(CLASSES, 60))
    told = list(truth), list(predicted)
    counts = np.array([[((truth == a) & (predicted == b)).sum() for b in CLASSES] for a in CLASSES])
    right, cells, taken = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    f1 = 2 * right / (cells + taken)
    scores = class_scores(told, CLASSES)
    np.testing.assert_array_equal(scores["cells"], cells)
    np.testing.assert_allclose(scores["precision"], right / taken)
    np.testing.assert_allclose(scores["recall"], right / cells)
    np.testing.assert_allclose(scores["f1"], f1)
    expected = {"macro_f1": f1.mean(), "weighted_f1": f1 @ cells / 60, "accuracy": right.sum() / 60}
    assert overall_scores(told) == pytest.approx(expected)


def test_a_class_without_test_cells():
    # Cells taken for it count against the others, but it has no score of its own.
    told = ["a", "a", "b"], ["a", "c", "b"]
    scores, overall = class_scores(told, CLASSES), overall_scores(told)
    np.testing.assert_array_equal(scores["f1"], [2 / 3, 1, np.nan])
    assert overall["macro_f1"] == pytest.approx(5 / 6)
    assert overall["weighted_f1"] == pytest.approx((2 * 2 / 3 + 1) / 3)
    assert np.isnan(scores["recall"][2])


def test_a_class_that_is_never_told():
    scores = class_scores((["a", "b"], ["a", "a"]), CLASSES)
    assert scores["f1"][1] == 0
    assert np.isnan(scores["precision"][1])
    assert np.isnan(scores["f1"][2])  # of which there is no cell at all


def test_mean_sd():
    assert mean_sd([1, 2, np.nan, 3]) == (2, 1)
    mean, deviation = mean_sd([5])
    assert mean == 5
    assert np.isnan(deviation)  # which one value does not tell
    assert all(np.isnan(mean_sd([np.nan])))

"""Logistic regression as arrays says what scikit-learn says."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dispr.errors import ConfigError
from dispr.recognition.linear import linear_from, linear_of, within_reach


@pytest.mark.parametrize("classes", [2, 4])
def test_it_says_the_same(classes):
    rng = np.random.default_rng(classes)
    labels = np.arange(120) % classes
    rows = rng.normal(0, 1, (120, 5)) + labels[:, None] * [1, 0.5, 0, 0, 0.2]
    rows = within_reach(rows)
    classifier = LogisticRegression().fit(rows, labels)
    linear = linear_of(classifier)
    np.testing.assert_allclose(linear.probabilities(rows), classifier.predict_proba(rows))
    far = np.array([[50.0, -50, 0, 0, 1]])
    near = np.array([[3.0, -3, 0, 0, 1]])
    np.testing.assert_array_equal(linear.probabilities(far), linear.probabilities(near))
    again = linear_from(linear.arrays(), 5, classes)
    np.testing.assert_array_equal(again.probabilities(rows), linear.probabilities(rows))
    with pytest.raises(ConfigError):
        linear_from(linear.arrays(), 4, classes)
    with pytest.raises(ConfigError):
        linear_from({**linear.arrays(), "start": np.full(classes, np.inf)}, 5, classes)

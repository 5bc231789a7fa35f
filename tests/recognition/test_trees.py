"""Trees as arrays say what scikit-learn says."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from dispr.errors import ConfigError
from dispr.recognition.trees import trees_from, trees_of


def made_up(classes, n=150):
    rng = np.random.default_rng(classes)
    labels = np.arange(n) % classes
    return rng.normal(0, 1, (n, 5)) + labels[:, None] * [1, 0.5, 0, 0, 0.2], labels


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kind", ["forest", "boosting"])
def test_they_say_the_same(kind, classes):
    rows, labels = made_up(classes)
    make = (
        RandomForestClassifier(n_estimators=20, random_state=0)
        if kind == "forest"
        else HistGradientBoostingClassifier(max_iter=15, random_state=0)
    )
    classifier = make.fit(rows, labels)
    trees = trees_of(classifier, rows)
    new = np.random.default_rng(9).normal(1, 3, (200, 5))
    found = trees.probabilities(new)
    np.testing.assert_allclose(found, classifier.predict_proba(new), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    again = trees_from(trees.arrays(), 5, classes)
    np.testing.assert_array_equal(again.probabilities(new), found)
    assert trees.probabilities(new[:0]).shape == (0, classes)


@pytest.mark.parametrize("wrong", ["left", "feature", "roots", "value", "threshold"])
def test_arrays_that_are_no_trees_are_refused(wrong):
    rows, labels = made_up(2)
    classifier = RandomForestClassifier(n_estimators=3, random_state=0).fit(rows, labels)
    arrays = trees_of(classifier, rows).arrays()
    changed = arrays[wrong].copy()
    if wrong == "left":
        changed[changed >= 0] = 0  # round in circles
    elif wrong == "feature":
        changed[changed >= 0] = 5
    elif wrong == "roots":
        changed[0] = len(arrays["left"])
    elif wrong == "value":
        changed[-1] = np.nan
    else:
        changed = changed.astype(np.float32)
    with pytest.raises(ConfigError):
        trees_from({**arrays, wrong: changed}, 5, 2)


def test_other_trees_are_not_kept():
    from dispr.errors import DisprError

    rows, labels = made_up(2)
    classifier = RandomForestClassifier(n_estimators=3, random_state=0).fit(rows, labels)
    classifier.predict_proba = lambda rows: np.full((len(rows), 2), 0.5)
    with pytest.raises(DisprError, match="scikit-learn"):
        trees_of(classifier, rows)

import dataclasses

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from dispr.errors import ConfigError
from dispr.study.classifier import Recipe, fit_fold, fit_rows, published_recipe
from dispr.study.feature_table import FeatureTable
from dispr.study.fold_data import FoldData, held_out_rows, labels_of, training_rows
from dispr.study.folds import Fold

QUICK = Recipe(trees=20, select_trees=20)


def told(fitted, rows):
    return np.array(fitted.classes)[fitted.probabilities(rows).argmax(axis=1)]


def test_the_feature_that_tells_is_selected_and_used(data):
    fitted = fit_fold(data, dataclasses.replace(QUICK, select=1.0))
    assert [fitted.columns[i] for i in fitted.chosen] == ["signal"]
    test = held_out_rows(data)
    assert (told(fitted, test) == labels_of(data, test)).mean() > 0.8


def test_boosting(data):
    fitted = fit_fold(data, Recipe(classifier="boosting", select=0))
    test = held_out_rows(data)
    assert (told(fitted, test) == labels_of(data, test)).mean() > 0.7
    probabilities = fitted.probabilities(test)
    assert probabilities.shape == (len(test), 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_filling_and_scaling_are_those_of_scikit_learn(data):
    rows = training_rows(data)
    values = rows.values.copy()
    values[::3, 0] = np.nan
    rows = dataclasses.replace(rows, values=values)
    fitted = fit_rows(rows, labels_of(data, rows), dataclasses.replace(QUICK, select=0))
    expected = StandardScaler().fit_transform(SimpleImputer().set_params(
        strategy="median").fit_transform(values))  # fmt: skip
    # The constant feature is never used.
    assert [fitted.columns[i] for i in fitted.chosen] == [
        "signal",
        *(f"noise_{i}" for i in range(4)),
    ]
    np.testing.assert_allclose(fitted.prepared(values), expected[:, :5], atol=1e-12)


def test_published_filling_and_threshold(data):
    recipe = published_recipe(6, trees=20, select_trees=20)
    assert recipe.select / 6 == pytest.approx(0.015)
    rows = training_rows(data)
    values = rows.values.copy()
    values[0, 0] = np.nan
    rows = dataclasses.replace(rows, values=values)
    fitted = fit_rows(rows, labels_of(data, rows), recipe)
    assert fitted.prepared(values)[0, 0] == pytest.approx(-fitted.mean[0] / fitted.deviation[0])


def test_a_feature_that_no_training_cell_has(data):
    base = data.base
    empty = np.hstack([base.values, np.full((len(base), 1), np.nan)])
    base = FeatureTable(base.names, (*base.columns, "empty"), empty, base.samples)
    fitted = fit_fold(dataclasses.replace(data, base=base, extra=None), QUICK)
    assert "empty" not in [fitted.columns[i] for i in fitted.chosen]


def test_training_is_balanced_after_the_extra_rows(data):
    rows = training_rows(data)
    fitted = fit_fold(data, QUICK)
    assert len(rows) > len(data.fold.train)
    _, counts = np.unique(fitted.trained_labels, return_counts=True)
    assert len(set(counts)) == 1
    plain = fit_fold(data, dataclasses.replace(QUICK, oversampling="none"))
    assert len(plain.trained) == len(rows)


def test_same_seed_same_classifier(data):
    first, second = fit_fold(data, QUICK), fit_fold(data, QUICK)
    for step, values in first.state().items():
        np.testing.assert_array_equal(values, second.state()[step])
    other = fit_fold(data, dataclasses.replace(QUICK, seed=1))
    assert not np.array_equal(first.trained, other.trained)


def test_extra_rows_are_those_of_the_minority_in_training(data):
    rows = training_rows(data)
    extra = rows.names[len(data.fold.train) :]
    expected = {
        name for name in data.fold.train if data.labels[name] in ("keratocytes", "knizocytes")
    }
    assert set(extra) == expected
    assert len(extra) == 3 * len(expected)
    others = dataclasses.replace(data, extra_classes=("cell_clusters",))
    assert {data.labels[n] for n in training_rows(others).names[len(data.fold.train) :]} == {
        "cell_clusters"
    }


def test_every_cell_needs_one_row(data):
    with pytest.raises(ConfigError, match="no features of "):
        training_rows(dataclasses.replace(data, base=data.base.take(range(5))))
    doubled = data.base.below(data.base)
    with pytest.raises(ConfigError, match="two rows of features of one cell"):
        held_out_rows(dataclasses.replace(data, base=doubled))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"classifier": "svm"}, 'one of forest, boosting, linear, not "svm"'),
        ({"fill": "mean"}, "fill must be"),
        ({"oversampling": "adasyn"}, "oversampling must be"),
        ({"trees": 0}, "at least one tree"),
        ({"select": -1.0}, "select must be 0 or more"),
    ],
)
def test_bad_recipes(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Recipe(**settings)


def test_one_class_cannot_be_learned(make_table, names):
    discocytes = tuple(name for name in names if "discocyte" in name)
    fold = Fold(0, 0, discocytes[:10], discocytes[10:])
    with pytest.raises(ConfigError, match="of only one class"):
        fit_fold(FoldData.of(fold, make_table(discocytes)), QUICK)


def test_other_features_are_refused(data):
    fitted = fit_fold(data, QUICK)
    with pytest.raises(ConfigError, match="other features"):
        fitted.probabilities(data.base.with_prefix("x_"))

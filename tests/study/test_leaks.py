"""Leaks that are planted in the fitting of a fold must be caught, and the real one must pass."""

import dataclasses

import numpy as np
import pytest
from sklearn.feature_selection import f_classif

from dispr.study import classifier as steps
from dispr.study import fold_data
from dispr.study.classifier import Recipe, fit_fold, fit_rows
from dispr.study.cross_validation import classify_fold
from dispr.study.feature_table import FeatureTable
from dispr.study.fold_data import labels_of, training_rows
from dispr.study.leaks import LeakError, check_fold, spoiled
from dispr.study.oversampling import oversample

# Filling by zero, so that what crosses shows in the step where it does.
QUICK = Recipe(trees=10, select_trees=10, fill="zero")
BOOSTING = Recipe(classifier="boosting", select_trees=10)


def all_cells(data):
    """Give rows of every cell, as the published notebooks use before the split."""
    return data.base.rows_of([*data.fold.train, *data.fold.test])


def with_values(data, change):
    """Change the features of all tables."""

    def changed(table):
        return None if table is None else dataclasses.replace(table, values=change(table.values))

    return dataclasses.replace(data, base=changed(data.base), extra=changed(data.extra))


def scaler_of_all_cells(data, recipe):
    """Scale by mean and deviation of training and test cells, then go on as it should be."""
    values = all_cells(data).values
    mean, deviation = values.mean(axis=0), values.std(axis=0) + 1e-9
    return fit_fold(with_values(data, lambda v: (v - mean) / deviation), recipe)


def ranks_among_all_cells(data, recipe):
    """Replace features by their rank among all cells: a scaling that is bounded."""
    values = np.sort(all_cells(data).values, axis=0)

    def ranked(table_values):
        columns = zip(values.T, table_values.T, strict=True)
        return np.stack([np.searchsorted(known, v) for known, v in columns], axis=1) / len(values)

    return fit_fold(with_values(data, ranked), recipe)


def gaps_filled_from_all_cells(data, recipe):
    medians = np.nanmedian(all_cells(data).values, axis=0)
    return fit_fold(with_values(data, lambda v: np.where(np.isnan(v), medians, v)), recipe)


def selection_on_all_cells(data, recipe):
    """Keep the two features that tell the classes of all cells best."""
    everyone = all_cells(data)
    scores, _ = f_classif(everyone.values[:, :5], labels_of(data, everyone))
    fitted = fit_fold(data, recipe)
    fitted = dataclasses.replace(fitted, chosen=np.argsort(scores)[-2:])
    rows = training_rows(data)
    trained, labels = fitted.prepared(rows.values), labels_of(data, rows)
    classifier = steps._classifier(recipe).fit(trained, labels)
    return dataclasses.replace(
        fitted, classifier=classifier, trained=trained, trained_labels=labels
    )


def oversampling_of_all_cells(data, recipe):
    """Make rows between neighbours before the split, and train on them."""
    everyone = all_cells(data)
    labels = labels_of(data, everyone)
    rng = np.random.default_rng(0)
    made, made_labels = oversample(everyone.values, labels, "smote", rng)
    known = training_rows(dataclasses.replace(data, extra=None))
    new = made[len(everyone) :]
    table = FeatureTable(
        # The new rows bear no name of a cell, so that only their content tells.
        known.names + ("made",) * len(new),
        known.columns,
        np.vstack([known.values, new]),
        known.samples + (-1,) * len(new),
    )
    return fit_rows(
        table, np.concatenate([labels_of(data, known), made_labels[len(everyone) :]]), recipe
    )


def rows_with(data, more, recipe, name=None):
    known = training_rows(data)
    labels = np.concatenate([labels_of(data, known), labels_of(data, more)])
    if name is not None:
        more = dataclasses.replace(more, names=(name,) * len(more))
    return fit_rows(known.below(more), labels, recipe)


def extra_rows_of_test_cells(data, recipe):
    """Take the predicted shapes of all minority cells, as if there were no folds."""
    minority = [n for n in data.fold.test if data.labels[n] in data.extra_classes]
    return rows_with(data, data.extra.rows_of(minority), recipe)


def disguised_extra_rows(data, recipe):
    """Do the same under the name of a training cell."""
    minority = [n for n in data.fold.test if data.labels[n] in data.extra_classes]
    name = next(n for n in data.fold.train if data.labels[n] in data.extra_classes)
    return rows_with(data, data.extra.rows_of(minority), recipe, name)


def a_test_cell_in_training(data, recipe):
    return rows_with(data, data.base.rows_of(data.fold.test[:1]), recipe, data.fold.train[0])


def only_a_class_of_a_test_cell(data, recipe):
    """Let the number of trees depend on the class of one test cell."""
    trees = 5 + sorted(set(data.labels.values())).index(data.labels[data.fold.test[0]])
    return fit_fold(data, dataclasses.replace(recipe, trees=trees))


def classifier_of_all_cells(data, recipe):
    """Leave the rows as they should be, and fit the classifier to all cells."""
    fitted = fit_fold(data, recipe)
    everyone = all_cells(data)
    classifier = steps._classifier(recipe)
    classifier.fit(fitted.prepared(everyone.values), labels_of(data, everyone))
    return dataclasses.replace(fitted, classifier=classifier)


@pytest.mark.parametrize("recipe", [QUICK, BOOSTING], ids=["forest", "boosting"])
@pytest.mark.parametrize("oversampling", ["smote", "random", "none"])
def test_no_leak(data, recipe, oversampling):
    check_fold(data, dataclasses.replace(recipe, oversampling=oversampling))


def test_no_leak_with_gaps(data):
    rng = np.random.default_rng(0)
    gaps = with_values(data, lambda v: np.where(rng.random(v.shape) < 0.1, np.nan, v))
    check_fold(gaps, QUICK)


@pytest.mark.parametrize(
    ("leak", "what"),
    [
        (scaler_of_all_cells, "scaling"),
        (ranks_among_all_cells, "scaling"),
        (selection_on_all_cells, "selection"),
        (oversampling_of_all_cells, "scaling"),
        (extra_rows_of_test_cells, "rows of its test cell"),
        (disguised_extra_rows, "scaling"),
        (a_test_cell_in_training, "scaling"),
        (only_a_class_of_a_test_cell, "classifier"),
        (classifier_of_all_cells, "classifier"),
    ],
)
def test_planted_leaks_are_caught(data, leak, what):
    with pytest.raises(LeakError, match=what):
        check_fold(data, QUICK, leak)


def test_a_leak_of_the_filling_is_caught(data):
    rng = np.random.default_rng(0)
    gaps = with_values(data, lambda v: np.where(rng.random(v.shape) < 0.1, np.nan, v))
    check_fold(gaps, dataclasses.replace(QUICK, fill="median"))
    with pytest.raises(LeakError, match="filling"):
        check_fold(gaps, dataclasses.replace(QUICK, fill="median"), gaps_filled_from_all_cells)


def test_the_experiment_stops_at_a_leak(data):
    with pytest.raises(LeakError, match="scaling"):
        classify_fold("2d", data, QUICK, audit=True, fit=scaler_of_all_cells)
    # Rows that bear a test cell's name are refused without the audit too.
    with pytest.raises(LeakError, match="rows of its test cell"):
        classify_fold("2d", data, QUICK, fit=extra_rows_of_test_cells)


def test_a_leak_in_the_choice_of_rows_is_caught(data, monkeypatch):
    """What `training_rows` itself gets wrong is caught, not only what is planted around it."""
    monkeypatch.setattr(
        steps,
        "training_rows",
        lambda data: fold_data.training_rows(data).below(data.base.rows_of(data.fold.test[-1:])),
    )
    with pytest.raises(LeakError, match="rows of its test cell"):
        check_fold(data, QUICK)


def test_spoiling_leaves_the_training_cells_alone(data):
    nonsense = spoiled(data)
    for table, other in ((data.base, nonsense.base), (data.extra, nonsense.extra)):
        train, test = data.fold.train, data.fold.test
        np.testing.assert_array_equal(table.rows_of(train).values, other.rows_of(train).values)
        assert (table.rows_of(test).values != other.rows_of(test).values).all()
    assert all(nonsense.labels[name] == data.labels[name] for name in data.fold.train)
    assert all(nonsense.labels[name] != data.labels[name] for name in data.fold.test)

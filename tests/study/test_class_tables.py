import dataclasses

import numpy as np
import pytest

from dispr.errors import ConfigError
from dispr.study import class_tables as tables
from dispr.study.classifier import Recipe, fit_fold
from dispr.study.cross_validation import FoldResult, classify_fold
from dispr.study.figures import write_class_figures
from dispr.study.importances import importances
from dispr.study.report import markdown

A, B = "SDE", "keratocytes"


def result(source, repeat, fold, truth, predicted):
    return FoldResult(
        source,
        "forest",
        repeat,
        fold,
        tuple(f"{name}{i}" for i, name in enumerate(truth)),
        tuple(truth),
        tuple(predicted),
        (A, B),
        ((0.75, 0.25),) * len(truth),
        10,
        0,
        3,
        {"x": 0.7 if fold else 0.5, "y": 0.0},
        "impurity",
        fold == 0,
    )


RESULTS = [
    result("2d", 0, 0, [A, A, B], [A, B, B]),
    result("2d", 0, 1, [A, A, A], [A, A, B]),
    result("truth", 0, 0, [A, A, B], [A, A, B]),
    result("truth", 0, 1, [A, A, A], [A, A, B]),
]


def test_folds_and_pooled_scores_by_hand():
    section, truth = tables.summary(RESULTS)
    # Fold 0: F1 of A 2/3, of B 2/3. Fold 1: of A 4/5; B is not tested.
    assert section["macro_f1_mean"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert section["macro_f1_sd"] == pytest.approx(np.std([2 / 3, 4 / 5], ddof=1))
    # Together: A 3 of 5 right, none wrongly taken for it; B 1 of 1, two wrongly.
    assert section["pooled_macro_f1_mean"] == pytest.approx((6 / 8 + 2 / 4) / 2)
    assert np.isnan(section["pooled_macro_f1_sd"])  # one repeat tells none
    assert truth["accuracy_mean"] == pytest.approx((1 + 2 / 3) / 2)


def test_gains_fold_by_fold():
    (gain,) = tables.gains(RESULTS)
    assert (gain["features"], gain["compared_with"], gain["folds"]) == ("truth", "2d", 2)
    assert gain["macro_f1_gain_mean"] == pytest.approx((1 / 3 + 0) / 2)
    # Two folds of one repeat: a test part is as large as a training part.
    assert gain["macro_f1_gain_error"] == pytest.approx(gain["macro_f1_gain_sd"] * 1.5**0.5)
    assert gain["folds_higher"] == 0.5
    assert gain["pooled_macro_f1_gain_mean"] > 0
    assert tables.gains(RESULTS[:2]) == []


def test_classes_and_confusion():
    rows = tables.class_rows(RESULTS)
    assert [(r["features"], r["class"], r["cells"]) for r in rows] == [
        ("2d", A, 5),
        ("2d", B, 1),
        ("truth", A, 5),
        ("truth", B, 1),
    ]
    assert rows[0]["recall_mean"] == pytest.approx(3 / 5)
    assert rows[1]["precision_mean"] == pytest.approx(1 / 3)
    counts = tables.confusion_rows(RESULTS)
    assert counts[0] == {
        "classifier": "forest",
        "features": "2d",
        "true_class": A,
        A: 3,
        B: 2,
    }


def test_importances_over_folds():
    first, second, *_ = tables.importance_rows(RESULTS)
    assert (first["feature"], first["folds_used"]) == ("x", 2)
    assert first["importance_mean"] == pytest.approx(0.6)
    assert (second["feature"], second["folds_used"]) == ("y", 0)


def test_cells():
    rows = tables.cell_rows(RESULTS)
    assert len(rows) == 12
    assert rows[1]["predicted"] == B
    assert (rows[1]["p_SDE"], rows[1]["p_keratocytes"]) == (0.75, 0.25)


def test_report():
    text = markdown(RESULTS, ["Made up."])
    assert "- Made up." in text
    assert "2 of 4 fits were repeated" in text
    assert "| forest       | 2d         | 73.3 ± 9.4" in text
    assert "+16.7 ± 23.6" in text
    assert "SDE (5)" in text


def test_pictures_of_two_classifiers(tmp_path):
    boosted = [dataclasses.replace(r, classifier="boosting") for r in RESULTS]
    for path in write_class_figures(tmp_path, [*RESULTS, *boosted]):
        assert path.stat().st_size > 5000


def test_importances_of_a_fold(data):
    recipe = Recipe(trees=30, select_trees=30, select=0)
    fitted = fit_fold(data, recipe)
    by_impurity = importances(fitted, data)
    assert sum(by_impurity.values()) == pytest.approx(1)
    by_permutation = importances(fitted, data, "permutation")
    for found in (by_impurity, by_permutation):
        assert found.keys() == set(data.base.columns)
        assert max(found, key=lambda name: found[name]) == "signal"
        assert found["constant"] == 0
    with pytest.raises(ConfigError, match="impurity or permutation"):
        importances(fitted, data, "shap")
    boosting = Recipe(classifier="boosting", select_trees=10)
    with pytest.raises(ConfigError, match="has no impurity importances"):
        importances(fit_fold(data, boosting), data)


def test_result_of_a_fold(data):
    found = classify_fold("augmented", data, Recipe(trees=20, select_trees=20), audit=True)
    assert found.names == data.base.rows_of(data.fold.test).names
    assert found.truth == tuple(data.labels[name] for name in found.names)
    assert found.training_cells == len(data.fold.train)
    assert found.extra_rows > 0
    assert found.audited
    best = [found.classes[int(np.argmax(row))] for row in found.probabilities]
    assert list(found.predicted) == best

"""From the results of folds to tables of means and standard deviations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dispr.cells.classes import CLASSES
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
from dispr.study.cross_validation import FoldResult
from dispr.study.feature_sources import COMPARED_WITH

SCORES = {"macro_f1": macro_f1, "weighted_f1": weighted_f1, "accuracy": accuracy}

Group = tuple[str, str]
"""Classifier and source."""


def grouped(results: Iterable[FoldResult]) -> dict[Group, list[FoldResult]]:
    """Sort results by classifier and source, in order of appearance."""
    groups: dict[Group, list[FoldResult]] = {}
    for result in results:
        groups.setdefault((result.classifier, result.source), []).append(result)
    return groups


def present_classes(results: Iterable[FoldResult]) -> tuple[str, ...]:
    """Give the classes that cells are of or were taken for, in the published order."""
    found = {name for result in results for name in (*result.truth, *result.predicted)}
    return tuple(name for name in CLASSES if name in found)


def pooled(results: Sequence[FoldResult], classes: Sequence[str]) -> list[np.ndarray]:
    """Give the confusion matrix of all cells of each repeat, every one tested once."""
    by_repeat: dict[int, np.ndarray] = {}
    for result in results:
        counts = confusion(result.truth, result.predicted, classes)
        by_repeat[result.repeat] = by_repeat.get(result.repeat, 0) + counts
    return [by_repeat[repeat] for repeat in sorted(by_repeat)]


def fold_scores(results: Sequence[FoldResult]) -> list[dict[str, Any]]:
    """Score each fold: macro and weighted F1, accuracy; cells, extra rows, features selected."""
    classes = present_classes(results)
    rows = []
    for result in results:
        counts = confusion(result.truth, result.predicted, classes)
        rows.append(
            {
                "classifier": result.classifier,
                "features": result.source,
                "repeat": result.repeat,
                "fold": result.fold,
                "test_cells": len(result.names),
                "training_cells": result.training_cells,
                "extra_rows": result.extra_rows,
                "features_selected": result.selected,
                "classes_tested": len(set(result.truth)),
                **{name: score(counts) for name, score in SCORES.items()},
            }
        )
    return rows


def summary(results: Sequence[FoldResult]) -> list[dict[str, Any]]:
    """Mean and standard deviation of the scores, for each classifier and source.

    Returns
    -------
    list of dict
        classifier, features, folds, and of each of `SCORES`: `<score>_mean` and `<score>_sd` over
        all folds of all repeats, as the field gives them, and `pooled_<score>_mean` and
        `pooled_<score>_sd` over the repeats, each the score of all cells together. Where a class
        is missing from the test part of a fold, its macro F1 is over the others and easier; the
        pooled one is always over all classes.
    """
    classes = present_classes(results)
    rows = []
    for (classifier, source), of in grouped(results).items():
        row: dict[str, Any] = {"classifier": classifier, "features": source, "folds": len(of)}
        each = [confusion(r.truth, r.predicted, classes) for r in of]
        together = pooled(of, classes)
        for name, score in SCORES.items():
            row[f"{name}_mean"], row[f"{name}_sd"] = mean_sd([score(counts) for counts in each])
            name = f"pooled_{name}"
            row[f"{name}_mean"], row[f"{name}_sd"] = mean_sd([score(counts) for counts in together])
        rows.append(row)
    return rows


def class_scores(results: Sequence[FoldResult]) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each class: mean and deviation over the pooled repeats."""
    classes = present_classes(results)
    rows = []
    for (classifier, source), of in grouped(results).items():
        together = pooled(of, classes)
        for i, name in enumerate(classes):
            row: dict[str, Any] = {
                "classifier": classifier,
                "features": source,
                "class": name,
                "cells": int(together[0][i].sum()),
            }
            for what, score in (("precision", precision), ("recall", recall), ("f1", f1)):
                row[f"{what}_mean"], row[f"{what}_sd"] = mean_sd([score(c)[i] for c in together])
            rows.append(row)
    return rows


def confusion_rows(results: Sequence[FoldResult]) -> list[dict[str, Any]]:
    """Count cells by true and predicted class, over all repeats."""
    classes = present_classes(results)
    rows = []
    for (classifier, source), of in grouped(results).items():
        counts = sum(pooled(of, classes), np.zeros((len(classes),) * 2, int))
        for name, line in zip(classes, counts, strict=True):
            taken_for = dict(zip(classes, (int(n) for n in line), strict=True))
            rows.append(
                {"classifier": classifier, "features": source, "true_class": name, **taken_for}
            )
    return rows


def gains(results: Sequence[FoldResult]) -> list[dict[str, Any]]:
    """Compare each source with what it adds to (`COMPARED_WITH`), fold by fold.

    Returns
    -------
    list of dict
        classifier, features, compared_with, folds, and mean and standard deviation of the
        differences of macro F1 over the folds, the share of folds where it is higher, and the
        same of the pooled repeats.
    """
    classes = present_classes(results)
    groups = grouped(results)
    rows = []
    for (classifier, source), of in groups.items():
        other = groups.get((classifier, COMPARED_WITH.get(source, "")))
        if other is None:
            continue
        places = {(r.repeat, r.fold): _macro(r, classes) for r in other}
        differences = np.array([_macro(r, classes) - places[(r.repeat, r.fold)] for r in of])
        together = np.array(
            [
                macro_f1(mine) - macro_f1(theirs)
                for mine, theirs in zip(pooled(of, classes), pooled(other, classes), strict=True)
            ]
        )
        mean, deviation = mean_sd(differences)
        pooled_mean, pooled_deviation = mean_sd(together)
        rows.append(
            {
                "classifier": classifier,
                "features": source,
                "compared_with": COMPARED_WITH[source],
                "folds": len(differences),
                "macro_f1_gain_mean": mean,
                "macro_f1_gain_sd": deviation,
                "folds_higher": float((differences > 0).mean()),
                "pooled_macro_f1_gain_mean": pooled_mean,
                "pooled_macro_f1_gain_sd": pooled_deviation,
            }
        )
    return rows


def importance_rows(results: Sequence[FoldResult]) -> list[dict[str, Any]]:
    """Mean and standard deviation of each feature's importance over the folds, highest first."""
    rows = []
    for (classifier, source), of in grouped(results).items():
        found: list[dict[str, Any]] = []
        for feature in of[0].importance:
            values = [result.importance.get(feature, 0.0) for result in of]
            mean, deviation = mean_sd(values)
            found.append(
                {
                    "classifier": classifier,
                    "features": source,
                    "feature": feature,
                    "kind": of[0].importance_kind,
                    "importance_mean": mean,
                    "importance_sd": deviation,
                    "folds_used": sum(value != 0 for value in values),
                }
            )
        rows += sorted(found, key=lambda row: -row["importance_mean"])
    return rows


def cell_rows(results: Sequence[FoldResult]) -> list[dict[str, Any]]:
    """List every test cell: its class, what it was taken for, and the probabilities."""
    classes = present_classes(results)
    rows = []
    for result in results:
        for name, true, found, likely in zip(
            result.names, result.truth, result.predicted, result.probabilities, strict=True
        ):
            known: Mapping[str, float] = dict(zip(result.classes, likely, strict=True))
            rows.append(
                {
                    "classifier": result.classifier,
                    "features": result.source,
                    "repeat": result.repeat,
                    "fold": result.fold,
                    "name": name,
                    "class": true,
                    "predicted": found,
                    **{f"p_{c}": known.get(c, 0.0) for c in classes},
                }
            )
    return rows


def _macro(result: FoldResult, classes: Sequence[str]) -> float:
    return macro_f1(confusion(result.truth, result.predicted, classes))

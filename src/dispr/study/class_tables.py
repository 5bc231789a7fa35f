"""From the results of folds to tables of means and standard deviations.

The rows of a table begin with `classifier` and `features`, the source of features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from dispr.cells.classes import CLASSES
from dispr.study.class_scores import (
    SCORES,
    Told,
    class_scores,
    mean_sd_columns,
    overall_scores,
)
from dispr.study.cross_validation import FoldResult
from dispr.study.settings import COMPARED_WITH

Results = Sequence[FoldResult]
Row = dict[str, Any]


def grouped(results: Results) -> dict[tuple[str, str], list[FoldResult]]:
    """Sort results by classifier and source, in order of appearance."""
    groups: dict[tuple[str, str], list[FoldResult]] = {}
    for result in results:
        groups.setdefault((result.classifier, result.source), []).append(result)
    return groups


def present_classes(results: Results) -> list[str]:
    """Give the classes that cells are of or were taken for, in the published order."""
    found = {name for result in results for name in (*result.truth, *result.predicted)}
    return [name for name in CLASSES if name in found]


def together(results: Results) -> Told:
    """Give the true and predicted classes of all test cells."""
    truth, predicted = zip(*(result.told for result in results), strict=True)
    return list(chain(*truth)), list(chain(*predicted))


def pooled(results: Results) -> list[Told]:
    """Give those of each repeat, in which every cell is tested once."""
    repeats = sorted({result.repeat for result in results})
    return [together([r for r in results if r.repeat == repeat]) for repeat in repeats]


def macro_f1(told: Told) -> float:
    """Mean F1 over the classes that have test cells, 0 to 1."""
    return overall_scores(told)["macro_f1"]


def fold_scores(results: Results) -> list[Row]:
    """Score each fold: macro and weighted F1, accuracy; cells, extra rows, features selected."""
    return _table(results, lambda of: map(_fold_row, of))


def summary(results: Results) -> list[Row]:
    """Mean and standard deviation of the scores, for each classifier and source.

    Of each of `SCORES`, `<score>_mean` and `<score>_sd` are over all folds of all repeats, as the
    field gives them, and `pooled_<score>_mean` and `pooled_<score>_sd` over the repeats, each the
    score of all cells together. Where a class is missing from the test part of a fold, its macro F1
    is over the others and easier; the pooled one is always over all classes.
    """

    def row(of: Results) -> Iterator[Row]:
        found: Row = {"folds": len(of)}
        each = [overall_scores(r.told) for r in of]
        whole = [overall_scores(told) for told in pooled(of)]
        for name in SCORES:
            found |= mean_sd_columns(name, [scores[name] for scores in each])
            found |= mean_sd_columns(f"pooled_{name}", [scores[name] for scores in whole])
        yield found

    return _table(results, row)


def class_rows(results: Results) -> list[Row]:
    """Precision, recall and F1 of each class: mean and deviation over the pooled repeats."""
    classes = present_classes(results)

    def rows(of: Results) -> Iterator[Row]:
        scores = [class_scores(told, classes) for told in pooled(of)]
        for i, name in enumerate(classes):
            row: Row = {"class": name, "cells": int(scores[0]["cells"][i])}
            for what in ("precision", "recall", "f1"):
                row |= mean_sd_columns(what, [found[what][i] for found in scores])
            yield row

    return _table(results, rows)


def confusion_rows(results: Results) -> list[Row]:
    """Count cells by true and predicted class, over all repeats."""
    from sklearn.metrics import confusion_matrix

    classes = present_classes(results)

    def rows(of: Results) -> Iterator[Row]:
        counts = confusion_matrix(*together(of), labels=classes).tolist()
        for name, line in zip(classes, counts, strict=True):
            yield {"true_class": name, **dict(zip(classes, line, strict=True))}

    return _table(results, rows)


def gains(results: Results) -> list[Row]:
    """Compare each source with what it adds to (`COMPARED_WITH`), fold by fold.

    Mean and standard deviation of the differences of macro F1 over the folds;
    `macro_f1_gain_error`, the standard error of the mean (corrected resampled t-test, Nadeau and
    Bengio 2003, doi 10.1023/A:1024068626366); the share of folds where it is higher; mean and
    standard deviation of the pooled repeats.
    """
    groups = grouped(results)

    def row(of: Results) -> Iterator[Row]:
        compared = COMPARED_WITH.get(of[0].source, "")
        other = groups.get((of[0].classifier, compared))
        if other is None:
            return
        before = {(r.repeat, r.fold): macro_f1(r.told) for r in other}
        gained = np.array([macro_f1(r.told) - before[(r.repeat, r.fold)] for r in of])
        whole = [macro_f1(a) - macro_f1(b) for a, b in zip(pooled(of), pooled(other), strict=True)]
        yield {
            "compared_with": compared,
            "folds": len(gained),
            **mean_sd_columns("macro_f1_gain", gained),
            "macro_f1_gain_error": _error_of_gain(gained, len({r.fold for r in of})),
            "folds_higher": float((gained > 0).mean()),
            **mean_sd_columns("pooled_macro_f1_gain", whole),
        }

    return _table(results, row)


def _error_of_gain(gained: np.ndarray, folds: int) -> float:
    """Give the standard error of the mean of gains in folds, which share training cells."""
    if len(gained) < 2:
        return float("nan")
    return float(gained.std(ddof=1) * np.sqrt(1 / len(gained) + 1 / (folds - 1)))


def importance_rows(results: Results) -> list[Row]:
    """Mean and standard deviation of each feature's importance over the folds, highest first."""

    def rows(of: Results) -> list[Row]:
        found = []
        for feature in of[0].importance:
            values = [result.importance.get(feature, 0.0) for result in of]
            found.append(
                {
                    "feature": feature,
                    "kind": of[0].importance_kind,
                    **mean_sd_columns("importance", values),
                    "folds_used": sum(value != 0 for value in values),
                }
            )
        return sorted(found, key=lambda row: -row["importance_mean"])

    return _table(results, rows)


def cell_rows(results: Results) -> list[Row]:
    """List every test cell: its class, what it was taken for, and the probabilities."""
    classes = present_classes(results)

    def rows(of: Results) -> Iterator[Row]:
        for r in of:
            for name, true, found, likely in zip(
                r.names, r.truth, r.predicted, r.probabilities, strict=True
            ):
                known = dict(zip(r.classes, likely, strict=True))
                yield {
                    "repeat": r.repeat,
                    "fold": r.fold,
                    "name": name,
                    "class": true,
                    "predicted": found,
                    **{f"p_{c}": known.get(c, 0.0) for c in classes},
                }

    return _table(results, rows)


def _table(results: Results, rows_of: Callable[[Results], Iterable[Row]]) -> list[Row]:
    return [
        {"classifier": classifier, "features": source, **row}
        for (classifier, source), of in grouped(results).items()
        for row in rows_of(of)
    ]


def _fold_row(result: FoldResult) -> Row:
    return {
        "repeat": result.repeat,
        "fold": result.fold,
        "test_cells": len(result.names),
        "training_cells": result.training_cells,
        "extra_rows": result.extra_rows,
        "features_selected": result.selected,
        "classes_tested": len(set(result.truth)),
        **overall_scores(result.told),
    }

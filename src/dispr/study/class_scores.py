"""How well classes were told: precision, recall and F1 by scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Told = tuple[Sequence[str], Sequence[str]]
"""The classes of cells, and the classes that they were taken for."""

SCORES = ("macro_f1", "weighted_f1", "accuracy")


def class_scores(told: Told, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """Give `precision`, `recall` and `f1` of each class, (classes,), and the number of `cells`.

    NaN stands for what there are no cells to tell: the precision of a class that none was taken
    for, recall and F1 of a class without test cells.
    """
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, cells = precision_recall_fscore_support(
        *told, labels=list(classes), zero_division=np.nan
    )
    # Scikit-learn's F1 is 0 where cells were taken for a class that none is of.
    f1 = np.where(cells > 0, f1, np.nan)
    return {"precision": precision, "recall": recall, "f1": f1, "cells": cells}


def overall_scores(told: Told) -> dict[str, float]:
    """Give `SCORES`, 0 to 1: F1, its mean over the classes that have test cells, and accuracy.

    The weighted mean counts each class by its test cells.
    """
    from sklearn.metrics import accuracy_score

    scores = class_scores(told, sorted(set(told[0])))
    macro, weighted = scores["f1"].mean(), np.average(scores["f1"], weights=scores["cells"])
    return dict(zip(SCORES, map(float, (macro, weighted, accuracy_score(*told))), strict=True))


def mean_sd(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of a sample (n - 1) over what is not NaN.

    NaN stands for what so few values do not tell: the deviation of one, and both of none.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    mean = float(known.mean()) if len(known) else float("nan")
    return mean, float(known.std(ddof=1)) if len(known) > 1 else float("nan")


def mean_sd_columns(name: str, values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Give `mean_sd` as the columns `<name>_mean` and `<name>_sd` of a table."""
    return dict(zip((f"{name}_mean", f"{name}_sd"), mean_sd(values), strict=True))

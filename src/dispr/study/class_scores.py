"""How well classes were told: from counts of true and predicted classes to F1.

All scores come from a confusion matrix C, whose C[i, j] counts the cells of class i that were taken
for class j.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def confusion(truth: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Count cells by true (rows) and predicted class (columns), int, (classes, classes)."""
    place = {name: i for i, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), int)
    for true, found in zip(truth, predicted, strict=True):
        counts[place[true], place[found]] += 1
    return counts


def precision(counts: np.ndarray) -> np.ndarray:
    """Share of the cells taken for a class that are of it; NaN where none was."""
    return _ratio(np.diag(counts), counts.sum(axis=0))


def recall(counts: np.ndarray) -> np.ndarray:
    """Share of the cells of a class that were taken for it; NaN where there are none."""
    return _ratio(np.diag(counts), counts.sum(axis=1))


def f1(counts: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), for each class.

    0 where no cell of the class was told, NaN where the class has no test cell.
    """
    per_class = _ratio(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))
    return np.where(counts.sum(axis=1) > 0, per_class, np.nan)


def macro_f1(counts: np.ndarray) -> float:
    """Mean F1 over the classes that have test cells, 0 to 1."""
    return float(np.nanmean(f1(counts)))


def weighted_f1(counts: np.ndarray) -> float:
    """Mean F1 weighted by the number of test cells of each class, 0 to 1."""
    cells = counts.sum(axis=1)
    return float(np.nansum(f1(counts) * cells) / cells.sum())


def accuracy(counts: np.ndarray) -> float:
    """Share of cells told right, 0 to 1."""
    return float(np.trace(counts) / counts.sum())


def mean_sd(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of a sample (n - 1) over what is not NaN.

    NaN stands for what so few values do not tell: the deviation of one, and both of none.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    mean = float(known.mean()) if len(known) else float("nan")
    return mean, float(known.std(ddof=1)) if len(known) > 1 else float("nan")


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.where(below > 0, above / np.maximum(below, 1), np.nan)

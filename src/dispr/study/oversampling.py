"""Rows for rare classes: drawn again, or between neighbours (SMOTE)."""

from __future__ import annotations

import numpy as np

from dispr.errors import ConfigError

METHODS = ("smote", "random", "none")

NEIGHBOURS = 5
"""Neighbours of a row that SMOTE chooses from, as in the original paper."""


def oversample(
    values: np.ndarray, labels: np.ndarray, method: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Bring every class to the size of the largest.

    Parameters
    ----------
    values : ndarray
        Features of training rows alone, float, (N, F), without NaN.
    labels : ndarray
        Their classes, (N,).
    method : "smote", "random" or "none"
        "smote" puts new rows at random places on the lines from a row to one of its five nearest
        neighbours in its class (Chawla et al., JAIR 2002); of a class with fewer, to any of the
        others, and a class of one row is repeated. "random" repeats rows; "none" adds nothing.
    rng : numpy.random.Generator
        Draws the rows.

    Returns
    -------
    values, labels : ndarray
        The rows that were given, in their order, and the new ones after them.
    """
    if method not in METHODS:
        raise ConfigError(f'oversampling must be {", ".join(METHODS)}, not "{method}".')
    classes, counts = np.unique(labels, return_counts=True)
    new_values, new_labels = [values], [labels]
    for cell_class, count in zip(classes, counts, strict=True):
        missing = int(counts.max() - count)
        if method == "none" or not missing:
            continue
        rows = values[labels == cell_class]
        first = rng.integers(count, size=missing)
        made = rows[first]
        if method == "smote" and count > 1:
            near = neighbours(rows, min(NEIGHBOURS, int(count) - 1))
            second = near[first, rng.integers(near.shape[1], size=missing)]
            made = made + rng.random((missing, 1)) * (rows[second] - made)
        new_values.append(made)
        new_labels.append(np.repeat(cell_class, missing))
    return np.concatenate(new_values), np.concatenate(new_labels)


def neighbours(rows: np.ndarray, count: int) -> np.ndarray:
    """Give the nearest other rows of each row, int, (N, count), by Euclidean distance."""
    from sklearn.neighbors import NearestNeighbors

    # Without the rows themselves: of equal rows, each is a neighbour of the others.
    near: np.ndarray = (
        NearestNeighbors(n_neighbors=count).fit(rows).kneighbors(return_distance=False)
    )
    return near

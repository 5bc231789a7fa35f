"""From the probabilities of the twelve types of red blood cells to classes and a score."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dispr.cells.classes import class_of_type, score_of_type


def classes_in(types: Sequence[str]) -> tuple[str, ...]:
    """List the classes of types, sorted; a type of no published class is one by itself."""
    return tuple(sorted({class_of_type(name) or name for name in types}))


def summed(likely: np.ndarray, types: Sequence[str]) -> np.ndarray:
    """Sum the probabilities of types to those of classes, (N, T) to (N, C), as of `classes_in`."""
    classes = classes_in(types)
    of = [classes.index(class_of_type(name) or name) for name in types]
    result: np.ndarray = likely @ np.eye(len(classes))[of]
    return result


def sde_score(likely: np.ndarray, types: Sequence[str]) -> np.ndarray:
    """Give the expected score of each cell if it is an SDE cell.

    Parameters
    ----------
    likely : ndarray
        (N, T), the probability of each type.
    types : sequence of str
        (T,), such as "0.33_echinocyte_I".

    Returns
    -------
    ndarray
        (N,), from -1, spherocyte, over 0, discocyte, to 1, echinocyte III (Simionato et al. 2021,
        doi 10.1371/journal.pcbi.1008934); NaN where no type has a score.
    """
    scores = np.array([score_of_type(name) for name in types], float)
    known = np.isfinite(scores)
    total = likely[:, known].sum(axis=1)
    with np.errstate(invalid="ignore"):
        found: np.ndarray = np.where(total > 0, likely[:, known] @ scores[known] / total, math.nan)
    return found

"""Multinomial logistic regression as arrays: kept without code, the same without scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from dispr.errors import ConfigError

REACH = 3.0
"""Standard deviations from the mean; what is further off counts as this far."""


def within_reach(rows: np.ndarray) -> np.ndarray:
    """Give scaled features from -`REACH` to `REACH`."""
    return np.clip(rows, -REACH, REACH)


@dataclass(frozen=True, eq=False)
class Linear:
    """Weights of features and constants of classes.

    Attributes
    ----------
    weights : ndarray
        float64, (F, C).
    start : ndarray
        float64, (C,).
    """

    weights: np.ndarray
    start: np.ndarray

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Give the probability of each class for scaled features, (N, F) to (N, C)."""
        found: np.ndarray = softmax(within_reach(rows) @ self.weights + self.start, axis=1)
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the arrays by their names."""
        return {"weights": self.weights, "start": self.start}


def linear_of(classifier: Any) -> Linear:
    """Take the weights out of a `LogisticRegression` of scikit-learn that was fitted."""
    weights, start = classifier.coef_.T, classifier.intercept_
    if weights.shape[1] == 1:  # of two classes, only the second has weights
        weights, start = np.hstack([0 * weights, weights]), np.array([0.0, *start])
    return Linear(np.array(weights, np.float64), np.array(start, np.float64))


def linear_from(arrays: Mapping[str, np.ndarray], features: int, classes: int) -> Linear:
    """Make it from what `Linear.arrays` gave; ConfigError if these are other arrays."""
    found = Linear(arrays["weights"], arrays["start"])
    shapes = (found.weights.shape, found.start.shape)
    if shapes != ((features, classes), (classes,)) or not all(
        array.dtype == np.float64 and np.isfinite(array).all() for array in found.arrays().values()
    ):
        raise ConfigError("these are no weights of this classifier.")
    return found

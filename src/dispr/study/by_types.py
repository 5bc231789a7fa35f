"""Logistic regression of the types of cells, whose probabilities are summed to classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from dispr.recognition.linear import Linear, linear_of, within_reach
from dispr.recognition.types import classes_in, summed

PENALTY = 0.3
"""Inverse of the L2 penalty, C of scikit-learn. Chosen on the published training cells."""


class ByTypes:
    """A classifier with the methods of scikit-learn.

    Types are told apart, because those of one class need not look alike, and each counts as much
    as any other (balanced weights). Rows are of features that were scaled; what is further off than
    `linear.REACH` counts as this far.
    """

    def fit(self, rows: np.ndarray, types: np.ndarray) -> ByTypes:
        """Fit to rows (N, F) and the types of their cells, (N,), two at least."""
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=2000)
        self.linear: Linear = linear_of(model.fit(within_reach(rows), types))
        self.types = tuple(str(name) for name in model.classes_)
        self.classes_ = np.array(classes_in(self.types))
        return self

    def type_probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Give the probability of each of `types`, (N, F) to (N, T)."""
        return self.linear.probabilities(rows)

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """Give the probability of each of `classes_`, (N, F) to (N, C)."""
        return summed(self.type_probabilities(rows), self.types)

    def predict(self, rows: np.ndarray) -> Any:
        """Give the likeliest class of each row."""
        return self.classes_[self.predict_proba(rows).argmax(axis=1)]

"""Which features a classifier goes by."""

from __future__ import annotations

from typing import Any

import numpy as np

from dispr.errors import ConfigError
from dispr.study.class_scores import overall_scores
from dispr.study.classifier import Fitted
from dispr.study.fold_data import FoldData, held_out_rows, labels_of

KINDS = ("impurity", "permutation")

DRAWS = 5
"""Times that the values of a feature are dealt out anew."""


def importances(fitted: Fitted, data: FoldData, kind: str = "impurity") -> dict[str, float]:
    """Give the importance of each feature in one fold; 0 for those that were not selected.

    Parameters
    ----------
    fitted : Fitted
        The classifier.
    data : FoldData
        The fold that it was fitted to.
    kind : "impurity" or "permutation"
        "impurity": the mean decrease of Gini impurity in the forest's nodes, on training rows;
        adds up to 1, and favours features of many values. "permutation": how much the macro F1 of
        the test cells falls when the feature's values are dealt out anew among them, mean over
        `DRAWS`; features that say the same stand in for each other and share none. It uses the
        test cells to look at a classifier that is finished, not to make it.

    Raises
    ------
    ConfigError
        If the kind is unknown, or the classifier has no impurities (boosting).
    """
    if kind == "impurity":
        values = getattr(fitted.classifier, "feature_importances_", None)
        if values is None:
            raise ConfigError("gradient boosting has no impurity importances; use permutation.")
    elif kind == "permutation":
        values = _permuted(fitted, data)
    else:
        raise ConfigError(f'importances must be impurity or permutation, not "{kind}".')
    chosen = dict(zip(fitted.chosen, values, strict=True))
    return {name: float(chosen.get(i, 0.0)) for i, name in enumerate(fitted.columns)}


def _permuted(fitted: Fitted, data: FoldData) -> np.ndarray:
    from sklearn.inspection import permutation_importance

    def score(classifier: Any, values: np.ndarray, truth: np.ndarray) -> float:
        return overall_scores((list(truth), classifier.predict(values)))["macro_f1"]

    rows = held_out_rows(data)
    found = permutation_importance(
        fitted.classifier,
        fitted.prepared(rows.values),
        labels_of(data, rows),
        scoring=score,
        n_repeats=DRAWS,
        random_state=0,
    )
    return np.asarray(found.importances_mean)

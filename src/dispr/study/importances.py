"""Which features a classifier goes by."""

from __future__ import annotations

import numpy as np

from dispr.errors import ConfigError
from dispr.study.class_scores import confusion, macro_f1
from dispr.study.classifier import Fitted
from dispr.study.fold_data import FoldData, held_out_rows, labels_of

KINDS = ("impurity", "permutation")


def importances(
    fitted: Fitted, data: FoldData, kind: str = "impurity", draws: int = 5, seed: int = 0
) -> dict[str, float]:
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
        `draws`; features that say the same stand in for each other and share none. It uses the
        test cells to look at a classifier that is finished, not to make it.
    draws, seed : int
        Of permutations.

    Raises
    ------
    ConfigError
        If the kind is unknown, or the classifier has no impurities (boosting).
    """
    found = dict.fromkeys(fitted.columns, 0.0)
    if kind == "impurity":
        values = getattr(fitted.classifier, "feature_importances_", None)
        if values is None:
            raise ConfigError("gradient boosting has no impurities; ask for permutation.")
        for place, value in zip(fitted.chosen, values, strict=True):
            found[fitted.columns[place]] = float(value)
        return found
    if kind != "permutation":
        raise ConfigError(f'importances must be impurity or permutation, not "{kind}".')
    rows = held_out_rows(data)
    truth = list(labels_of(data, rows))
    classes = tuple(dict.fromkeys([*fitted.classes, *truth]))
    prepared = fitted.prepared(rows.values)

    def score(values: np.ndarray) -> float:
        places = fitted.classifier.predict_proba(values).argmax(axis=1)
        predicted = [fitted.classes[i] for i in places]
        return macro_f1(confusion(truth, predicted, classes))

    whole = score(prepared)
    rng = np.random.default_rng(seed)
    for k, place in enumerate(fitted.chosen):
        falls = []
        for _ in range(draws):
            shuffled = prepared.copy()
            shuffled[:, k] = rng.permutation(shuffled[:, k])
            falls.append(whole - score(shuffled))
        found[fitted.columns[place]] = float(np.mean(falls))
    return found

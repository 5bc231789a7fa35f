"""Decision trees as arrays: kept without code, and the same without scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.special import softmax

from dispr.errors import ConfigError, DisprError

ROWS = 64
"""Cells that go through all trees at once."""


@dataclass(frozen=True, eq=False)
class Trees:
    """The trees of a forest or of gradient boosting, node after node.

    Attributes
    ----------
    roots : ndarray
        int64, (T,): the first node of each tree.
    feature, left, right : ndarray
        int64, (M,): the feature that a node asks for, and the nodes to go on to; -1 in a leaf. They
        come after the node itself.
    threshold : ndarray
        float64, (M,): values up to it go left.
    value : ndarray
        float64, (M, C): what a leaf says of the classes; 0 in other nodes.
    start : ndarray
        float64, (C,): what is said without trees; of boosting alone, empty for a forest.
    """

    roots: np.ndarray
    feature: np.ndarray
    left: np.ndarray
    right: np.ndarray
    threshold: np.ndarray
    value: np.ndarray
    start: np.ndarray

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Give the probability of each class, (N, F) to (N, C).

        A forest's is the mean of its leaves' shares of classes; that of boosting the softmax of the
        sum of its leaves.
        """
        parts = [self._sums(rows[i : i + ROWS]) for i in range(0, len(rows), ROWS)]
        sums = np.concatenate(parts) if parts else np.zeros((0, self.value.shape[1]))
        if not len(self.start):
            mean: np.ndarray = sums / len(self.roots)
            return mean
        share: np.ndarray = softmax(sums + self.start, axis=1)
        return share

    def _sums(self, rows: np.ndarray) -> np.ndarray:
        if not len(self.start):
            rows = rows.astype(np.float32)  # as scikit-learn's forests take them
        node = np.repeat(self.roots[None], len(rows), axis=0)
        cell = np.arange(len(rows))[:, None]
        while (self.left[node] >= 0).any():
            inner = self.left[node] >= 0
            lower = rows[cell, self.feature[node]] <= self.threshold[node]
            node = np.where(inner, np.where(lower, self.left[node], self.right[node]), node)
        total: np.ndarray = self.value[node].sum(axis=1)
        return total

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the arrays by their names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def trees_from(arrays: Mapping[str, np.ndarray], features: int, classes: int) -> Trees:
    """Make trees over so many features and classes of the arrays that `Trees.arrays` gave.

    ConfigError is raised if they are none: a node must lead on to later nodes, or be a leaf.
    """
    try:
        found = Trees(**{field.name: arrays[field.name] for field in fields(Trees)})
    except KeyError as error:
        raise ConfigError("these are no decision trees.") from error
    nodes = len(found.feature)
    whole = (found.roots, found.feature, found.left, found.right)
    good = (
        all(array.dtype == np.int64 and array.ndim == 1 for array in whole)
        and all(array.dtype == np.float64 for array in (found.threshold, found.value, found.start))
        and found.left.shape == found.right.shape == found.threshold.shape == (nodes,)
        and found.value.shape == (nodes, classes)
        and found.start.shape in ((0,), (classes,))
        and len(found.roots) > 0
    )
    if good:
        inner = found.left >= 0
        place = np.arange(nodes)[inner]
        good = (
            bool(((found.roots >= 0) & (found.roots < nodes)).all())
            and bool(((found.feature[inner] >= 0) & (found.feature[inner] < features)).all())
            and bool((found.feature[~inner] == -1).all() and (found.right[~inner] == -1).all())
            and all(
                bool(((to[inner] > place) & (to[inner] < nodes)).all())
                for to in (found.left, found.right)
            )
            and bool(np.isfinite(found.value).all() and np.isfinite(found.start).all())
        )
    if not good:
        raise ConfigError("these are no decision trees of this classifier.")
    return found


def trees_of(classifier: Any, rows: np.ndarray) -> Trees:
    """Take the trees out of a random forest or gradient boosting of scikit-learn.

    Parameters
    ----------
    classifier : object
        `RandomForestClassifier` or `HistGradientBoostingClassifier`, fitted.
    rows : ndarray
        (N, F), for which the trees must say the same as the classifier.

    Raises
    ------
    DisprError
        If they do not, with a version of scikit-learn that grows its trees otherwise.
    """
    classes = len(classifier.classes_)
    try:
        boosted = not hasattr(classifier, "estimators_")
        parts = _boosted(classifier, classes) if boosted else _forest(classifier)
        start = np.zeros(classes if boosted else 0)
        if boosted:
            start[-np.size(classifier._baseline_prediction) :] = np.ravel(
                classifier._baseline_prediction
            )
        first = np.cumsum([0] + [len(part["left"]) for part in parts])
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        shift = np.repeat(first[:-1], np.diff(first))
        inner = joined["left"] >= 0
        for name in ("left", "right"):
            joined[name] = np.where(inner, joined[name] + shift, -1)
        joined["feature"] = np.where(inner, joined["feature"], -1)
        joined["value"][inner] = 0.0
        found = trees_from(
            {"roots": first[:-1].astype(np.int64), "start": start, **joined}, rows.shape[1], classes
        )
        same = np.allclose(found.probabilities(rows), classifier.predict_proba(rows), atol=1e-9)
    except (AttributeError, KeyError, ValueError, ConfigError) as error:
        raise _otherwise() from error
    if not same:
        raise _otherwise()
    return found


def _forest(classifier: Any) -> list[dict[str, np.ndarray]]:
    parts = []
    for tree in (estimator.tree_ for estimator in classifier.estimators_):
        votes = tree.value[:, 0, :].astype(np.float64)
        parts.append(
            {
                "feature": tree.feature.astype(np.int64),
                "left": tree.children_left.astype(np.int64),
                "right": tree.children_right.astype(np.int64),
                "threshold": tree.threshold.astype(np.float64),
                "value": votes / votes.sum(axis=1, keepdims=True),
            }
        )
    return parts


def _boosted(classifier: Any, classes: int) -> list[dict[str, np.ndarray]]:
    parts = []
    for trees in classifier._predictors:
        for k, tree in enumerate(trees):
            nodes = tree.nodes
            leaf = nodes["is_leaf"].astype(bool)
            value = np.zeros((len(nodes), classes))
            # Of two classes there is one tree, of the second: the softmax of 0 and its sum.
            value[:, k if len(trees) > 1 else classes - 1] = nodes["value"]
            parts.append(
                {
                    "feature": nodes["feature_idx"].astype(np.int64),
                    "left": np.where(leaf, -1, nodes["left"].astype(np.int64)),
                    "right": np.where(leaf, -1, nodes["right"].astype(np.int64)),
                    "threshold": nodes["num_threshold"].astype(np.float64),
                    "value": value,
                }
            )
    return parts


def _otherwise() -> DisprError:
    return DisprError(
        "this version of scikit-learn grows trees in another form than those that can be kept; "
        "use scikit-learn 1.9, or --no-keep."
    )

"""Whether anything crosses from the test cells of a fold to its training.

The check asks the program, not its author: the features and classes of the test cells are replaced
by nonsense, wherever they are, and everything is fitted again. A scaler, a selection, an
oversampled row or an extra row that knew the test cells comes out different.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from dispr.errors import DisprError
from dispr.study.classifier import Fit, Fitted, Recipe, fit_fold
from dispr.study.feature_table import FeatureTable
from dispr.study.fold_data import FoldData

AUDIT_TREES = 20
"""Trees of the forests that are compared; what they are fitted to matters, not their number."""


class LeakError(DisprError):
    """Training knows something of the cells that it is tested on."""


def check_fold(data: FoldData, recipe: Recipe, fit: Fit = fit_fold, seed: int = 0) -> None:
    """Fit a fold with and without its test cells, and compare all that was learned.

    `fit` is the program under suspicion, `seed` that of the nonsense. Fewer trees are grown than
    the recipe says. LeakError names the step that differs first.
    """
    quick = dataclasses.replace(
        recipe,
        trees=min(recipe.trees, AUDIT_TREES),
        select_trees=min(recipe.select_trees, AUDIT_TREES),
    )
    fitted = fit(data, quick)
    check_rows(data, fitted)
    again = fit(spoiled(data, seed), quick)
    known, other = fitted.state(), again.state()
    for step in known:
        if not np.array_equal(known[step], other[step]):
            raise LeakError(
                f"The {step} of fold {data.fold.number} (repeat {data.fold.repeat}) depends on "
                "its test cells, so there is a leak."
            )


def check_rows(data: FoldData, fitted: Fitted) -> None:
    """Raise LeakError if a row of a test cell was trained on."""
    both = sorted(set(fitted.names) & set(data.fold.test))
    if both:
        raise LeakError(
            f"Fold {data.fold.number} (repeat {data.fold.repeat}) was trained on rows of its test "
            f"cell {both[0]}, so there is a leak."
        )


def spoiled(data: FoldData, seed: int = 0) -> FoldData:
    """Replace all that is known of the test cells by nonsense: features, extra rows, classes."""
    rng = np.random.default_rng(seed)
    test = set(data.fold.test)
    return dataclasses.replace(
        data,
        base=_spoiled(data.base, test, rng),
        extra=None if data.extra is None else _spoiled(data.extra, test, rng),
        labels=_dealt_anew(data.labels, test),
        types=_dealt_anew(data.types, test),
    )


def _dealt_anew(labels: Mapping[str, str], test: set[str]) -> dict[str, str]:
    """Give each test cell the label that comes after its own."""
    known = sorted(set(labels.values()))
    return {
        name: known[(known.index(of) + 1) % len(known)] if name in test else of
        for name, of in labels.items()
    }


def _spoiled(table: FeatureTable, test: set[str], rng: np.random.Generator) -> FeatureTable:
    values = table.values.copy()
    rows = [i for i, name in enumerate(table.names) if name in test]
    # Far away, of another spread, and not all of one sign.
    values[rows] = rng.normal(0, 1e6, (len(rows), values.shape[1])) * rng.lognormal(
        0, 2, values.shape[1]
    )
    return FeatureTable(table.names, table.columns, values, table.samples)

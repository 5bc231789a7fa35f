"""Training and test rows of one fold: what is known of its cells, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dispr.cells.classes import parse_name
from dispr.errors import ConfigError
from dispr.study.feature_table import FeatureTable
from dispr.study.folds import Fold, class_of
from dispr.study.settings import MINORITY


@dataclass(frozen=True, eq=False)
class FoldData:
    """Everything that the classification of one fold is made from.

    Attributes
    ----------
    fold : Fold
        Its training and test cells.
    base : FeatureTable
        One row for each cell, in training and in test.
    extra : FeatureTable or None
        More rows of the same features, such as those of predicted shapes, for training alone.
    extra_classes : tuple of str
        The classes whose training cells have their extra rows taken.
    labels : mapping of str to str
        Class of each cell.
    types : mapping of str to str
        Type of each cell; a class may have several.
    """

    fold: Fold
    base: FeatureTable
    labels: Mapping[str, str]
    types: Mapping[str, str]
    extra: FeatureTable | None = None
    extra_classes: tuple[str, ...] = MINORITY

    @classmethod
    def of(
        cls,
        fold: Fold,
        base: FeatureTable,
        extra: FeatureTable | None = None,
        extra_classes: tuple[str, ...] = MINORITY,
    ) -> FoldData:
        """Take classes and types from the cells' names."""
        names = (*fold.train, *fold.test)
        labels = {name: class_of(name) for name in names}
        types = {name: parse_name(name).type for name in names}
        return cls(fold, base, labels, types, extra, extra_classes)


def training_rows(data: FoldData) -> FeatureTable:
    """Give the rows of the training cells, the extra ones after the others.

    Of the extra rows, those of training cells of `extra_classes` are taken: never a test cell's.
    A cell without a row is refused (ConfigError).
    """
    rows = _rows_of(data, data.fold.train)
    if data.extra is None:
        return rows
    chosen = [name for name in data.fold.train if data.labels[name] in data.extra_classes]
    return rows.below(data.extra.rows_of(chosen))


def held_out_rows(data: FoldData) -> FeatureTable:
    """Give the rows of the test cells, one each; ConfigError if one has none."""
    return _rows_of(data, data.fold.test)


def labels_of(data: FoldData, rows: FeatureTable) -> np.ndarray:
    """Give the class of each row, str, (N,)."""
    return np.array([data.labels[name] for name in rows.names])


def types_of(data: FoldData, rows: FeatureTable) -> np.ndarray:
    """Give the type of each row, str, (N,)."""
    return np.array([data.types[name] for name in rows.names])


def _rows_of(data: FoldData, names: tuple[str, ...]) -> FeatureTable:
    rows = data.base.rows_of(names)
    if len(rows) != len(names) or set(rows.names) != set(names):
        missing = sorted(set(names) - set(rows.names))
        raise ConfigError(
            f"there are no features of {missing[0]}."
            if missing
            else "there are two rows of features of one cell, where there must be one."
        )
    return rows

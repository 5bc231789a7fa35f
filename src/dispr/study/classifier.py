"""From training rows to a classifier: gaps filled, scaled, selected, oversampled, learned.

Each of these steps is fitted to the training rows of one fold and applied to its test rows. The
published notebooks scale and select on all cells before they split them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dispr.arguments import one_of
from dispr.cells.classes import score_of_type
from dispr.errors import ConfigError
from dispr.recognition.types import sde_score
from dispr.study.by_types import ByTypes
from dispr.study.feature_table import FeatureTable
from dispr.study.fold_data import FoldData, labels_of, training_rows, types_of
from dispr.study.oversampling import METHODS, oversample
from dispr.study.settings import CLASSIFIERS, ClassifySettings


@dataclass(frozen=True)
class Recipe:
    """How a classifier is made.

    Attributes
    ----------
    classifier : "forest", "boosting" or "linear"
        Random forest, gradient boosting of trees over histograms, or logistic regression of types
        (`by_types.ByTypes`).
    trees : int
        Trees of the forest; published: 2000.
    fill : "median" or "zero"
        What stands for a feature that is not defined; published: zero.
    select : float
        Least importance of a feature that is kept, times the mean importance of all; 0 keeps all.
        Importances are those of a forest on the oversampled training rows. Published: an
        importance of 0.015, which is `select` = 0.015 times the number of features.
    select_trees : int
        Trees of that forest; published: 1000.
    oversampling : "smote", "random" or "none"
        How rare classes are brought to the size of the largest; published: smote. Logistic
        regression weights them instead.
    seed : int
        Of all that is drawn.
    """

    classifier: str = "forest"
    trees: int = 500
    fill: str = "median"
    select: float = 0.5
    select_trees: int = 200
    oversampling: str = "smote"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("classifier", self.classifier, CLASSIFIERS),
            ("fill", self.fill, ("median", "zero")),
            ("oversampling", self.oversampling, METHODS),
        ):
            one_of(value, choices, name)
        if self.trees < 1 or self.select_trees < 1:
            raise ConfigError("a random forest needs at least one tree.")
        if not 0 <= self.select < np.inf:
            raise ConfigError(f"select must be 0 or more, not {self.select}.")


PUBLISHED_IMPORTANCE = 0.015
"""Importance below which the published notebook drops a feature."""


def published_recipe(features: int, **changes: Any) -> Recipe:
    """Give the published settings, for a table of so many features."""
    published = {
        "trees": 2000,
        "fill": "zero",
        "select": PUBLISHED_IMPORTANCE * features,
        "select_trees": 1000,
    }
    return Recipe(**{**published, **changes})


def recipe_of(settings: ClassifySettings, classifier: str, features: int) -> Recipe:
    """Give the recipe of a classifier, for a table of so many features."""
    changes: dict[str, Any] = {
        "classifier": classifier,
        "oversampling": settings.oversampling,
        "seed": settings.seed,
        **({"trees": settings.trees} if settings.trees else {}),
        # The penalty does what selection is for, and weights what oversampling is for.
        **({"select": 0.0, "oversampling": "none"} if classifier == "linear" else {}),
    }
    return published_recipe(features, **changes) if settings.published else Recipe(**changes)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A classifier and the steps before it, fitted to the training rows of one fold.

    Attributes
    ----------
    columns : tuple of str
        The features that it takes.
    fill, mean, deviation : ndarray
        (F,): what stands for NaN; mean and standard deviation that scale a feature.
    chosen : ndarray
        int, places of the features that were selected.
    classifier : object
        Of scikit-learn, fitted to `trained`.
    trained, trained_labels : ndarray
        (N, len(chosen)) and (N,): the rows it was fitted to, oversampled ones included.
    names : tuple of str
        The cell of each row before oversampling.
    """

    columns: tuple[str, ...]
    fill: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    chosen: np.ndarray
    classifier: Any
    trained: np.ndarray
    trained_labels: np.ndarray
    names: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that it knows."""
        return tuple(str(name) for name in self.classifier.classes_)

    @property
    def types(self) -> tuple[str, ...]:
        """The types that it knows; its classes where it knows no types."""
        return self.classifier.types if isinstance(self.classifier, ByTypes) else self.classes

    def prepared(self, values: np.ndarray) -> np.ndarray:
        """Fill, scale and select features, (N, F) to (N, len(chosen))."""
        return _scaled(values, self.fill, self.mean, self.deviation)[:, self.chosen]

    def probabilities(self, rows: FeatureTable) -> np.ndarray:
        """Give the probability of each class, (N, classes); ConfigError for other features."""
        if rows.columns != self.columns:
            raise ConfigError(
                "the rows have other features than those that the classifier was trained on."
            )
        found: np.ndarray = self.classifier.predict_proba(self.prepared(rows.values))
        return found

    def sde_scores(self, rows: FeatureTable) -> np.ndarray:
        """Give the score of each cell, (N,) (`sde_score`); none, (0,), where no type has one."""
        if not np.isfinite([score_of_type(name) for name in self.types]).any():
            return np.zeros(0)
        likely = self.classifier.type_probabilities(self.prepared(rows.values))
        return sde_score(likely, self.types)

    def state(self) -> dict[str, np.ndarray]:
        """Give everything that the training rows decided, by name (see `leaks`)."""
        return {
            "filling": self.fill,
            "scaling": np.concatenate([self.mean, self.deviation]),
            "selection": self.chosen,
            "training rows": self.trained,
            "training labels": self.trained_labels,
            "classifier": self.classifier.predict_proba(self.trained),
        }


Fit = Callable[[FoldData, Recipe], Fitted]
"""What makes a classifier of the data of a fold; `fit_fold` is the one to use."""


def fit_fold(data: FoldData, recipe: Recipe) -> Fitted:
    """Fit all steps to the training rows of a fold.

    ConfigError is raised if these are of fewer than two classes, or a cell has no features.
    """
    rows = training_rows(data)
    labels = labels_of(data, rows)
    if len(set(labels)) < 2:
        raise ConfigError(
            f"fold {data.fold.number} (repeat {data.fold.repeat}) has training cells of only one "
            "class; use fewer folds, smaller blocks (--block), or more cells."
        )
    return fit_rows(rows, types_of(data, rows) if recipe.classifier == "linear" else labels, recipe)


def fit_rows(rows: FeatureTable, labels: np.ndarray, recipe: Recipe) -> Fitted:
    """Fit all steps to training rows and their classes or types: at least two of these."""
    rng = np.random.default_rng(recipe.seed)
    fill, mean, deviation = _statistics(rows.values, recipe.fill)
    scaled = _scaled(rows.values, fill, mean, deviation)
    chosen = _selected(scaled, labels, deviation > 0, recipe, rng)
    trained, trained_labels = oversample(scaled[:, chosen], labels, recipe.oversampling, rng)
    classifier = _classifier(recipe).fit(trained, trained_labels)
    return Fitted(
        rows.columns,
        fill,
        mean,
        deviation,
        chosen,
        classifier,
        trained,
        trained_labels,
        rows.names,
    )


def _statistics(values: np.ndarray, fill: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from sklearn.impute import SimpleImputer

    stand_in = np.zeros(values.shape[1])
    if fill == "median":
        # A feature that no training row has is 0 for all, and is not selected.
        imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        stand_in = imputer.fit(values).statistics_
    filled = np.where(np.isfinite(values), values, stand_in)
    deviation = filled.std(axis=0)
    # What is the same for all but rounding tells nothing.
    deviation[deviation <= 1e-12 * np.abs(filled).max(axis=0, initial=0)] = 0.0
    return stand_in, filled.mean(axis=0), deviation


def _scaled(
    values: np.ndarray, fill: np.ndarray, mean: np.ndarray, deviation: np.ndarray
) -> np.ndarray:
    filled = np.where(np.isfinite(values), values, fill)
    return (filled - mean) / np.where(deviation > 0, deviation, 1.0)


def _selected(
    scaled: np.ndarray,
    labels: np.ndarray,
    varies: np.ndarray,
    recipe: Recipe,
    rng: np.random.Generator,
) -> np.ndarray:
    """Give the places of the features to keep: those that vary, and matter to a forest."""
    places = np.flatnonzero(varies)
    if not len(places):
        raise ConfigError("no feature differs between the training cells.")
    if not recipe.select:
        return places
    values, more = oversample(scaled[:, places], labels, recipe.oversampling, rng)
    forest = _forest(recipe.select_trees, recipe.seed).fit(values, more)
    importances = forest.feature_importances_
    # Importances add up to 1, so that their mean is 1 / F, F counting the constant features too.
    kept = places[importances >= recipe.select / scaled.shape[1]]
    return kept if len(kept) else places[[int(importances.argmax())]]


def _classifier(recipe: Recipe) -> Any:
    if recipe.classifier == "forest":
        return _forest(recipe.trees, recipe.seed)
    if recipe.classifier == "linear":
        return ByTypes()
    from sklearn.ensemble import HistGradientBoostingClassifier

    # A fixed number of rounds: stopping early would need cells set aside, and oversampled rows
    # would be on both sides of such a cut.
    return HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.1, early_stopping=False, random_state=recipe.seed
    )


def _forest(trees: int, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=trees, random_state=seed, n_jobs=1)

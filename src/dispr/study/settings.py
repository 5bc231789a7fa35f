"""What is compared: by `dispr classify`, and by the whole study."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from dispr.cells.blocks import BLOCK
from dispr.cells.classes import CLASSES
from dispr.errors import ConfigError
from dispr.study.folds import SCHEMES, Fold, class_of
from dispr.training.presets import get_preset

OF_PREDICTIONS = ("predicted", "augmented", "single", "single-augmented")
"""Sources of features that need predicted shapes."""

AUGMENTED = ("augmented", "single-augmented")
"""Those of them that add rows to training."""

OF_TRUTH = ("truth", "augmented")
"""Sources of features whose rows hold features of the true shapes."""

SOURCES = ("2d", "truth", *OF_PREDICTIONS, "cylinder", "ellipsoid", "outline")
"""All sources of features, see `feature_sources`."""

COMPARED_WITH = {
    "outline": "2d",
    "truth": "2d",
    "predicted": "2d",
    "augmented": "truth",
    "single": "2d",
    "single-augmented": "single",
    "cylinder": "2d",
    "ellipsoid": "2d",
}
"""What each source adds something to."""

CLASSIFIERS = ("forest", "boosting", "linear")

MINORITY = ("knizocytes", "keratocytes", "multilobate")
"""The classes to which the published experiment adds predicted shapes."""


@dataclass(frozen=True)
class Settings:
    """What `dispr classify` and the study both ask.

    Attributes
    ----------
    features : tuple of str
        Sources of features for the classification, of `SOURCES`.
    classifiers : tuple of str
        "forest", "boosting", "linear".
    folds : int
        Number of folds.
    seed : int
        Random seed of the folds, the training, the shapes and the classifiers.
    published : bool
        Use the published features, number of trees and importance threshold for classification.
    """

    features: tuple[str, ...] = ("2d",)
    classifiers: tuple[str, ...] = ("forest",)
    folds: int = 5
    seed: int = 0
    published: bool = False

    def __post_init__(self) -> None:
        _refuse_unknown("features", self.features, SOURCES)
        _refuse_unknown("classifiers", self.classifiers, CLASSIFIERS)
        if self.folds < 2:
            raise ConfigError(f"folds must be at least 2, not {self.folds}.")
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative: {self.seed}.")

    def refuse_missing_classes(
        self, names: Sequence[str], minority: Sequence[str] = MINORITY
    ) -> None:
        """Raise ConfigError if a source adds shapes to classes that no cell is of."""
        for source in self.features:
            if source in AUGMENTED and not any(class_of(name) in minority for name in names):
                raise ConfigError(
                    f"no cell belongs to the classes that {source} adds shapes to, "
                    f"{', '.join(minority)}; choose other classes to augment, or omit this source."
                )


@dataclass(frozen=True)
class ClassifySettings(Settings):
    """What `dispr classify` compares, and how.

    Attributes
    ----------
    scheme : "runs" or "random"
        How folds are drawn, see `make_split`.
    repeats, block : int
        As for `make_split`.
    trees : int
        Number of trees of the random forest; 0 for the default.
    oversampling : "smote", "random" or "none"
        How rare classes are oversampled to the size of the largest, within the training cells of a
        fold.
    minority : tuple of str
        Classes that are augmented.
    importance : str
        "impurity" or "permutation"; empty for the default of the classifier.
    unseen : bool
        Use only cells that the model of the predictions was not trained on.
    unrelated : tuple of str
        Training data sets of models that share no cells with these, see `seen_cells`.
    """

    scheme: str = "runs"
    repeats: int = 1
    block: int = BLOCK
    trees: int = 0
    oversampling: str = "smote"
    minority: tuple[str, ...] = MINORITY
    importance: str = ""
    unseen: bool = False
    unrelated: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.minority:
            if name not in CLASSES:
                raise ConfigError(f"{name} is not one of the published classes.")
        if not self.features or not self.classifiers:
            raise ConfigError("give at least one source of features and one classifier.")
        without = {"boosting": "gradient boosting", "linear": "logistic regression"}
        for name, text in without.items():
            if self.importance == "impurity" and name in self.classifiers:
                raise ConfigError(f"{text} has no impurity importances; use permutation.")


@dataclass(frozen=True)
class Plan(Settings):
    """What the study compares.

    Attributes
    ----------
    features : tuple of str
        Sources of features for the classification, see `dispr.study.feature_sources`; empty
        ("" on the command line) to skip it.
    methods : tuple of str
        Presets of `dispr train` to train for each fold. The classification uses the shapes of the
        first; the others are compared by shape only.
    schemes : tuple of str
        How folds are drawn, see `dispr.study.folds.make_split`: "runs", "random".
    ensemble : int
        Number of shapes to draw for each cell.
    pretraining_cells : int
        Number of simulated cells for the pre-training.
    pretraining_steps : int
        Steps of the pre-training on simulated cells; 0 for none.
    steps : int
        Training steps on the cells of a fold.
    batch_size : int
        Batch size: cells per training step.
    precision : "fp32", "bf16" or "fp16"
        Floating-point precision of training and prediction.
    """

    features: tuple[str, ...] = SOURCES[:6]
    classifiers: tuple[str, ...] = CLASSIFIERS[:2]
    methods: tuple[str, ...] = ("fast",)
    schemes: tuple[str, ...] = SCHEMES
    ensemble: int = 5
    pretraining_cells: int = 3000
    pretraining_steps: int = 2000
    steps: int = 600
    batch_size: int = 8
    precision: str = "fp32"

    def __post_init__(self) -> None:
        super().__post_init__()
        for method in self.methods:
            get_preset(method)
        _refuse_unknown("schemes", self.schemes, SCHEMES)
        if not self.methods or not self.schemes or not self.classifiers:
            raise ConfigError("give at least one method, one scheme of folds and one classifier.")
        for name in ("pretraining_cells", "steps", "batch_size", "ensemble"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if self.pretraining_steps < 0:
            raise ConfigError(f"pretraining_steps must not be negative: {self.pretraining_steps}.")

    @property
    def classified(self) -> str:
        """The method whose shapes cells are classified by."""
        return self.methods[0]

    def cells_to_predict(self, fold: Fold, method: str) -> set[str]:
        """Name the cells whose shapes are needed in a fold: the test cells, to score them.

        For classes, those of training cells too: of all, or of the rare classes alone where shapes
        only augment.
        """
        needs = set(self.features) & set(OF_PREDICTIONS) if method == self.classified else set()
        train = [name for name in fold.train if needs - {"augmented"} or class_of(name) in MINORITY]
        return {*fold.test, *(train if needs else ())}

    def classification(self, scheme: str, unrelated: tuple[str, ...]) -> ClassifySettings:
        """Give what is asked of the classification in folds of a scheme."""
        shared = {item.name: getattr(self, item.name) for item in fields(Settings)}
        return ClassifySettings(**shared, scheme=scheme, unrelated=unrelated)


def _refuse_unknown(what: str, values: Collection[str], known: Sequence[str]) -> None:
    for value in values:
        if value not in known:
            raise ConfigError(f'{what} must be of {", ".join(known)}, not "{value}".')

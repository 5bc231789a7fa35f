"""What the study compares, and where its parts are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispr.cells.folder import CellFiles
from dispr.checksums import files_digest
from dispr.errors import ConfigError
from dispr.records import begin as begin_record
from dispr.records import taken_up
from dispr.study.feature_sources import OF_PREDICTIONS, SOURCES
from dispr.study.fold_data import MINORITY
from dispr.study.folds import SCHEMES, Fold, class_of
from dispr.training.presets import get_preset

RECORD = "study.json"


@dataclass(frozen=True)
class Plan:
    """What the study compares.

    Attributes
    ----------
    methods : tuple of str
        Presets of `dispr train`, each trained for every fold. Cells are classified by the shapes of
        the first; the others are there to compare shapes.
    schemes : tuple of str
        How folds are drawn, see `dispr.study.folds.make_split`: "runs", "random".
    folds : int
        Number of folds.
    seed : int
        Of the folds, the training, the shapes and the classifiers.
    ensemble : int
        Shapes drawn of each cell.
    pretraining_cells : int
        Simulated cells to begin the training with.
    pretraining_steps : int
        Steps of training on them, before the cells of the study; 0 for none.
    steps : int
        Steps of training on the cells of a fold.
    batch_size : int
        Cells in a step.
    precision : "fp32", "bf16" or "fp16"
        Of training and prediction.
    features : tuple of str
        Sources of features to classify by, see `dispr.study.feature_sources`; none to leave the
        classification out.
    classifiers : tuple of str
        "forest", "boosting".
    published : bool
        Classify by the published features, trees and threshold of importance.
    """

    methods: tuple[str, ...] = ("fast",)
    schemes: tuple[str, ...] = SCHEMES
    folds: int = 5
    seed: int = 0
    ensemble: int = 5
    pretraining_cells: int = 3000
    pretraining_steps: int = 2000
    steps: int = 600
    batch_size: int = 8
    precision: str = "fp32"
    features: tuple[str, ...] = (
        "2d",
        "truth",
        "predicted",
        "augmented",
        "single",
        "single-augmented",
    )
    classifiers: tuple[str, ...] = ("forest", "boosting")
    published: bool = False

    def __post_init__(self) -> None:
        for method in self.methods:
            get_preset(method)
        for what, values, known in (
            ("schemes", self.schemes, SCHEMES),
            ("features", self.features, SOURCES),
            ("classifiers", self.classifiers, ("forest", "boosting")),
        ):
            unknown = [value for value in values if value not in known]
            if unknown:
                raise ConfigError(f'{what} must be of {", ".join(known)}, not "{unknown[0]}".')
        if not self.methods or not self.schemes or not self.classifiers:
            raise ConfigError("name at least one method, one scheme of folds and one classifier.")
        for name in ("pretraining_cells", "steps", "batch_size", "ensemble"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}.")
        for name in ("pretraining_steps", "seed"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must not be negative: {getattr(self, name)}.")
        if self.folds < 2:
            raise ConfigError(f"folds must be at least 2, not {self.folds}.")

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


@dataclass(frozen=True)
class Places:
    """Where the parts of a study are, in its folder.

    Attributes
    ----------
    root : Path
        The folder.
    """

    root: Path

    @property
    def simulated(self) -> Path:
        """Simulated cells to begin the training with."""
        return self.root / "simulated"

    @property
    def cells(self) -> Path:
        """Simulated cells that the study is made on where there is no data set."""
        return self.root / "cells"

    def pretrained(self, method: str) -> Path:
        """Give the run on the simulated cells."""
        return self.root / "pretrained" / method

    def split(self, scheme: str) -> Path:
        """Give the file of the folds."""
        return self.root / scheme / "folds.csv"

    def run(self, scheme: str, method: str, fold: int) -> Path:
        """Give the run on the training cells of a fold."""
        return self.models(scheme, method) / f"fold_{fold}"

    def models(self, scheme: str, method: str) -> Path:
        """Give the folder of the models of all folds."""
        return self.root / scheme / "models" / method

    def weights(self, scheme: str, method: str, fold: int) -> Path:
        """Give the finished model of a fold."""
        return self.models(scheme, method) / f"fold_{fold}.safetensors"

    def predictions(self, scheme: str, method: str) -> Path:
        """Give the folder of the shapes of all folds, in `fold_0`, ..."""
        return self.root / scheme / "predictions" / method

    def scores(self, scheme: str, method: str, fold: int) -> Path:
        """Give the scores of the test cells of a fold."""
        return self.root / scheme / "scores" / f"{method}_fold_{fold}.csv"

    def classification(self, scheme: str) -> Path:
        """Give the folder that `dispr classify` writes."""
        return self.root / scheme / "classification"


def begin(places: Places, plan: Plan, files: Sequence[CellFiles], started_from: str) -> None:
    """Claim the folder, or make sure that it holds the same study.

    Schemes and methods may be added later, and what is classified may change: their parts stand by
    themselves. The cells are the same if their files are, byte by byte.

    Raises
    ------
    ConfigError
        If the folder holds another study.
    FileError
        If it cannot be written to, or a cell's file cannot be read.
    """
    settings: dict[str, Any] = {
        **dataclasses.asdict(plan),
        "cells": _digest(files),
        "started_from": started_from,
    }
    for free in ("schemes", "methods", "features", "classifiers", "published"):
        del settings[free]
    path = places.root / RECORD
    if taken_up(path, "a study", settings) is None:
        begin_record(path, settings)


def _digest(files: Sequence[CellFiles]) -> str:
    """Give a checksum of the cells: their names, images, masks and objects."""
    cells = sorted(files, key=lambda file: file.name)
    paths = [path for file in cells for path in (file.image, file.mask, file.obj) if path]
    return files_digest(paths, "\n".join(file.name for file in cells))

"""The whole experiment in one call: cells and predictions in, tables and pictures out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispr._version import __version__
from dispr.cells.blocks import BLOCK
from dispr.cells.classes import CLASSES
from dispr.cells.folder import CellFiles
from dispr.checksums import guard
from dispr.errors import ConfigError
from dispr.study.classifier import Recipe, published_recipe
from dispr.study.cross_validation import FoldResult, RecipeOf, classify_folds
from dispr.study.feature_sources import OF_PREDICTIONS, Sources, refuse_without_minority
from dispr.study.figures import write_class_figures
from dispr.study.fold_data import MINORITY
from dispr.study.folds import (
    Split,
    classes_of,
    make_split,
    rare_classes,
    read_split,
    write_split,
)
from dispr.study.packages import need
from dispr.study.provenance import (
    leave_out_seen,
    predictions_by_fold,
    read_predictions,
)
from dispr.study.report import write_classification


@dataclass(frozen=True)
class Study:
    """What is compared, and how.

    Attributes
    ----------
    features : tuple of str
        Sources of features, see `feature_sources.SOURCES`.
    classifiers : tuple of str
        "forest", "boosting".
    scheme : "runs" or "random"
        How folds are drawn, see `make_split`.
    folds, repeats, block, seed : int
        As for `make_split`; the seed is the classifiers' too.
    published : bool
        The published features, number of trees, filling of gaps and threshold of importance.
    trees : int
        Trees of the forest; 0 for the recipe's own number.
    oversampling : "smote", "random" or "none"
        How rare classes are brought to the size of the largest, inside the fold.
    minority : tuple of str
        Classes that are augmented.
    importance : str
        "impurity" or "permutation"; empty for what suits the classifier.
    unseen : bool
        Classify only cells that the predictions' model was not trained on.
    unrelated : tuple of str
        Data sets that models were trained on and that share no cell with these, see `seen_cells`.
    """

    features: tuple[str, ...] = ("2d",)
    classifiers: tuple[str, ...] = ("forest",)
    scheme: str = "runs"
    folds: int = 5
    repeats: int = 1
    block: int = BLOCK
    seed: int = 0
    published: bool = False
    trees: int = 0
    oversampling: str = "smote"
    minority: tuple[str, ...] = MINORITY
    importance: str = ""
    unseen: bool = False
    unrelated: tuple[str, ...] = ()


def classify(
    files: Sequence[CellFiles],
    out: Path,
    study: Study | None = None,
    *,
    predictions: Path | None = None,
    weights: Path | None = None,
    split: Path | None = None,
    pictures: bool = True,
    audit: str = "first",
    jobs: int | None = None,
    progress: Callable[[str, int, int], Any] | None = None,
) -> list[FoldResult]:
    """Compare sources of features by how well they tell the classes of cells apart.

    Parameters
    ----------
    files : sequence of CellFiles
        Cells, named after their classes; with objects, where true shapes are asked for.
    out : Path
        Folder to write: `folds.csv`, tables (`summary.csv`, `classes.csv`, `confusion.csv`,
        `gains.csv`, `importances.csv`, `fold_scores.csv`, `cells.csv`, all in `report.md`),
        pictures, and what was measured (`features/`) and computed (`results/`), which the same
        call takes up.
    study : Study
        What is compared, and how.
    predictions, weights : Path, optional
        Where predicted shapes are asked for: see `predictions_by_fold`.
    split : Path, optional
        A file of folds to use instead of drawing them, see `read_split`.
    pictures : bool
        Draw, which needs matplotlib.
    audit : "first", "all" or "none"
        As for `classify_folds`.
    jobs : int, optional
        Processes to measure in; as many as cores if not given.
    progress : callable, optional
        Called with a line, how many are done, and how many there are.

    Returns
    -------
    list of FoldResult
        By classifier, source, repeat and fold.

    Raises
    ------
    ConfigError
        If a setting is invalid, or predicted shapes come from a model that saw a test cell.
    FileError
        If a file is missing, cannot be read or cannot be written.
    LeakError
        If training knows its test cells.
    """
    study = study or Study()
    need("sklearn", *(["matplotlib"] if pictures else []))
    _check(study, predictions, weights)
    needs = [name for name in study.features if name in OF_PREDICTIONS]
    remarks = []
    if study.unseen:
        if predictions is None or not (predictions / "probability").is_dir():
            raise ConfigError("only unseen cells: name one folder of predictions, of one model.")
        known = read_predictions(predictions, weights, study.unrelated)
        left = set(leave_out_seen([file.name for file in files], known))
        remarks.append(
            f"{len(files) - len(left)} of {len(files)} cells are left out, which the predictions' "
            "model was trained on."
        )
        files = [file for file in files if file.name in left]
    names = [file.name for file in files]
    for source in study.features:
        refuse_without_minority(source, names, study.minority)
    for file in files:
        if file.obj is None and set(study.features) & {"truth", "augmented"}:
            raise ConfigError(
                f"{file.image} has no 3D shape, which the features truth and augmented need; add "
                f"{file.image.name} to the folder obj."
            )
    if split is None:
        drawn = make_split(names, study.scheme, study.folds, study.repeats, study.seed, study.block)
    else:
        drawn = read_split(split, names)
    found = (
        predictions_by_fold(predictions, drawn, weights, study.unrelated)
        if needs and predictions is not None
        else {}
    )
    for prediction in found.values():
        remarks += [remark for remark in prediction.remarks if remark not in remarks]
    guard(out)
    write_split(out / "folds.csv", drawn)
    sources = Sources(
        files,
        found,
        out / "features",
        published=study.published,
        minority=study.minority,
        wanted=study.features,
        jobs=jobs,
        progress=progress,
    )
    results = classify_folds(
        sources.data,
        study.features,
        drawn,
        {name: recipe_of(study, name) for name in study.classifiers},
        importance=study.importance or None,
        audit=audit,
        results=out / "results",
        progress=progress,
    )
    remarks = [*_remarks(study, drawn, split), *remarks, *rare_classes(drawn)]
    write_classification(out, results, remarks)
    if pictures:
        write_class_figures(out, results)
    return results


def recipe_of(study: Study, classifier: str) -> RecipeOf:
    """Give the recipe of a classifier, for a table of so many features."""
    changes: dict[str, Any] = {
        "classifier": classifier,
        "oversampling": study.oversampling,
        "seed": study.seed,
    }
    if study.trees:
        changes["trees"] = study.trees
    if study.published:
        return lambda features: published_recipe(features, **changes)
    return lambda features: Recipe(**changes)


def _check(study: Study, predictions: Path | None, weights: Path | None) -> None:
    for classifier in study.classifiers:
        recipe_of(study, classifier)(1)
    if study.seed < 0:
        raise ConfigError(f"seed must not be negative: {study.seed}.")
    if study.importance == "impurity" and "boosting" in study.classifiers:
        raise ConfigError("gradient boosting has no impurities; ask for permutation.")
    if not study.features or not study.classifiers:
        raise ConfigError("name at least one source of features and one classifier.")
    needs = [name for name in study.features if name in OF_PREDICTIONS]
    if needs and predictions is None:
        raise ConfigError(
            f"the features {needs[0]} are of predicted shapes; name them with --predictions."
        )
    if weights is not None and predictions is None:
        raise ConfigError("weights say which cells a model saw; name its predictions as well.")
    unknown = set(study.minority) - set(CLASSES)
    if unknown:
        raise ConfigError(f"{min(unknown)} is none of the published classes.")


def _remarks(study: Study, split: Split, file: Path | None) -> list[str]:
    drawn = (
        f"before ({file.name})"
        if file
        else f"by blocks of up to {study.block} consecutive numbers"
        if study.scheme == "runs"
        else "at random: neighbouring cells, often of one donor, are in training and test"
    )
    measured = "Published" if study.published else "All"
    published = ", published trees and threshold of importance" if study.published else ""
    return [
        f"dispr {__version__}: {len(split.names)} cells of {len(classes_of(split.names))} classes, "
        f"{split.count} folds, repeats: {len(split.folds)}; drawn {drawn}.",
        f"{measured} features{published}; "
        f"oversampling {study.oversampling}; augmented classes: {', '.join(study.minority)}.",
    ]

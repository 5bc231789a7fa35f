"""The experiment: every source of features, by every classifier, in every fold."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from dispr.errors import FileError
from dispr.progress import SILENT, Progress
from dispr.records import read_json, write_json
from dispr.study.class_scores import Told
from dispr.study.classifier import Fit, Recipe, fit_fold, recipe_of
from dispr.study.feature_sources import Sources
from dispr.study.fold_data import FoldData, held_out_rows, training_rows
from dispr.study.folds import Split
from dispr.study.importances import importances
from dispr.study.leaks import check_fold, check_rows

RESULTS_VERSION = 3
"""To be raised whenever the same rows and recipe give other results."""


@dataclass(frozen=True)
class FoldResult:
    """How one classifier did on the test cells of one fold.

    Attributes
    ----------
    source, classifier : str
        Where the features come from; "forest", "boosting" or "linear".
    repeat, fold : int
        Which fold it was.
    names, truth, predicted : tuple of str
        The test cells, their classes, and what they were taken for.
    classes : tuple of str
        The classes in training.
    probabilities : tuple of tuple of float
        For each test cell the probability of each of `classes`.
    training_cells, extra_rows, selected : int
        Cells in training, rows added to theirs (before oversampling), features selected.
    importance : mapping of str to float
        Of each feature, see `importances`.
    importance_kind : str
        "impurity" or "permutation".
    audited : bool
        Whether the fold was fitted with spoiled test cells too, and came out the same.
    sde_scores : tuple of float
        For each test cell its score (`recognition.types.sde_score`); empty where the classifier
        knows no types with a score.
    """

    source: str
    classifier: str
    repeat: int
    fold: int
    names: tuple[str, ...]
    truth: tuple[str, ...]
    predicted: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: tuple[tuple[float, ...], ...]
    training_cells: int
    extra_rows: int
    selected: int
    importance: Mapping[str, float]
    importance_kind: str
    audited: bool
    sde_scores: tuple[float, ...] = ()

    @property
    def told(self) -> Told:
        """The classes of the test cells, and what they were taken for."""
        return self.truth, self.predicted


def classify_folds(
    sources: Sources,
    split: Split,
    results: Path,
    *,
    audit: str = "first",
    progress: Progress = SILENT,
) -> list[FoldResult]:
    """Classify the test cells of every fold, as the settings of the sources say.

    Parameters
    ----------
    sources : Sources
        What is known of the cells.
    split : Split
        The folds.
    results : Path
        Folder to keep the result of each fold in. What was computed from the same rows by the same
        recipe is read from there.
    audit : "first", "all" or "none"
        For which folds of each source and classifier the test cells are spoiled to see whether
        training notices (`leaks.check_fold`): the first fold of all, every fold, or none. That no
        row of a test cell is trained on is checked for every fold in any case.
    progress : Progress
        Told of lines of work, and of damaged results that are computed again.

    Returns
    -------
    list of FoldResult
        By classifier, source, repeat and fold.

    Raises
    ------
    LeakError
        If training knows its test cells.
    """
    settings, folds = sources.settings, list(split)
    todo = list(product(settings.classifiers, settings.features, folds))
    count = progress.counter("Classifying", len(todo))
    found: list[FoldResult] = []
    for classifier, source, fold in todo:
        # Only forests have impurities.
        kind = settings.importance or ("impurity" if classifier == "forest" else "permutation")
        data = sources.data(source, fold)
        recipe = recipe_of(settings, classifier, len(data.base.columns))
        check = audit == "all" or (audit == "first" and (fold.repeat, fold.number) == (0, 0))
        path = results / f"{source}_{classifier}_{fold.key}.json"
        key = _digest(data, recipe, kind)
        known = _read(path, key, progress)
        if known is None or (check and not known.audited):
            known = classify_fold(source, data, recipe, kind, audit=check)
            write_json(path, {"key": key, **dataclasses.asdict(known)}, sealed=True)
        found.append(known)
        count()
    return found


def classify_fold(
    source: str,
    data: FoldData,
    recipe: Recipe,
    importance: str = "impurity",
    *,
    audit: bool = False,
    fit: Fit = fit_fold,
) -> FoldResult:
    """Fit a classifier to the training rows of one fold and let it tell the test cells apart."""
    if audit:
        check_fold(data, recipe, fit)
    fitted = fit(data, recipe)
    check_rows(data, fitted)
    test = held_out_rows(data)
    probabilities = fitted.probabilities(test)
    predicted = tuple(fitted.classes[i] for i in probabilities.argmax(axis=1))
    return FoldResult(
        source,
        recipe.classifier,
        data.fold.repeat,
        data.fold.number,
        test.names,
        tuple(data.labels[name] for name in test.names),
        predicted,
        fitted.classes,
        tuple(tuple(round(float(p), 6) for p in row) for row in probabilities),
        len(data.fold.train),
        len(fitted.names) - len(data.fold.train),
        len(fitted.chosen),
        importances(fitted, data, importance),
        importance,
        audit,
        tuple(round(float(score), 4) for score in fitted.sde_scores(test)),
    )


def _digest(data: FoldData, recipe: Recipe, importance: str) -> str:
    """Give a checksum of all that the result of a fold depends on."""
    found = hashlib.sha256(repr((RESULTS_VERSION, recipe, importance)).encode())
    for rows in (training_rows(data), held_out_rows(data)):
        found.update(repr((rows.names, rows.columns)).encode())
        found.update(rows.values.tobytes())
    return found.hexdigest()[:32]


def _read(path: Path, key: str, progress: Progress) -> FoldResult | None:
    """Read the result of a fold; None if there is none, or one of other rows or settings."""
    if not path.is_file():
        return None
    try:
        record = read_json(path, remedy="it is computed again")
        if record.pop("key") != key:
            return None
        record["probabilities"] = tuple(tuple(row) for row in record["probabilities"])
        for name in ("names", "truth", "predicted", "classes", "sde_scores"):
            record[name] = tuple(record[name])
        return FoldResult(**record)
    except FileError as error:
        progress.note(str(error))
    except (ValueError, KeyError, TypeError):
        progress.note(f"{path} is damaged; it will be computed again.")
    return None

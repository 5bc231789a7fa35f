"""The whole classification in one call: cells and predictions in, tables and pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dispr._version import __version__
from dispr.cells.folder import CellFiles
from dispr.checksums import guard
from dispr.errors import ConfigError
from dispr.prediction.files import is_prediction
from dispr.progress import SILENT, Progress
from dispr.study.classifier import recipe_of
from dispr.study.cross_validation import FoldResult, classify_folds
from dispr.study.feature_sources import Sources
from dispr.study.figures import write_class_figures
from dispr.study.folds import (
    Split,
    classes_of,
    make_split,
    rare_classes,
    read_split,
    write_split,
)
from dispr.study.keep import keep_classifiers
from dispr.study.packages import need
from dispr.study.provenance import leave_out_seen, predictions_by_fold, read_predictions
from dispr.study.report import write_classification
from dispr.study.settings import OF_PREDICTIONS, OF_TRUTH, ClassifySettings


def classify(
    files: Sequence[CellFiles],
    out: Path,
    settings: ClassifySettings | None = None,
    *,
    predictions: Path | None = None,
    weights: Path | None = None,
    split: Path | None = None,
    pictures: bool = True,
    keep: bool = True,
    audit: str = "first",
    jobs: int | None = None,
    progress: Progress = SILENT,
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
    settings : ClassifySettings
        What is compared, and how.
    predictions, weights : Path, optional
        Where predicted shapes are asked for: see `predictions_by_fold`.
    split : Path, optional
        A file of folds to use instead of drawing them, see `read_split`.
    pictures : bool
        Draw, which needs matplotlib.
    keep : bool
        Fit the classifiers to all cells, too, and keep them in `classifiers/` for
        `apply_classifier`.
    audit : "first", "all" or "none"
        As for `classify_folds`.
    jobs : int, optional
        Processes to measure in; as many as cores if not given.
    progress : Progress
        As for `classify_folds`.

    Returns
    -------
    list of FoldResult
        As of `classify_folds`.

    Raises
    ------
    ConfigError
        If a setting is invalid, or predicted shapes come from a model that saw a test cell.
    DisprError
        If scikit-learn, or matplotlib where it draws, is not installed.
    FileError
        If a file is missing, cannot be read or cannot be written.
    LeakError
        If training knows its test cells.
    """
    settings = settings or ClassifySettings()
    need("sklearn", *(["matplotlib"] if pictures else []))
    for name in settings.classifiers:
        recipe_of(settings, name, features=1)  # refuses what is no recipe
    needs = [name for name in settings.features if name in OF_PREDICTIONS]
    if needs and predictions is None:
        raise ConfigError(
            f"the features {needs[0]} need predicted shapes; give them by --predictions."
        )
    if weights is not None and predictions is None:
        raise ConfigError(
            "--weights states the training cells of a model; also give its "
            "predictions by --predictions."
        )
    remarks = []
    if settings.unseen:
        if predictions is None or not is_prediction(predictions):
            raise ConfigError("--unseen needs one folder of predictions of a single model.")
        known = read_predictions(predictions, weights, settings.unrelated)
        left = set(leave_out_seen([file.name for file in files], known))
        remarks.append(
            f"{len(files) - len(left)} of {len(files)} cells are skipped, which the predictions' "
            "model was trained on."
        )
        files = [file for file in files if file.name in left]
    names = [file.name for file in files]
    settings.refuse_missing_classes(names, settings.minority)
    if set(settings.features) & set(OF_TRUTH):
        refuse_without_objects(files, "the features truth and augmented need")
    scheme, block = settings.scheme, settings.block
    drawn = (
        read_split(split, names)
        if split
        else make_split(names, scheme, settings.folds, settings.repeats, settings.seed, block)
    )
    found = {}
    if needs and predictions is not None:
        found = predictions_by_fold(predictions, drawn, weights, settings.unrelated)
    remarks += dict.fromkeys(text for of in found.values() for text in of.remarks)
    guard(out)
    write_split(out / "folds.csv", drawn)
    sources = Sources(files, settings, found, out / "features", jobs=jobs, progress=progress)
    results = classify_folds(sources, drawn, out / "results", audit=audit, progress=progress)
    remarks = [*_remarks(settings, drawn, split), *remarks, *rare_classes(drawn)]
    if keep:
        remarks += keep_classifiers(sources, results, out, progress)
    write_classification(out, results, remarks)
    if pictures:
        write_class_figures(out, results)
    return results


def refuse_without_objects(files: Sequence[CellFiles], what: str) -> None:
    """Raise ConfigError for the first cell without a true shape, "which <what>"."""
    for file in files:
        if file.obj is None:
            raise ConfigError(
                f"{file.image} has no 3D shape, which {what}; add {file.image.name} to the folder "
                "obj."
            )


def _remarks(settings: ClassifySettings, split: Split, file: Path | None) -> list[str]:
    drawn = (
        f"before ({file.name})"
        if file
        else f"in blocks of up to {settings.block} consecutively numbered cells"
        if settings.scheme == "runs"
        else "at random, so neighbouring cells, often from the same donor, are in both training "
        "and test"
    )
    measured = "Published" if settings.published else "All"
    published = ", published number of trees and importance threshold" if settings.published else ""
    return [
        f"dispr {__version__}: {len(split.names)} cells of {len(classes_of(split.names))} classes, "
        f"{split.count} folds, repeats: {len(split.folds)}; drawn {drawn}.",
        f"{measured} features{published}; oversampling {settings.oversampling}"
        f"{' (linear: weights instead)' if 'linear' in settings.classifiers else ''}; augmented "
        f"classes: {', '.join(settings.minority)}.",
    ]

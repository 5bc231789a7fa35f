"""Fit the classifiers of a classification to all its cells, and keep them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.classes import parse_name, score_of_type
from dispr.cells.read import read_image, read_mask
from dispr.familiarity.statistics import FEWEST, Familiarity, fit_familiarity
from dispr.files import write_csv
from dispr.progress import SILENT, Progress
from dispr.recognition.calibration import (
    SURE,
    calibration_error,
    cross_fitted,
    fit_calibration,
)
from dispr.recognition.features import fingerprint
from dispr.recognition.kept import KeptClassifier, save_kept
from dispr.recognition.trees import trees_of
from dispr.study.by_types import ByTypes
from dispr.study.class_tables import grouped
from dispr.study.classifier import fit_fold, recipe_of
from dispr.study.cross_validation import FoldResult
from dispr.study.feature_sources import Sources
from dispr.study.folds import Fold
from dispr.study.provenance import drawing_of
from dispr.study.settings import OF_PREDICTIONS

LEVELS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Levels in `levels.csv`, from which a class is named."""


LEAST_SCORES = 10
"""Scores of cells that an error is stated of."""


def keep_classifiers(
    sources: Sources, results: Sequence[FoldResult], out: Path, progress: Progress = SILENT
) -> list[str]:
    """Fit each classifier to all cells, calibrate it, and write it to `out`.

    Probabilities are calibrated by those that the classifiers of the folds gave their test cells.
    `levels.csv` says how many cells are named at a level, and how many of these rightly; for it,
    the cells of each fold were calibrated by those of the others.

    Parameters
    ----------
    sources : Sources
        What is known of the cells.
    results : sequence of FoldResult
        Of `classify_folds`, of the same cells.
    out : Path
        Folder to write to: `classifiers/` (see `save_kept`), `levels.csv`.
    progress : Progress
        Told of lines of work.

    Returns
    -------
    list of str
        A sentence on each classifier, or why it is not kept.
    """
    names = tuple(sorted(file.name for file in sources.files))
    fold = Fold(0, 0, names, ())
    familiarity = _familiarity(sources)
    groups = grouped(results)
    count = progress.counter("Keeping", len(groups))
    kept: list[KeptClassifier] = []
    levels: list[dict[str, Any]] = []
    remarks: list[str] = []
    for (classifier, source), of in groups.items():
        if source in OF_PREDICTIONS and sources.several:
            remarks.append(
                f"The {classifier} on {source} is not kept, because each fold has predictions of "
                "its own model."
            )
            count()
            continue
        data = sources.data(source, fold)
        fitted = fit_fold(data, recipe_of(sources.settings, classifier, len(data.base.columns)))
        found, truth, parts = out_of_fold(of, fitted.classes)
        judged = cross_fitted(found, truth, parts)
        rows = _levels(judged, truth)
        before, after = calibration_error(found, truth), calibration_error(judged, truth)
        at = next(row for row in rows if row["level"] == SURE)
        remarks.append(
            f"The {classifier} on {source}, fitted to all {len(names)} cells, is kept: it names "
            f"{at['named']:.0%} of test cells (probability of {SURE} and more), "
            f"{at['right']:.0%} of these rightly; calibration error {after:.1%} "
            f"(uncalibrated {before:.1%}).{_of_scores(of)}"
        )
        levels += [{"classifier": classifier, "features": source, **row} for row in rows]
        drawn = drawing_of(sources.predicted_by(fold).folder) if source in OF_PREDICTIONS else {}
        kept.append(
            KeptClassifier(
                source,
                classifier,
                fitted.columns,
                fitted.types,
                fitted.fill,
                fitted.mean,
                fitted.deviation,
                fitted.chosen.astype(np.int64),
                fitted.classifier.linear
                if isinstance(fitted.classifier, ByTypes)
                else trees_of(fitted.classifier, fitted.trained[:200]),
                fit_calibration(found, truth),
                names,
                sources.settings.published,
                fingerprint(sources.settings.published),
                drawn,
                familiarity,
            )
        )
        count()
    save_kept(out, kept)
    write_csv(out / "levels.csv", levels)
    return remarks


def out_of_fold(
    results: Sequence[FoldResult], classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Give what classifiers said of cells that they had not seen.

    Returns
    -------
    probabilities : ndarray
        (N, C), over all folds of all repeats; 0 for a class that a fold had no training cells of.
    truth : ndarray
        int, (N,), places of the true classes; -1 for a class that is not among them.
    parts : list of str
        The fold in which each cell is tested first: the same in all repeats.
    """
    first = min(result.repeat for result in results)
    fold_of = {
        name: str(result.fold)
        for result in results
        if result.repeat == first
        for name in result.names
    }
    place = {name: i for i, name in enumerate(classes)}
    rows, truth, parts = [], [], []
    for result in results:
        for cell, true, likely in zip(
            result.names, result.truth, result.probabilities, strict=True
        ):
            row = np.zeros(len(classes))
            for name, value in zip(result.classes, likely, strict=True):
                row[place[name]] = value
            rows.append(row)
            truth.append(place.get(true, -1))
            parts.append(fold_of[cell])
    return np.array(rows), np.array(truth), parts


def _levels(probabilities: np.ndarray, truth: np.ndarray) -> list[dict[str, Any]]:
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    rows = []
    for level in LEVELS:
        named = sure >= level
        share = float(right[named].mean()) if named.any() else float("nan")
        rows.append({"level": level, "named": float(named.mean()), "right": share})
    return rows


def _of_scores(results: Sequence[FoldResult]) -> str:
    """Say how far the scores of SDE cells are off; empty without scores."""
    pairs = np.array(
        [
            (score, score_of_type(parse_name(name).type))
            for result in results
            for name, score in zip(result.names, result.sde_scores, strict=bool(result.sde_scores))
        ]
    ).reshape(-1, 2)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if len(pairs) < LEAST_SCORES:
        return ""
    off = np.abs(pairs[:, 0] - pairs[:, 1]).mean()
    return f" The sde_score of SDE cells is off by {off:.2f} on average."


def _familiarity(sources: Sources) -> Familiarity | None:
    files = sources.files
    if len(files) < FEWEST:
        return None
    images = np.stack([read_image(file.image) for file in files])
    masks = np.stack([read_mask(file.mask) for file in files])
    return fit_familiarity(images, masks, [file.name for file in files])

"""Apply a kept classifier to new cells: `dispr classify --apply`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.classes import parse_name
from dispr.cells.folder import CellFiles
from dispr.cells.framing import joined
from dispr.cells.read import read_image, read_mask
from dispr.errors import ConfigError, FileError
from dispr.familiarity.traits import describe_all
from dispr.files import write_csv
from dispr.progress import SILENT, Progress
from dispr.recognition import red_cells
from dispr.recognition.calibration import SURE
from dispr.recognition.features import fingerprint
from dispr.recognition.kept import KeptClassifier, load_kept
from dispr.study.classify import refuse_without_objects
from dispr.study.feature_sources import Sources
from dispr.study.provenance import drawing_of
from dispr.study.settings import OF_PREDICTIONS, OF_TRUTH, ClassifySettings

SHIPPED = "shipped"
"""What stands for the classifier that comes with the package."""


def apply_classifier(
    folder: Path,
    files: Sequence[CellFiles],
    out: Path,
    *,
    source: str | None = None,
    classifier: str | None = None,
    predictions: Path | None = None,
    sure: float | None = None,
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> list[dict[str, Any]]:
    """Name the classes of cells by a classifier that `classify` kept.

    Parameters
    ----------
    folder : Path
        What `classify` wrote; "shipped" for the classifier of red blood cells that comes with the
        package.
    files : sequence of CellFiles
        The cells. Their names need not say a class.
    out : Path
        Table to write (CSV): `name`; `class`, the one that the name says, if any;
        `predicted_class`, the likeliest one, or "not sure" where it is less likely than `sure`;
        `class_probability`, that of the likeliest class; `sde_score`, of cells named SDE, from -1,
        spherocyte, over 0, discocyte, to 1, echinocyte III, where the classifier was fitted to
        types that have a score (logistic regression); `p_CLASS`, that of each; `familiarity`,
        0 to 1 (see `Familiarity.score_inputs`); `warning`.
    source, classifier : str, optional
        Which classifier, where several were kept.
    predictions : Path, optional
        Predicted shapes of the cells, where the classifier goes by these.
    sure : float
        Probability that a class must have to be named, 0 to 1. Default: 0.5, or 0.8 for the
        shipped classifier.
    jobs, progress
        As for `classify`.

    Returns
    -------
    list of dict
        The rows of the table.

    Raises
    ------
    ConfigError
        If the cells lack what the classifier needs, such as predicted shapes.
    FileError
        If the classifier or a file is missing, or cannot be read.
    """
    if sure is None:
        sure = red_cells.SURE if str(folder) == SHIPPED else SURE
    if not 0 <= sure <= 1:
        raise ConfigError(f"the probability of a class to be named must be 0 to 1, not {sure}.")
    kept = _classifier(folder, source, classifier)
    _refuse_what_lacks(kept, files, predictions)
    settings = ClassifySettings(features=(kept.source,), published=kept.published)
    sources = Sources(files, settings, jobs=jobs, progress=progress)
    table = sources.rows(kept.source, predictions)
    place = {name: i for i, name in enumerate(table.names)}
    table = table.take([place[file.name] for file in files])
    likely, scores = kept.told(table.values, table.columns)
    rows = []
    looks = _looks(kept, files)
    names = set(kept.names)
    for file, values, sde, (familiarity, warning) in zip(files, likely, scores, looks, strict=True):
        if file.name in names:
            warning = joined(warning, "A cell of this name is among the classifier's own.")
        rows.append(
            {
                "name": file.name,
                "class": parse_name(file.name).cell_class or "",
                **kept.row_of(values, sde, sure),
                **{f"p_{c}": round(float(p), 4) for c, p in zip(kept.classes, values, strict=True)},
                "familiarity": "" if familiarity is None else familiarity,
                "warning": warning,
            }
        )
    write_csv(out, rows)
    return rows


def _classifier(folder: Path, source: str | None, classifier: str | None) -> KeptClassifier:
    """Read a classifier; ConfigError if it is of features that are measured otherwise by now."""
    if str(folder) == SHIPPED:
        kept = red_cells.red_cell_classifier()
        if source not in (None, kept.source) or classifier not in (None, kept.classifier):
            raise ConfigError(
                f"the shipped classifier goes by {kept.source} and is {kept.classifier}; omit "
                "--features and --classifiers."
            )
        return kept
    kept = load_kept(folder, source, classifier)
    if kept.measures != fingerprint(kept.published):
        raise ConfigError(
            f"{folder} holds a classifier of features that this version measures otherwise; run "
            "dispr classify again without --apply."
        )
    return kept


def _refuse_what_lacks(
    kept: KeptClassifier, files: Sequence[CellFiles], predictions: Path | None
) -> None:
    if kept.source in OF_TRUTH:
        refuse_without_objects(files, "the classifier needs")
    if kept.source not in OF_PREDICTIONS:
        if predictions is not None:
            raise ConfigError(
                f"the classifier goes by the features {kept.source}, not by predicted shapes; "
                "omit --predictions."
            )
        return
    if predictions is None:
        raise ConfigError(
            "the classifier goes by predicted shapes; predict the cells with dispr predict, and "
            "give the folder by --predictions."
        )
    drawn = drawing_of(predictions)
    if drawn != dict(kept.drawn):
        other = next(name for name in drawn if drawn[name] != kept.drawn.get(name))
        raise FileError(
            f"{predictions} was predicted with another {other} than the shapes that the "
            "classifier was trained on; predict the cells in the same way."
        )


def _looks(kept: KeptClassifier, files: Sequence[CellFiles]) -> list[tuple[float | None, str]]:
    """Give the familiarity of each cell, and what is unusual about it."""
    if kept.familiarity is None:
        return [(None, "")] * len(files)
    found: list[tuple[float | None, str]] = []
    for file in files:
        looks = describe_all(read_image(file.image)[None], read_mask(file.mask)[None])
        score = round(float(kept.familiarity.score_looks(looks)[0]), 3)
        found.append((score, kept.familiarity.warning_of(np.asarray(looks[0]))))
    return found

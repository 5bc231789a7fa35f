"""Scores of a folder of predictions: each sample, the consensus, the best of the ensemble."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.classes import parse_name
from dispr.cells.folder import find_cells, one_each, tiff_files
from dispr.cells.read import read_framed_obj, read_mask, read_obj
from dispr.errors import FileError
from dispr.prediction.files import PredictionFolder, opened
from dispr.processes import map_in_processes
from dispr.progress import SILENT, Progress
from dispr.scores.baselines import GEOMETRIC
from dispr.scores.ensemble import ensemble_scores
from dispr.scores.intervals import interval_scores, stated_intervals
from dispr.scores.library import Library, training_cells
from dispr.scores.shape import METRICS, Measures, binarise, measure, score

SAMPLES, CONSENSUS, BEST = "single samples", "consensus", "best of N"
NEAREST = "nearest"


@dataclass(frozen=True)
class Truth:
    """Where the truth about a cell is.

    Attributes
    ----------
    obj : Path
        File of the true volume.
    mask : Path or None
        File of the section's mask, for the baselines.
    twice : bool
        Whether another cell has the same name.
    """

    obj: Path
    mask: Path | None = None
    twice: bool = False


@dataclass(frozen=True)
class Evaluation:
    """Scores of predictions.

    Attributes
    ----------
    rows : list of dict
        One for each scored shape: name, class, shape ("single samples", "consensus", "best of N"
        or the name of a baseline), sample (its number), the five metrics, volume_voxels and
        true_volume_voxels, boundary_voxels and true_boundary_voxels.
    not_predicted : int
        Cells of the truth that have no prediction.
    intervals : list of dict
        How the stated intervals agree with the truth (see `interval_scores`); empty where the
        predictions state none.
    ensemble : list of dict
        How the spread of the samples agrees with the truth (see `ensemble_scores`); empty without
        two independent samples.
    """

    rows: list[dict[str, Any]]
    not_predicted: int
    intervals: list[dict[str, Any]]
    ensemble: list[dict[str, Any]] = field(default_factory=list)

    def summary(self, by_class: bool = False) -> list[dict[str, Any]]:
        """Mean, standard deviation and median of the metrics over the cells.

        Those of single samples are over all samples of all cells. The best of N is the sample
        with the highest IoU with the truth: what an oracle would choose. The standard deviation is
        that of a sample (n - 1).

        Returns
        -------
        list of dict
            One for each kind of shape (and class): shape, class ("all", or with `by_class` the
            class, "" where the name tells none), cells, and for each metric `<metric>_mean`,
            `<metric>_sd` (NaN for a single cell) and `<metric>_median`.
        """
        groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in self.rows:
            key = (row["shape"], row["class"] if by_class else "all")
            groups.setdefault(key, []).append(row)
        return [
            {
                "shape": shape,
                "class": cell_class,
                "cells": len({row["name"] for row in rows}),
                **_statistics(rows),
            }
            for (shape, cell_class), rows in groups.items()
        ]


def evaluate(
    predictions: Path,
    truth: Path,
    *,
    split: str | None = None,
    train: Path | None = None,
    baselines: bool = True,
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> Evaluation:
    """Score the predictions of a folder.

    Parameters
    ----------
    predictions : Path
        Folder that `predict` or `baseline` wrote.
    truth : Path
        A data set with objects, or a folder of object files.
    split : "train" or "test", optional
        Part of the truth.
    train : Path, optional
        Data set whose training cells the baseline "nearest" chooses from; `truth` if it has some.
        Without training cells there are no rows of this baseline.
    baselines : bool
        Score the baselines on the same cells too. They need the masks of a data set.
    jobs : int, optional
        Processes; as many as cores if not given.
    progress : Progress
        Told of each cell (`dispr.progress`).

    Raises
    ------
    FileError
        If a predicted cell has no truth or more than one, or a file cannot be read.
    DisprError
        If a process was ended from outside.
    """
    names = PredictionFolder(predictions).names()
    truths = find_truth(truth, split)
    for name in names:
        if name not in truths:
            raise FileError(
                f"{predictions} has a prediction of {name}, but {truth} has no object of this "
                "name; give the data set that was predicted."
            )
        if truths[name].twice:
            raise FileError(
                f"{truth} has a cell {name} in train and in test; use --split to select the part "
                "that was predicted."
            )
    unpredicted = len(truths.keys() - set(names))
    if not baselines:
        truths = {name: dataclasses.replace(truths[name], mask=None) for name in names}
    library = training_cells(truth, train) if baselines else None
    rows = score_cells(predictions, names, truths, library, jobs=jobs, progress=progress)
    return evaluated(predictions, rows, unpredicted)


def evaluated(predictions: Path, rows: list[dict[str, Any]], not_predicted: int = 0) -> Evaluation:
    """Add to the scores of shapes (`score_cells`) those of what the predictions state.

    Raises
    ------
    FileError
        If the table or the record of the predictions cannot be read.
    """
    single = [row for row in rows if row["shape"] == SAMPLES]
    intervals = interval_scores(single, stated_intervals(predictions))
    balanced = bool(PredictionFolder(predictions).settings.get("balanced", True))
    return Evaluation(rows, not_predicted, intervals, ensemble_scores(single, balanced))


def score_cells(
    predictions: Path,
    names: Sequence[str],
    truths: Mapping[str, Truth],
    library: Library | None = None,
    *,
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> list[dict[str, Any]]:
    """Score the predicted shapes of cells, and the baselines, against the truth.

    Parameters
    ----------
    predictions : Path
        Folder that `predict` or `baseline` wrote.
    names : sequence of str
        The cells.
    truths : mapping of str to Truth
        Their true shapes, and the masks that the baselines need.
    library : Library, optional
        Training cells that the baseline "nearest" chooses from.
    jobs, progress
        As for `evaluate`.

    Returns
    -------
    list of dict
        As `Evaluation.rows`, in the order of the names.

    Raises
    ------
    FileError
        If a file is missing or cannot be read.
    DisprError
        If a process was ended from outside.
    """
    tasks = []
    for name in names:
        mask = truths[name].mask
        similar = library.most_similar(mask) if library and mask else None
        tasks.append((predictions, name, truths[name].obj, mask, similar))
    count = progress.counter("Scoring", len(tasks))
    rows: list[dict[str, Any]] = []
    for found in map_in_processes(_score_cell, tasks, jobs):
        rows += found
        count()
    return rows


def find_truth(folder: Path, split: str | None = None) -> dict[str, Truth]:
    """Find the true volumes of a data set, or of a folder of object files, by cell name.

    Raises
    ------
    FileError
        If there are none, or two of one cell.
    """
    if split is None and folder.is_dir():
        files = tiff_files(folder)
        if files:
            return {name: Truth(path) for name, path in one_each(files).items()}
    cells = find_cells(folder, split=split, need_obj=True)
    count = Counter(cell.name for cell in cells)
    return {
        cell.name: Truth(cell.obj, cell.mask, count[cell.name] > 1) for cell in cells if cell.obj
    }


def _score_cell(
    task: tuple[Path, str, Path, Path | None, Path | None],
) -> list[dict[str, Any]]:
    predictions, name, obj, mask, similar = task
    drawn = opened(predictions)
    truth = binarise(read_framed_obj(obj, drawn.grid(name)))
    known = measure(truth)  # once for all shapes: it is half of the work
    scored = score_ensemble(
        name, drawn.samples(name), drawn.probability(name) > 0.5, truth, known=known
    )
    if mask is not None:
        section = read_mask(mask)
        scored += [
            _row(name, kind, "", make(section), truth, known) for kind, make in GEOMETRIC.items()
        ]
    if similar is not None:
        scored.append(_row(name, NEAREST, "", binarise(read_obj(similar)), truth, known))
    return scored


def score_ensemble(
    name: str,
    samples: Sequence[np.ndarray] | np.ndarray,
    consensus: np.ndarray,
    truth: np.ndarray,
    *,
    known: Measures | None = None,
    of_samples: Sequence[Measures] | None = None,
    of_consensus: Measures | None = None,
) -> list[dict[str, Any]]:
    """Score the shapes of a cell against the truth.

    Parameters
    ----------
    name : str
        The cell.
    samples : sequence of ndarray
        bool, (Z, Y, X) each.
    consensus, truth : ndarray
        bool, (Z, Y, X).
    known, of_samples, of_consensus : Measures, optional
        Measures of the truth, each sample and the consensus, where they are at hand.

    Returns
    -------
    list of dict
        Rows as `Evaluation.rows`: the samples, the consensus and the best sample.

    Raises
    ------
    ArrayError
        If the truth is empty or of another size.
    """
    known = known or measure(truth)
    of_each: Sequence[Measures | None] = of_samples or [None] * len(samples)
    scored = [
        _row(name, SAMPLES, k, sample, truth, known, own)
        for k, (sample, own) in enumerate(zip(samples, of_each, strict=True))
    ]
    best = max(scored, key=lambda row: row["iou"])
    scored.append(_row(name, CONSENSUS, "", consensus, truth, known, of_consensus))
    scored.append({**best, "shape": BEST})
    return scored


def _row(
    name: str,
    shape: str,
    sample: int | str,
    body: np.ndarray,
    truth: np.ndarray,
    known: Measures,
    own: Measures | None = None,
) -> dict[str, Any]:
    own = own or measure(body)
    return {
        "name": name,
        "class": parse_name(name).cell_class or "",
        "shape": shape,
        "sample": sample,
        **dataclasses.asdict(score(body, truth, known, own)),
        "volume_voxels": own.volume,
        "true_volume_voxels": known.volume,
        "boundary_voxels": own.surface,
        "true_boundary_voxels": known.surface,
    }


def _statistics(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    found = {}
    for metric in METRICS:
        values = np.array([row[metric] for row in rows], float)
        found[f"{metric}_mean"] = float(values.mean())
        found[f"{metric}_sd"] = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        found[f"{metric}_median"] = float(np.median(values))
    return found

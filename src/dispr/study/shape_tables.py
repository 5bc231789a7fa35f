"""Scores of the shapes of all folds: from rows of cells to tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.classes import CLASSES
from dispr.errors import FileError
from dispr.records import read_csv
from dispr.scores.evaluate import BEST, CONSENSUS, SAMPLES
from dispr.scores.intervals import Stated, interval_scores, stated_intervals
from dispr.scores.shape import METRICS
from dispr.study.class_scores import mean_sd

NUMBERS = (
    *METRICS,
    "fold",
    "volume_voxels",
    "true_volume_voxels",
    "boundary_voxels",
    "true_boundary_voxels",
)


def label(method: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Name the method of each row of scores, in the column `method`.

    "fast, consensus", "fast, single samples" and "fast, best of N"; "regression" for a network that
    gives one shape; baselines keep their names.
    """
    one = all(int(row["sample"]) == 0 for row in rows if row["shape"] == SAMPLES)
    named = []
    for row in rows:
        kind = row["shape"]
        if kind not in (SAMPLES, CONSENSUS, BEST):
            named.append({"method": kind, **row})
        elif not one:
            named.append({"method": f"{method}, {kind}", **row})
        elif kind == CONSENSUS:
            named.append({"method": method, **row})
    return named


def read_scores(path: Path) -> list[dict[str, Any]]:
    """Read rows of scores back, with their numbers."""
    columns = ["method", "name", "shape", "class", "fold", *METRICS]
    rows = read_csv(path, columns, remedy="remove it to score again")
    try:
        return [
            {key: float(value) if key in NUMBERS else value for key, value in row.items()}
            for row in rows
        ]
    except ValueError as error:
        raise FileError(f"{path} is damaged ({error}); remove it to score again.") from error


def over_folds(
    rows: Sequence[Mapping[str, Any]], cell_class: str | None = None
) -> list[dict[str, Any]]:
    """Mean and standard deviation of the scores over the folds, for each method.

    Parameters
    ----------
    rows : sequence of dict
        Of `read_scores`.
    cell_class : str, optional
        Only cells of this class, in the folds that have some.

    Returns
    -------
    list of dict
        method, class, folds, cells, and of each metric `<metric>_mean` and `<metric>_sd`: of the
        means over the cells of a fold; the deviation is that of a sample (n - 1), NaN for one fold.
    """
    found = []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [
            row for row in rows if row["method"] == method and cell_class in (None, row["class"])
        ]
        if not own:
            continue
        folds = sorted({row["fold"] for row in own})
        line: dict[str, Any] = {
            "method": method,
            "class": cell_class or "all",
            "folds": len(folds),
            "cells": len({row["name"] for row in own}),
        }
        for metric in METRICS:
            means = [np.mean([row[metric] for row in own if row["fold"] == fold]) for fold in folds]
            line[f"{metric}_mean"], line[f"{metric}_sd"] = mean_sd(means)
        found.append(line)
    return found


def classes_in(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the classes of the cells, in the published order."""
    present = {row["class"] for row in rows}
    return [name for name in CLASSES if name in present]


def coverage(rows: Sequence[Mapping[str, Any]], folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Score the intervals that the folds' predictions state; see `interval_scores`.

    Parameters
    ----------
    rows : sequence of dict
        Of `read_scores`, of one method.
    folders : sequence of Path
        Predictions of each fold; of these, the test cells are looked at.
    """
    found = []
    ends: dict[str, Any] = {}
    familiarity: dict[str, float] = {}
    level = None
    for number, folder in enumerate(folders):
        own = [row for row in rows if row["shape"] == SAMPLES and row["fold"] == number]
        names = {row["name"] for row in own}
        stated = stated_intervals(folder)
        level = stated.level
        ends |= {name: stated.ends[name] for name in names & stated.ends.keys()}
        familiarity |= {n: stated.familiarity[n] for n in names & stated.familiarity.keys()}
        found += own
    return interval_scores(found, Stated(ends, level, familiarity))

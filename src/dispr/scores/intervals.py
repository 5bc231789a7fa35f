"""How far stated intervals, and the spread of an ensemble, agree with the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.prediction.files import PredictionFolder

QUANTITIES = ("volume", "boundary")
"""Measures whose intervals the table of predictions states."""


def stated_intervals(predictions: Path) -> dict[str, dict[str, tuple[float, float]]]:
    """Read the intervals of a prediction folder: by cell name and quantity, (low, high).

    Cells and quantities without intervals are left out; there are none without the table.

    Raises
    ------
    FileError
        If the table cannot be read.
    """
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for row in PredictionFolder(predictions).rows():
        for quantity in QUANTITIES:
            low, high = (row.get(f"{quantity}_{side}_voxels") for side in ("low", "high"))
            if low and high:
                found.setdefault(row["name"], {})[quantity] = (float(low), float(high))
    return found


def interval_scores(
    rows: Sequence[Mapping[str, Any]],
    intervals: Mapping[str, Mapping[str, tuple[float, float]]],
) -> list[dict[str, Any]]:
    """Score intervals and spread, of all cells and by class.

    Parameters
    ----------
    rows : sequence of dict
        Those of the single samples in an `Evaluation`.
    intervals : mapping
        What `stated_intervals` gave.

    Returns
    -------
    list of dict
        One for each quantity and class ("all" first): quantity, class, cells, held (share of the
        cells whose true value lies in the interval), width (mean of (high - low) / true) and crps
        (mean continuous ranked probability score of the samples over the true value; Gneiting and
        Raftery 2007, eq. 21, in the form that is fair to small ensembles).
    """
    cells: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["name"] in intervals:
            cells.setdefault(row["name"], []).append(row)
    classes = sorted({group[0]["class"] for group in cells.values()})
    result = []
    for quantity in QUANTITIES:
        for chosen in ["all", *classes] if len(classes) > 1 else ["all"]:
            held, width, crps = [], [], []
            for name, group in cells.items():
                if chosen not in ("all", group[0]["class"]) or quantity not in intervals[name]:
                    continue
                low, high = intervals[name][quantity]
                true = float(group[0][f"true_{quantity}_voxels"])
                held.append(low <= true <= high)
                width.append((high - low) / true)
                crps.append(fair_crps([row[f"{quantity}_voxels"] for row in group], true) / true)
            if held:
                result.append(
                    {
                        "quantity": quantity,
                        "class": chosen or "unknown",
                        "cells": len(held),
                        "held": float(np.mean(held)),
                        "width": float(np.mean(width)),
                        "crps": float(np.mean(crps)),
                    }
                )
    return result


def fair_crps(values: Sequence[float], true: float) -> float:
    """Continuous ranked probability score of an ensemble, in the unit of the values.

    mean |x - true| - sum |x - x'| / (2 n (n - 1)); NaN for a single value.
    """
    x = np.asarray(values, float)
    if len(x) < 2:
        return math.nan
    pairs = np.abs(x[:, None] - x[None]).sum() / (2 * len(x) * (len(x) - 1))
    return float(np.abs(x - true).mean() - pairs)

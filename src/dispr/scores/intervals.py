"""How often stated intervals contain the truth: of all cells, and of groups of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dispr.intervals.coverage import coverage_of, coverage_text
from dispr.prediction.files import PredictionFolder

QUANTITIES = ("volume", "boundary")
"""Measures whose intervals the table of predictions states."""

INTERVAL_HEADS = ["interval of", "cells", "number", "coverage", "mean width"]


@dataclass(frozen=True)
class Stated:
    """What a table of predictions states.

    Attributes
    ----------
    ends : mapping of str to mapping
        By cell name and quantity: low and high, in voxels. Cells and quantities without intervals
        are left out.
    level : float or None
        Of the intervals; None where the record does not tell.
    familiarity : mapping of str to float
        By cell name, where it is known.
    """

    ends: Mapping[str, Mapping[str, tuple[float, float]]]
    level: float | None = None
    familiarity: Mapping[str, float] = field(default_factory=dict)


def stated_intervals(predictions: Path) -> Stated:
    """Read the intervals of a prediction folder; there are none without the table.

    Raises
    ------
    FileError
        If the table cannot be read.
    """
    folder = PredictionFolder(predictions)
    ends: dict[str, dict[str, tuple[float, float]]] = {}
    familiarity: dict[str, float] = {}
    for row in folder.rows():
        for quantity in QUANTITIES:
            low, high = (row.get(f"{quantity}_{side}_voxels") for side in ("low", "high"))
            if low and high:
                ends.setdefault(row["name"], {})[quantity] = (float(low), float(high))
        if row.get("familiarity"):
            familiarity[row["name"]] = float(row["familiarity"])
    intervals = folder.intervals()
    return Stated(ends, None if intervals is None else intervals.level, familiarity)


def interval_scores(rows: Sequence[Mapping[str, Any]], stated: Stated) -> list[dict[str, Any]]:
    """Score intervals, of all cells and of groups: classes, thirds by size, halves by familiarity.

    Parameters
    ----------
    rows : sequence of dict
        Those of the single samples in an `Evaluation`.
    stated : Stated
        What the predictions state.

    Returns
    -------
    list of dict
        One for each quantity and group ("all" first): quantity, group, level, cells, held (share of
        the cells whose true value lies in the interval), held_low and held_high (its bounds, as if
        the cells were independent; `exact_bounds`), and width (mean of (high - low) / true).
    """
    cells: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["name"] in stated.ends:
            cells.setdefault(row["name"], []).append(row)
    result = []
    for quantity in QUANTITIES:
        names = [name for name in cells if quantity in stated.ends[name]]
        for group, chosen in _groups(names, cells, stated).items():
            held, width = [], []
            for name in chosen:
                low, high = stated.ends[name][quantity]
                true = float(cells[name][0][f"true_{quantity}_voxels"])
                held.append(low <= true <= high)
                width.append((high - low) / true)
            result.append(
                {
                    "quantity": quantity,
                    "group": group,
                    "level": stated.level,
                    **coverage_of(held),
                    "width": float(np.mean(width)),
                }
            )
    return result


def interval_line(row: Mapping[str, Any]) -> list[str]:
    """Lay out a row of `interval_scores` as text, under `INTERVAL_HEADS`."""
    about = [row["quantity"], row["group"], str(row["cells"])]
    return [*about, coverage_text(row), f"{row['width']:.1%}"]


def _groups(
    names: Sequence[str], cells: Mapping[str, Sequence[Mapping[str, Any]]], stated: Stated
) -> dict[str, list[str]]:
    """Name the cells of each group; groups of all the cells, or of none, are left out."""
    found = {"all": list(names)} if names else {}
    classes = sorted({cells[name][0]["class"] for name in names})
    if len(classes) > 1:
        for one in classes:
            chosen = [name for name in names if cells[name][0]["class"] == one]
            found[one or "unknown class"] = chosen

    def size(name: str) -> float:
        return float(np.mean([row["volume_voxels"] for row in cells[name]]))

    thirds = ("smallest third", "middle third", "largest third")
    found |= _parts(names, size, [f"{part} (predicted volume)" for part in thirds])
    known = [name for name in names if name in stated.familiarity]
    halves = ("less familiar half", "more familiar half")
    return found | _parts(known, stated.familiarity.__getitem__, halves)


def _parts(
    names: Sequence[str], value: Callable[[str], float], titles: Sequence[str]
) -> dict[str, list[str]]:
    """Cut cells that are sorted by a value into equal parts; none of a few cells."""
    if len(names) < 10 * len(titles):
        return {}
    order = sorted(names, key=lambda name: (value(name), name))
    return {
        title: [order[i] for i in part]
        for title, part in zip(
            titles, np.array_split(np.arange(len(order)), len(titles)), strict=True
        )
    }

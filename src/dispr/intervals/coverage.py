"""How often intervals contain the truth of cells that they were not fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dispr.cells.classes import parse_name
from dispr.intervals.known import Known
from dispr.intervals.quantiles import conformal_quantile, exact_bounds

FEWEST = 5
"""Cells of the smallest group that is listed."""


def held_out(known: Known, measures: Sequence[str], level: float) -> list[dict[str, Any]]:
    """Judge the calibration cells of each block by intervals fitted to the other blocks.

    Parameters
    ----------
    known : Known
        The calibration cells.
    measures : sequence of str
        Names of measures without units.
    level : float
        Fraction of cells whose true value the intervals shall contain.

    Returns
    -------
    list of dict
        For each measure, and group of cells ("all", the classes, the smaller and the larger half by
        predicted volume): measure, group, cells, held (share of cells whose true value is inside),
        held_low, held_high (`exact_bounds`, as if cells were independent). Empty for a single
        block, or where the others are too few for this level.
    """
    blocks = np.array(known.blocks)
    found = []
    for measure in measures:
        if measure not in known.largest:
            continue
        sizes = np.abs(known.largest[measure].residuals)
        held = np.full(len(sizes), np.nan)
        for block in np.unique(blocks):
            reach = conformal_quantile(sizes[blocks != block], level)
            if reach is not None:
                inside = (blocks == block) & np.isfinite(sizes)
                held[inside] = sizes[inside] <= reach
        for group, chosen in _groups(known).items():
            values = held[chosen & np.isfinite(held)]
            if len(values) >= (1 if group == "all" else FEWEST):
                found.append({"measure": measure, "group": group, **coverage_of(values)})
    return found


def coverage_of(held: Sequence[bool] | np.ndarray) -> dict[str, Any]:
    """Give the share of cells that are held, and its bounds (`exact_bounds`).

    Parameters
    ----------
    held : sequence of bool
        Whether the true value of each cell is inside; of one cell at least.

    Returns
    -------
    dict
        cells, their number; held, the share; held_low and held_high.
    """
    low, high = exact_bounds(int(np.sum(held)), len(held))
    share = float(np.mean(held))
    return {"cells": len(held), "held": share, "held_low": low, "held_high": high}


def coverage_text(row: Mapping[str, Any]) -> str:
    """Write what `coverage_of` gave: "90.0% (80% to 96%)"."""
    return f"{row['held']:.1%} ({row['held_low']:.0%} to {row['held_high']:.0%})"


def _groups(known: Known) -> dict[str, np.ndarray]:
    """Give which cells are of each group."""
    found = {"all": np.full(len(known.names), True)}
    classes = np.array([parse_name(name).cell_class or "" for name in known.names])
    for one in np.unique(classes):
        if one and (classes != one).any():
            found[str(one)] = classes == one
    volumes = np.array(known.values["volume"], float)
    small = volumes <= np.nanmedian(volumes)
    return found | {"smaller half": small, "larger half": ~small}

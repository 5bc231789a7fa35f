"""How often intervals contain the truth of cells that they were not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dispr.cells.classes import parse_name
from dispr.intervals.known import Known
from dispr.intervals.quantiles import conformal_rank, exact_bounds, fewest_cells

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
    errors = known.errors.get(max(known.errors, default=0), {})
    found = []
    for measure in measures:
        if measure not in errors:
            continue
        sizes = np.abs(errors[measure].residuals)
        held = np.full(len(sizes), np.nan)
        for block in np.unique(blocks):
            others = np.sort(sizes[(blocks != block) & np.isfinite(sizes)])
            if len(others) >= fewest_cells(level):
                inside = (blocks == block) & np.isfinite(sizes)
                held[inside] = sizes[inside] <= others[conformal_rank(len(others), level) - 1]
        for group, chosen in _groups(known).items():
            values = held[chosen & np.isfinite(held)]
            if len(values) >= (1 if group == "all" else FEWEST):
                low, high = exact_bounds(int(values.sum()), len(values))
                line = {"measure": measure, "group": group, "cells": len(values)}
                line |= {"held": float(values.mean()), "held_low": low, "held_high": high}
                found.append(line)
    return found


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

"""How far the spread of an ensemble agrees with the truth, by its independent samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dispr.diffusion.streams import BLOCK
from dispr.scores.intervals import QUANTITIES


def ensemble_scores(
    rows: Sequence[Mapping[str, Any]], balanced: bool = False
) -> list[dict[str, Any]]:
    """Score the samples of cells as draws from a distribution, relative to the true value.

    The noise of samples can be balanced in fives (`dispr.diffusion.streams.BalancedStream`). These
    five are not independent, and differ more than independent ones, so that scores of them would be
    too good. Only samples of different fives are compared with each other then, so it takes ten.

    Parameters
    ----------
    rows : sequence of dict
        Those of the single samples in an `Evaluation`, in their order.
    balanced : bool
        Whether the noise of the samples is balanced.

    Returns
    -------
    list of dict
        One for each of `QUANTITIES`, and one for all of them together: quantity; cells; draws
        (independent samples of a cell); crps (mean fair continuous ranked probability score;
        together the fair energy score); spread_to_error (root mean square of the samples' standard
        deviation, with the factor (1 + 1/draws)^1/2, over that of the error of their mean: 1 if
        they are drawn from the right distribution, less if they are too alike; Fortin et al. 2014,
        J. Hydrometeorol. 15:1708); ranks (in how many cells the true value has rank 0, 1, ... among
        the draws: equal numbers if they are right). The last two are missing together. Empty
        without two independent samples.
    """
    cells: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        cells.setdefault(row["name"], []).append(row)
    least = BLOCK + 1 if balanced else 2
    counts = {len(group) for group in cells.values()}
    if not cells or min(counts) < least or len(counts) > 1:
        return []
    count = counts.pop()
    blocks = np.arange(count) // BLOCK if balanced else np.arange(count)
    drawn = np.array(
        [[[row[f"{q}_voxels"] for q in QUANTITIES] for row in group] for group in cells.values()],
        float,
    )
    true = np.array(
        [[group[0][f"true_{q}_voxels"] for q in QUANTITIES] for group in cells.values()], float
    )
    drawn, true = drawn / true[:, None], np.ones_like(true)
    first = np.unique(blocks, return_index=True)[1]
    found = []
    for i, quantity in enumerate(QUANTITIES):
        values, aim = drawn[:, :, i], true[:, i]
        independent = values[:, first]
        ranks = (independent < aim[:, None]).sum(axis=1)
        found.append(
            {
                "quantity": quantity,
                "cells": len(cells),
                "draws": len(first),
                "crps": _mean_score(drawn[:, :, i : i + 1], true[:, i : i + 1], blocks),
                "spread_to_error": _spread_to_error(independent, aim),
                "ranks": " ".join(map(str, np.bincount(ranks, minlength=len(first) + 1))),
            }
        )
    together = " and ".join(QUANTITIES)
    score = _mean_score(drawn, true, blocks)
    found.append({"quantity": together, "cells": len(cells), "draws": len(first), "crps": score})
    return found


def _mean_score(drawn: np.ndarray, true: np.ndarray, blocks: np.ndarray) -> float:
    return float(np.mean([energy_score(x, y, blocks) for x, y in zip(drawn, true, strict=True)]))


def energy_score(
    values: np.ndarray, true: np.ndarray, blocks: Sequence[int] | np.ndarray | None = None
) -> float:
    """Energy score of an ensemble; of one measure the continuous ranked probability score.

    mean |x - true| - mean |x - x'| / 2 over the pairs of independent samples: the form that is fair
    to small ensembles (Gneiting and Raftery 2007, J. Am. Stat. Assoc. 102:359, eqs. 21 and 22).

    Parameters
    ----------
    values : ndarray
        (K,) or (K, M): M measures of K samples.
    true : ndarray
        Scalar or (M,).
    blocks : sequence of int, optional
        (K,): samples of one block are not independent; each is if not given.

    Returns
    -------
    float
        In the unit of the values; NaN without independent samples.
    """
    x = np.asarray(values, float).reshape(len(values), -1)
    groups = np.arange(len(x)) if blocks is None else np.asarray(blocks)
    apart = groups[:, None] != groups[None]
    if not apart.any():
        return math.nan
    pairs = np.linalg.norm(x[:, None] - x[None], axis=2)[apart].mean() / 2
    return float(np.linalg.norm(x - np.asarray(true, float), axis=1).mean() - pairs)


def _spread_to_error(values: np.ndarray, true: np.ndarray) -> float:
    draws = values.shape[1]
    spread = math.sqrt((1 + 1 / draws) * values.var(axis=1, ddof=1).mean())
    error = math.sqrt(((values.mean(axis=1) - true) ** 2).mean())
    return spread / error if error > 0 else math.nan

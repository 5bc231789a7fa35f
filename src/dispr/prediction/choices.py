"""Known planes to calibrate with: random ones of each calibration cell, by what they leave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from dispr.cells.arrays import SECTION, SIZE
from dispr.cells.planes import DRAWS, choose_planes
from dispr.diffusion.streams import generator
from dispr.intervals.distance import plane_distance
from dispr.prediction.planes import Planes, hold_planes, outline_depths

DISTANCES = (0.09, 0.14, 0.22, 0.4, 1.0)
"""Distances from known planes (`dispr.intervals.distance`) up to which errors are calibrated
together. The first three are a little above those that nine, five and three planes leave where they
are evenly spread; planes on one side alone leave more than 0.4."""

TRIES = 150
"""Choices of planes of a cell among which all distances are looked for."""


def planes_by_distance(
    drawn: np.ndarray, truth: np.ndarray, mask: np.ndarray, key: Sequence[object]
) -> dict[float, tuple[Planes, np.ndarray]]:
    """Choose known planes of a cell whose shape is known, as they are chosen in training.

    Parameters
    ----------
    drawn : ndarray
        Its drawn shapes as they come from the network, bool, (K, 64, 64, 64).
    truth : ndarray
        Its shape, bool, (64, 64, 64).
    mask : ndarray
        Of its section, (64, 64) uint8.
    key : sequence
        What the random numbers depend on.

    Returns
    -------
    dict of float to (dict of int to ndarray, ndarray)
        By the limit in `DISTANCES`: the masks of further planes, (64, 64) uint8, by their numbers,
        and the shapes that are held to them, as `drawn`, whose distance from known planes is up to
        the limit and above the one before. A limit is left out where no choice was found.
    """
    filled = np.flatnonzero(truth.any(axis=(1, 2)))
    if not len(filled):
        return {}
    low, high = int(filled[0]), int(filled[-1])
    depths = [outline_depths(shape) for shape in drawn]
    random = generator("calibration planes", *key)
    found: dict[float, tuple[Planes, np.ndarray]] = {}
    for _ in range(TRIES):
        draws = torch.rand(DRAWS, generator=random).tolist()
        numbers = choose_planes(low, high, SIZE, draws)
        planes = {z: truth[z].astype(np.uint8) * 255 for z in numbers if z != SECTION}
        if not planes:
            continue
        known = {SECTION: mask, **planes}
        pairs = zip(drawn, depths, strict=True)
        held = np.stack([hold_planes(shape, known, depth) for shape, depth in pairs])
        distance = plane_distance(held.mean(axis=0, dtype=np.float32) > 0.5, known)
        limit = next(limit for limit in DISTANCES if distance <= limit)
        found.setdefault(limit, (planes, held))
        if len(found) == len(DISTANCES):
            break
    return dict(sorted(found.items()))

"""The classes of red blood cells by the classifier that comes with the package."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from dispr.cells.classes import parse_name
from dispr.model.shipped import shipped_weights
from dispr.recognition.features import outline_features
from dispr.recognition.kept import KeptClassifier, read_kept

COLUMNS = ("predicted_class", "class_probability", "sde_score")
"""What tables say of the class of a cell (`KeptClassifier.row_of`)."""

SURE = 0.8
"""Probability that the likeliest class must reach to be named.

Higher than for a classifier of a lab's own cells: of cells unlike the published ones, simulated
ones for example, fewer are named rightly than the probabilities say.
"""

MOST_OTHERS = 0.1
"""Share of training cells of other names in a model of red blood cells."""


@cache
def red_cell_classifier() -> KeptClassifier:
    """Read the classifier; FileError if it is missing or not the one that was shipped.

    It was fitted to the training cells of the shipped model (`dispr classify --features outline
    --classifiers linear`).
    """
    return read_kept(*shipped_weights("classes"))


def are_red_cells(names: Iterable[str]) -> bool:
    """Whether training cells are red blood cells: nearly all are named by a published type."""
    known = [parse_name(str(name)).cell_class is not None for name in names]
    return bool(known) and sum(known) >= (1 - MOST_OTHERS) * len(known)


def recognise(image: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    """Name the class of a red blood cell by its section.

    Parameters
    ----------
    image, mask : ndarray
        uint8, (64, 64), framed as the training cells are.

    Returns
    -------
    dict
        `COLUMNS`: the class or "not sure", the probability of the likeliest class, and for SDE
        cells the score from -1, spherocyte, over 0, discocyte, to 1, echinocyte III.
    """
    classifier = red_cell_classifier()
    features = outline_features(image, mask)
    likely, scores = classifier.told(np.array([[*features.values()]]), list(features))
    return classifier.row_of(likely[0], float(scores[0]), SURE)

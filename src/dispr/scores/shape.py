"""Scores of one predicted shape against the true one, as the field computes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dispr.errors import ArrayError
from dispr.images.given import as_array
from dispr.morphology.voxels import convexity, roughness, surface, volume

METRICS = ("iou", "volume_error", "surface_error", "roughness_error", "convexity_error")


@dataclass(frozen=True)
class Scores:
    """How well a predicted shape agrees with the true one.

    Attributes
    ----------
    iou : float
        Intersection over union, 0 to 1.
    volume_error, surface_error, roughness_error, convexity_error : float
        `|predicted - true| / true` of the measure, 0 or more.
    """

    iou: float
    volume_error: float
    surface_error: float
    roughness_error: float
    convexity_error: float


@dataclass(frozen=True)
class Measures:
    """What the errors compare.

    Attributes
    ----------
    volume, surface, roughness : int
        Voxels; see the functions of these names.
    convexity : float
        0 to 1.
    """

    volume: int
    surface: int
    roughness: int
    convexity: float


def score(
    predicted: Any,
    truth: Any,
    truth_measures: Measures | None = None,
    measures: Measures | None = None,
) -> Scores:
    """Score a predicted volume against the true one.

    Parameters
    ----------
    predicted, truth : array-like
        (Z, Y, X), with the same shape: bool, or grey values, which are binarised (see `binarise`).
    truth_measures : Measures, optional
        The result of `measure` for the binary true volume, to score several predictions faster.
    measures : Measures, optional
        That for the binary predicted volume, where it is at hand.

    Returns
    -------
    Scores
        An empty prediction has an IoU of 0 and errors of 1.

    Raises
    ------
    ArrayError
        If the array shapes differ, a volume is not 3D or has invalid values, or the true volume is
        empty.
    """
    ours, true = binarise(predicted), binarise(truth)
    if ours.shape != true.shape:
        raise ArrayError(
            f"The prediction {ours.shape} and the truth {true.shape} have different shapes."
        )
    if true.ndim != 3:
        raise ArrayError(f"The volumes have the shape {true.shape}; give 3D volumes (Z, Y, X).")
    if not true.any():
        raise ArrayError("The true volume is empty, so no score can be computed.")
    mine, known = measures or measure(ours), truth_measures or measure(true)
    return Scores(
        iou(ours, true),
        relative_error(mine.volume, known.volume),
        relative_error(mine.surface, known.surface),
        relative_error(mine.roughness, known.roughness),
        relative_error(mine.convexity, known.convexity),
    )


def measure(body: np.ndarray) -> Measures:
    """Measure a boolean volume (Z, Y, X)."""
    return Measures(volume(body), surface(body), roughness(body), convexity(body))


def measures_of(body: np.ndarray, values: Mapping[str, float]) -> Measures:
    """Take the measures of a boolean volume from those of `shape_values`, of any spacing."""
    if not body.any():
        return measure(body)
    whole = int(values["boundary"]), int(values["roughness_gauss"])
    return Measures(volume(body), *whole, values["convexity"])


def binarise(array: Any) -> np.ndarray:
    """Divide by the maximum and threshold by Otsu's method, as the field does.

    On published objects this equals `> 127`. Boolean volumes are returned as they are; where all
    values are equal, all count as occupied unless they are 0.

    Raises
    ------
    ArrayError
        If this is not an array of finite numbers from 0 up, of which a maximum can be divided by.
    """
    array = as_array(array, "a volume to score")
    if array.dtype == bool:
        return array
    if array.dtype.kind not in "uif" or not array.size:
        raise ArrayError("A volume to score must contain Boolean or grey values.")
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(high) and low >= 0):  # NaN is neither
        raise ArrayError("A volume to score must contain finite grey values of at least 0.")
    from skimage.filters import threshold_otsu

    if low == high:
        return np.full(array.shape, high > 0)
    scaled = array / high
    return scaled > threshold_otsu(scaled)


def relative_error(predicted: float, true: float) -> float:
    """Give |predicted - true| / true; 0 if both are 0, infinity if only the truth is."""
    if true == 0:
        return 0.0 if predicted == 0 else float("inf")
    return abs(predicted - true) / true


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boolean volumes; 1 if both are empty."""
    union = np.count_nonzero(a | b)
    return int(np.count_nonzero(a & b)) / int(union) if union else 1.0

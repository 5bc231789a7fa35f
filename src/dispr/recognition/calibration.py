"""Probabilities of classes that mean what they say: of cells given 80 %, eight in ten are right.

A classifier's own probabilities are too sure of themselves or too timid, and rare classes that were
oversampled in training are too likely. Both are set right by a slope and a shift for each class on
the logarithms of the probabilities (vector scaling with one slope; Guo et al., ICML 2017, section
4.2). They are fitted to probabilities of cells that the classifier was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from dispr.errors import ConfigError

LEAST = 1e-3
"""Probability that a lower one is taken for: a forest without a vote for a class is not certain."""

SURE = 0.5
"""Default probability that a cell's likeliest class must reach to be named."""

UNSURE = "not sure"
"""What stands for a class where none reaches the level."""


@dataclass(frozen=True)
class Calibration:
    """Slope and shifts of the logarithms of probabilities; made by `fit_calibration`.

    Attributes
    ----------
    slope : float
        Above 0: below 1, the classifier was too sure.
    shifts : tuple of float
        (C,): below 0 for a class that the classifier found too often.
    """

    slope: float
    shifts: tuple[float, ...]

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Set probabilities right, (N, C) to (N, C); the rows add up to 1."""
        values = self.slope * _logarithms(probabilities) + np.array(self.shifts)
        found: np.ndarray = softmax(values, axis=1)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Give slope and shifts as JSON values."""
        return {"slope": self.slope, "shifts": list(self.shifts)}


def calibration_from(values: Any, classes: int) -> Calibration:
    """Make a calibration of so many classes from what `Calibration.to_dict` gave.

    ConfigError is raised for anything else.
    """
    try:
        found = Calibration(float(values["slope"]), tuple(map(float, values["shifts"])))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError("this is no calibration of probabilities.") from error
    numbers = np.array([found.slope, *found.shifts])
    if len(found.shifts) != classes or found.slope <= 0 or not np.isfinite(numbers).all():
        raise ConfigError("this is no calibration of the probabilities of these classes.")
    return found


def fit_calibration(probabilities: np.ndarray, truth: np.ndarray) -> Calibration:
    """Fit slope and shifts to cells that the classifier was not trained on.

    Minimises the sum over cells of minus the logarithm of the true class's probability, plus half
    the squares of the shifts and of the slope's logarithm: a class of few cells is shifted little.

    Parameters
    ----------
    probabilities : ndarray
        (N, C), each row of a classifier that has not seen the cell.
    truth : ndarray
        int, (N,): places of the true classes among the C; -1 for a class that is not among them,
        whose cells are left out.
    """
    from scipy.optimize import minimize

    known = truth >= 0
    logarithms, truth = _logarithms(probabilities[known]), truth[known]
    rows = np.arange(len(truth))
    told = np.eye(probabilities.shape[1])[truth]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        slope, shifts = np.exp(values[0]), values[1:]
        found = softmax(slope * logarithms + shifts, axis=1)
        off = found - told
        gradient = np.concatenate(
            [[slope * (off * logarithms).sum() + values[0]], off.sum(axis=0) + shifts]
        )
        cost = -np.log(np.maximum(found[rows, truth], 1e-300)).sum()
        return float(cost + (values**2).sum() / 2), gradient

    start = np.zeros(1 + probabilities.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return Calibration(float(np.exp(found[0])), tuple(float(shift) for shift in found[1:]))


def cross_fitted(probabilities: np.ndarray, truth: np.ndarray, parts: Sequence[Any]) -> np.ndarray:
    """Set probabilities right, those of each part by a calibration fitted to the others.

    To judge a calibration, not to use it. Where there is one part only, nothing changes.

    Parameters
    ----------
    probabilities, truth
        As for `fit_calibration`.
    parts : sequence
        (N,): which part, such as a fold, each cell belongs to.
    """
    of = np.array([str(part) for part in parts])
    found = np.array(probabilities, float)
    if len(set(of)) > 1:
        for part in sorted(set(of)):
            here = of == part
            found[here] = fit_calibration(probabilities[~here], truth[~here])(probabilities[here])
    return found


def calibration_error(probabilities: np.ndarray, truth: np.ndarray, bins: int = 10) -> float:
    """Give the expected calibration error, 0 to 1: mean gap of confidence and accuracy.

    Over bins of equal width of the highest probability, weighted by their cells (Guo et al. 2017,
    equation 3); parameters as for `fit_calibration`.
    """
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [
        abs(right[place == b].mean() - sure[place == b].mean()) * (place == b).sum()
        for b in np.unique(place)
    ]
    return float(sum(gaps) / len(truth))


def named(probabilities: np.ndarray, classes: Sequence[str], level: float = SURE) -> list[str]:
    """Name the likeliest class of each row, or `UNSURE` where it is less likely than the level."""
    return [classes[int(row.argmax())] if row.max() >= level else UNSURE for row in probabilities]


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    values: np.ndarray = np.log(np.maximum(probabilities, LEAST))
    return values

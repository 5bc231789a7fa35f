"""From the spread of an ensemble to an interval that holds the true value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dispr.errors import ConfigError

QUANTITIES = ("volume", "surface")


@dataclass(frozen=True)
class Calibration:
    """How far the true volume and surface lie from an ensemble's, learned from cells with truth.

    With m and s the mean and standard deviation of the logarithms of the samples' values, the
    interval is exp(m +- scale sqrt(s^2 + floor^2)): wide where the samples differ, and never
    narrower than the model's own error allows. `scale` is chosen by split conformal prediction
    (Lei et al., arXiv 1604.04173, with locally weighted residuals), so that new cells like those
    it was fitted to are held at the level on average over such fits; and, for one has but one fit,
    so that this one holds 5 % less with a certainty of 95 % (Vovk, arXiv 1209.2673, prop. 2a).

    Attributes
    ----------
    level : float
        Share of cells whose true value the interval holds.
    volume_scale, volume_floor, surface_scale, surface_floor : float
        See above; floors are relative errors.
    cells : int
        Number of cells that it was fitted to.
    """

    level: float
    volume_scale: float
    volume_floor: float
    surface_scale: float
    surface_floor: float
    cells: int

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ConfigError(f"level must be between 0 and 1, not {self.level}.")
        for quantity in QUANTITIES:
            for name in (f"{quantity}_scale", f"{quantity}_floor"):
                value = getattr(self, name)
                if not (math.isfinite(value) and value > 0):
                    raise ConfigError(f"{name} must be positive, not {value}.")

    def interval(self, quantity: str, values: Sequence[float] | np.ndarray) -> tuple[float, float]:
        """Give the interval of a quantity from its values in the samples.

        Parameters
        ----------
        quantity : "volume" or "surface"
            What was measured.
        values : sequence of float
            One value a sample, in any unit; two samples at least.

        Returns
        -------
        low, high : float
            In the unit of the values; NaN if a value is 0 or there are fewer than two samples.
        """
        found = log_statistics(values)
        if found is None:
            return math.nan, math.nan
        mean, sd = found
        half = getattr(self, f"{quantity}_scale") * math.hypot(
            sd, getattr(self, f"{quantity}_floor")
        )
        return math.exp(mean - half), math.exp(mean + half)


def containing(interval: tuple[float, float], value: float) -> tuple[float, float]:
    """Extend an interval to the value that is stated beside it; NaN stays.

    Intervals are about the samples' mean, the value stated is that of the consensus. An interval
    that is extended holds the true value no less often.
    """
    low, high = interval
    if math.isnan(low) or math.isnan(high) or math.isnan(value):
        return low, high
    return min(low, value), max(high, value)


def log_statistics(values: Sequence[float] | np.ndarray) -> tuple[float, float] | None:
    """Mean and standard deviation (n - 1) of the logarithms; None if they have none."""
    array = np.asarray(values, float)
    if len(array) < 2 or not (array > 0).all():
        return None
    logs = np.log(array)
    return float(logs.mean()), float(logs.std(ddof=1))


def fit_calibration(
    samples: Mapping[str, Sequence[Sequence[float]]],
    truth: Mapping[str, Sequence[float]],
    level: float = 0.9,
) -> Calibration:
    """Fit intervals to cells with known values.

    The floor is the one under which the errors are likeliest as draws from normal distributions
    of standard deviation a sqrt(s^2 + floor^2), with the likeliest a; the scale is the conformal
    quantile of the errors in units of sqrt(s^2 + floor^2).

    Parameters
    ----------
    samples : mapping of str to sequence of sequence of float
        By quantity ("volume", "surface"): for each cell the values of its samples.
    truth : mapping of str to sequence of float
        By quantity: the true value of each cell.
    level : float
        Share of cells that the intervals shall hold.

    Raises
    ------
    ConfigError
        If there are too few cells for this level.
    """
    settings: dict[str, Any] = {}
    for quantity in QUANTITIES:
        pairs = [
            (found, true)
            for values, true in zip(samples[quantity], truth[quantity], strict=True)
            if (found := log_statistics(values)) is not None and true > 0
        ]
        count = len(pairs)
        refuse_few(count, level)
        errors = np.array([math.log(true) - mean for (mean, _), true in pairs])
        spread = np.array([sd for (_, sd), _ in pairs])
        floor = _likeliest_floor(errors, spread)
        scores = np.sort(np.abs(errors) / np.hypot(spread, floor))
        settings[f"{quantity}_scale"] = max(float(scores[conformal_rank(count, level) - 1]), 1e-6)
        settings[f"{quantity}_floor"] = floor
        settings["cells"] = count
    return Calibration(level=level, **settings)


def fewest_cells(level: float) -> int:
    """Give the number of cells that it takes to fit an interval of this level."""
    return math.ceil(level / (1 - level) - 1e-9)


def refuse_few(count: int, level: float) -> None:
    """Refuse to fit intervals to too few cells.

    Raises
    ------
    ConfigError
        With the number of cells that it takes.
    """
    if count < fewest_cells(level):
        raise ConfigError(
            f"{count} cells with shapes are too few to fit intervals of {level:.0%}; give at least "
            f"{fewest_cells(level)}."
        )


def conformal_rank(count: int, level: float, slack: float = 0.05, certainty: float = 0.95) -> int:
    """Give the rank, from 1, of the error that intervals fitted to `count` cells shall reach to.

    The share of new cells that an interval up to the error of rank r holds is distributed as
    Beta(r, count + 1 - r). The rank is the smallest whose mean is at least the level and which
    holds level - slack with this certainty; `count` if none does.
    """
    from scipy.stats import beta

    ranks = range(math.ceil((count + 1) * level - 1e-9), count)
    sure = (r for r in ranks if beta.sf(level - slack, r, count + 1 - r) >= certainty)
    return next(sure, count)


def _likeliest_floor(errors: np.ndarray, spread: np.ndarray) -> float:
    """Search a grid from a thousandth to 1."""
    floors = np.geomspace(1e-3, 1.0, 61)
    losses = []
    for floor in floors:
        unit = np.hypot(spread, floor)
        a = math.sqrt(np.mean((errors / unit) ** 2)) or 1e-12
        losses.append(np.log(a * unit).sum())
    return float(floors[int(np.argmin(losses))])

"""Intervals of any measure that hold the true value as often as they say, learned from known cells.

The spread of an ensemble alone does not tell: samples may be too alike in roughness, say, and all
smoother than the cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dispr.errors import ConfigError, FileError
from dispr.model.calibration import fewest_cells, refuse_few
from dispr.morphology.features import SHAPE_FEATURES, Feature
from dispr.records import NUMBER, read_json, write_json

POWERS = {"length": 1, "area": 2, "volume": 3, "per length": -1, "per area": -2}
"""Power of the voxel's edge that a dimension goes with."""


@dataclass(frozen=True)
class Rule:
    """How wide the interval of a measure is.

    Attributes
    ----------
    scale : float
        Number of standard deviations to each side.
    floor : float
        Least standard deviation, for voxels with an edge of 1.
    """

    scale: float
    floor: float


@dataclass(frozen=True)
class MeasureIntervals:
    """Intervals of measures of the ensembles of one model.

    With m and s the mean and standard deviation (n - 1) of the samples' values, an interval is
    m +- scale sqrt(s^2 + floor^2), cut off where the measure cannot be. `scale` is the smallest
    that held the level on the cells it was fitted to, by the rule of split conformal prediction
    (Lei et al., arXiv 1604.04173, with locally weighted residuals), which holds for new cells like
    them.

    Attributes
    ----------
    level : float
        Share of cells whose true value an interval holds, measure by measure.
    cells : int
        Number of cells that it was fitted to.
    model : str
        Checksum of the model's parameters (`model` in prediction.json).
    samples : int
        Size of the ensembles that they are of. Nothing is known of others.
    rules : mapping of str to Rule
        By name of the measure, without unit.
    """

    level: float
    cells: int
    model: str
    samples: int
    rules: Mapping[str, Rule]

    def interval(
        self, feature: Feature, values: Sequence[float] | np.ndarray, edge: float = 1.0
    ) -> tuple[float, float]:
        """Give the interval of a measure from its values in the samples.

        Parameters
        ----------
        feature : Feature
            The measure.
        values : sequence of float
            One a sample, two at least.
        edge : float
            Edge of a voxel in the unit of the values.

        Returns
        -------
        low, high : float
            NaN for a measure without a rule, or fewer than two samples.
        """
        rule = self.rules.get(feature.name)
        array = np.asarray(values, float)
        array = array[np.isfinite(array)]
        if rule is None or len(array) < 2:
            return math.nan, math.nan
        floor = rule.floor * edge ** POWERS.get(feature.dimension, 0)
        half = rule.scale * math.hypot(array.std(ddof=1), floor)
        centre = float(array.mean())
        return max(centre - half, feature.low), min(centre + half, feature.high)


def fit_intervals(
    samples: Sequence[Sequence[Mapping[str, float]]],
    truth: Sequence[Mapping[str, float]],
    model: str,
    level: float = 0.9,
) -> MeasureIntervals:
    """Fit intervals to cells whose shapes are known.

    Parameters
    ----------
    samples : sequence of sequence of mapping
        For each cell, the measures of each sample in voxels, by names without units. Of each cell
        as many samples.
    truth : sequence of mapping
        The measures of each true shape.
    model : str
        Checksum of the model that drew the samples.
    level : float
        Share of cells that an interval shall hold.

    Raises
    ------
    ConfigError
        If there are too few cells, or their ensembles are of several sizes.
    """
    need = fewest_cells(level)
    refuse_few(len(truth), level)
    sizes = sorted({len(cell) for cell in samples})
    if len(sizes) > 1:
        raise ConfigError(
            f"some cells have {sizes[0]} samples and some {sizes[-1]}; predict all with one "
            "--ensemble."
        )
    rules = {}
    for feature in SHAPE_FEATURES:
        pairs = []
        for cell, true in zip(samples, truth, strict=True):
            values = np.array([sample[feature.name] for sample in cell])
            values = values[np.isfinite(values)]
            if len(values) > 1 and math.isfinite(true[feature.name]):
                pairs.append((abs(true[feature.name] - values.mean()), values.std(ddof=1)))
        if len(pairs) < need:
            continue
        errors, spread = np.array(pairs).T
        floor = _likeliest_floor(errors, spread)
        ranked = np.sort(errors / np.hypot(spread, floor))
        rank = math.ceil((len(pairs) + 1) * level - 1e-9)
        rules[feature.name] = Rule(float(f"{ranked[rank - 1]:.5g}"), float(f"{floor:.5g}"))
    return MeasureIntervals(level, len(truth), model, sizes[0], rules)


def _likeliest_floor(errors: np.ndarray, spread: np.ndarray) -> float:
    """Choose the floor under which errors are likeliest to be of a sqrt(s^2 + floor^2)."""
    size = math.sqrt((errors**2).mean()) or 1e-9
    floors = size * np.geomspace(1e-2, 10, 61)
    losses = []
    for floor in floors:
        unit = np.hypot(spread, floor)
        a = math.sqrt(((errors / unit) ** 2).mean()) or 1e-12
        losses.append(np.log(a * unit).sum())
    return float(floors[int(np.argmin(losses))])


def save_intervals(path: Path, intervals: MeasureIntervals) -> None:
    """Write intervals as JSON.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    rules = {name: [rule.scale, rule.floor] for name, rule in intervals.rules.items()}
    content = {
        "level": intervals.level,
        "cells": intervals.cells,
        "model": intervals.model,
        "samples": intervals.samples,
        "rules": rules,
    }
    write_json(path, content, sealed=True)


def load_intervals(path: Path) -> MeasureIntervals:
    """Read intervals that `save_intervals` wrote.

    Raises
    ------
    FileError
        If the file is missing or holds something else.
    """
    kinds = {"rules": dict, "level": NUMBER, "cells": int, "model": str, "samples": int}
    content = read_json(path, kinds, remedy="fit the intervals again")
    try:
        rules = {str(name): Rule(*map(float, rule)) for name, rule in content["rules"].items()}
        level, cells, samples = content["level"], content["cells"], content["samples"]
        model = str(content["model"])
        return MeasureIntervals(float(level), int(cells), model, int(samples), rules)
    except (ValueError, TypeError) as error:
        raise FileError(f"{path} holds no intervals of measures; fit them again.") from error

"""Compare two conditions measure by measure: choose the method, and say what is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from dispr.comparison.condition import Condition, common_edge, common_unit
from dispr.comparison.effects import hedges_g, kolmogorov_smirnov, superiority
from dispr.comparison.estimates import LEVEL, Estimate, holm
from dispr.comparison.known import prediction_powered
from dispr.comparison.means import Comparison, compare_values, only_predicted
from dispr.comparison.relation import Relation, fit_relation
from dispr.comparison.sample import Sample, shared
from dispr.errors import ConfigError
from dispr.intervals.rules import Intervals
from dispr.measurements.columns import written
from dispr.morphology.features import MAIN_SHAPE, SHAPE_FEATURES, Feature, Unit

Method = Literal["known cells", "calibration", "predictions only", "measured"]

ASSUMPTIONS: dict[Method, str] = {
    "known cells": "The known cells of each condition are a random sample of its cells.",
    "calibration": (
        "True and predicted values are related as in the calibration cells of the model, equally "
        "in both conditions but for a shift as large as those between blocks of calibration cells."
    ),
    "predictions only": "None: nothing is claimed of the true shapes.",
    "measured": "The shapes are measured without error.",
}

FEATURES = {feature.name: feature for feature in SHAPE_FEATURES}

FAR_OUT = 0.2
"""Share of cells beyond the calibration cells from which on nothing is claimed."""


@dataclass(frozen=True)
class Question:
    """What is asked of two conditions.

    Attributes
    ----------
    measures : tuple of str
        Names without units; see `dispr.morphology.features.SHAPE_FEATURES`.
    by_donor, paired : bool
        Whether donors are the independent units, and whether each is in both conditions.
    level : float
        Of the intervals.
    predicted : bool
        Whether the shapes are predicted; else they are measured without error.
    doubt : str
        Why nothing can be claimed of any measure; empty for none.
    word : str
        What the units are called where they are not cells: "donor" or "field".
    """

    measures: tuple[str, ...] = MAIN_SHAPE
    by_donor: bool = False
    paired: bool = False
    level: float = LEVEL
    predicted: bool = True
    doubt: str = ""
    word: str = "donor"

    def __post_init__(self) -> None:
        for name in self.measures:
            if name not in FEATURES:
                raise ConfigError(
                    f"{name} is not a measure of shapes; give names without units, such as "
                    f"{', '.join(MAIN_SHAPE[:4])}."
                )


@dataclass(frozen=True)
class Answer:
    """What is known of one measure.

    Attributes
    ----------
    feature : Feature
        The measure.
    unit : "um" or "voxel"
        Of lengths.
    a, b : Sample
        Its values.
    found : Comparison
        The means and their difference.
    method : str
        How they were found.
    g, superiority : Estimate
        Hedges' g, and the probability that a cell of B is larger.
    distance : float
        Kolmogorov-Smirnov distance of the predicted values.
    adjusted : float
        p value, adjusted for all measures.
    doubt : str
        Why nothing is claimed; empty for none.
    """

    feature: Feature
    unit: Unit
    a: Sample
    b: Sample
    found: Comparison
    method: Method
    g: Estimate
    superiority: Estimate
    distance: float
    adjusted: float = math.nan
    doubt: str = ""

    @property
    def column(self) -> str:
        """Name of the measure with its unit."""
        return self.feature.column(self.unit)

    def claim(self, level: float = LEVEL) -> str:
        """Say what is claimed of B.

        "larger" or "smaller" by the adjusted p value; "not after adjustment" where only the p value
        of this measure alone says so; "no difference shown"; or "no claim" at all.
        """
        if self.doubt or not math.isfinite(self.adjusted):
            return "no claim"
        if self.adjusted >= 1 - level:
            alone = self.found.difference.p < 1 - level
            return "not after adjustment" if alone else "no difference shown"
        return "larger" if self.found.difference.value > 0 else "smaller"


def answer(
    conditions: tuple[Condition, Condition], question: Question, intervals: Intervals | None
) -> list[Answer]:
    """Compare all measures that are asked for, and adjust their p values (Holm).

    Parameters
    ----------
    conditions : (Condition, Condition)
        A and B. With known cells in both, these are used; else the calibration cells of the model.
    question : Question
        What is asked.
    intervals : Intervals or None
        Those of the model, with its calibration cells.
    """
    unit = common_unit(conditions)
    found = [_answer(FEATURES[m], unit, conditions, question, intervals) for m in question.measures]
    adjusted = holm([math.nan if one.doubt else one.found.difference.p for one in found])
    return [replace(one, adjusted=p) for one, p in zip(found, adjusted, strict=True)]


def _answer(
    feature: Feature,
    unit: Unit,
    conditions: tuple[Condition, Condition],
    question: Question,
    intervals: Intervals | None,
) -> Answer:
    a, b = (one.sample(feature, unit, question.by_donor) for one in conditions)
    if question.paired:
        both = shared(a, b)
        a, b = a.only(both), b.only(both)
    if min(len(a.predicted), len(b.predicted)) < 2:
        none = Estimate(math.nan)
        nothing = Comparison(none, none, none, error_sd=math.nan)
        blank = Answer(feature, unit, a, b, nothing, "predictions only", none, none, math.nan)
        return replace(blank, doubt="fewer than two cells of a condition have a value")
    method, found, doubt = _compare(feature, unit, a, b, conditions, question, intervals)
    doubt = question.doubt or doubt
    return Answer(
        feature,
        unit,
        a,
        b,
        found,
        method,
        hedges_g(a, b, found),
        superiority(a, b, found),
        kolmogorov_smirnov(a, b),
        doubt=doubt,
    )


def _compare(
    feature: Feature,
    unit: Unit,
    a: Sample,
    b: Sample,
    conditions: tuple[Condition, Condition],
    question: Question,
    intervals: Intervals | None,
) -> tuple[Method, Comparison, str]:
    how: dict[str, Any] = {"paired": question.paired, "level": question.level}
    if not question.predicted:
        return "measured", compare_values(a, b, **how), ""
    if conditions[0].known_true or conditions[1].known_true:
        try:
            return "known cells", prediction_powered(a, b, **how), ""
        except ConfigError as error:  # cells without a value of this measure
            return "predictions only", only_predicted(a, b), str(error).rstrip(".")
    edge = common_edge(conditions)
    if intervals is None:
        doubt = "the model has no calibration cells"
    elif edge is None:
        doubt = "the cells have voxels of several sizes, which the calibration cells do not"
    elif unit == "um" and np.isnan(edge):
        doubt = "the voxel size is not known, and with it the scale of the calibration cells"
    else:
        try:
            line = relation(feature, intervals, edge if unit == "um" else 1.0)
        except ConfigError as error:
            doubt = str(error).rstrip(".")
        else:
            return "calibration", line.compare(a, b, **how), _far_out(line, a, b)
    return "predictions only", only_predicted(a, b), doubt


def relation(feature: Feature, intervals: Intervals, edge: float) -> Relation:
    """Fit the relation of true and predicted values of a measure to the calibration cells.

    Parameters
    ----------
    feature : Feature
        The measure.
    intervals : Intervals
        Of the model.
    edge : float
        Edge of a voxel.

    Raises
    ------
    ConfigError
        If there are no or too few calibration cells.
    """
    predicted, true = intervals.pairs(feature.name)
    kept = np.isfinite(predicted) & np.isfinite(true)
    scale = edge**feature.power
    return fit_relation(predicted[kept] * scale, true[kept] * scale, intervals.blocks[kept])


def _far_out(line: Relation, a: Sample, b: Sample) -> str:
    """Say whether a condition is unlike the calibration cells; nothing if not."""
    for one in (a, b):
        out = (one.predicted < line.lowest) | (one.predicted > line.highest)
        if out.mean() > FAR_OUT:
            return f"{out.mean():.0%} of the cells of a condition lie beyond the calibration cells"
    return ""


def row(one: Answer, labels: Sequence[str], level: float = LEVEL) -> dict[str, Any]:
    """Give the row of a measure in the table.

    Parameters
    ----------
    one : Answer
        The measure.
    labels : (str, str)
        The conditions.
    level : float
        Of the intervals.
    """
    found = one.found
    cells: dict[str, Any] = {
        "measure": one.feature.name,
        "unit": one.feature.unit(one.unit).replace("-", ""),
        "a": labels[0],
        "b": labels[1],
    }
    for side, sample in (("a", one.a), ("b", one.b)):
        cells[f"cells_{side}"] = len(sample.predicted)
        cells[f"donors_{side}"] = "" if sample.units is None else len(sample.units)
        cells[f"known_{side}"] = len(sample.known_true)
    parts = {
        "mean_a": found.a,
        "mean_b": found.b,
        "difference": found.difference,
        "hedges_g": one.g,
        "superiority": one.superiority,
    }
    for name, part in parts.items():
        cells[name] = part.value
        cells[f"{name}_low"], cells[f"{name}_high"] = part.low, part.high
    cells |= {
        "level": level,
        "p": found.difference.p,
        "p_holm": one.adjusted,
        "ks_predicted": one.distance,
        "predicted_difference": float(one.b.unit_values().mean() - one.a.unit_values().mean())
        if len(one.a.predicted) and len(one.b.predicted)
        else math.nan,
        "slope": found.slope,
        "error_sd": found.error_sd,
        "method": one.method,
        "claim": one.claim(level),
        "doubt": one.doubt,
        "assumption": ASSUMPTIONS[one.method],
    }
    return {name: written(value) for name, value in cells.items()}

"""The answer in words: a paragraph for a paper, and what to beware of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dispr._version import __version__
from dispr.comparison.condition import Condition
from dispr.comparison.donors import Donors
from dispr.comparison.estimates import Estimate
from dispr.comparison.inputs import Given, PredictedCell
from dispr.comparison.measures import Answer, Question
from dispr.comparison.sample import shared
from dispr.morphology.labels import label_of
from dispr.names import count_of

FEW_CELLS, FEW_KNOWN, FEW_DONORS = 10, 6, 3
"""Cells, known cells and donors of a condition below which a warning is given."""

HOW = {
    "known cells": (
        "Means were estimated from all predictions and the cells of known shape by "
        "prediction-powered inference (PPI++ with a common weight, t intervals)."
    ),
    "calibration": (
        "Differences of predictions were corrected by the relation of true and predicted values in "
        "the calibration cells of the model; intervals include the error that all cells of a "
        "condition share."
    ),
    "measured": "Means were compared by Welch's t test.",
}


def sentence(answers: Sequence[Answer], labels: Sequence[str], question: Question) -> str:
    """Give the result as a paragraph that can stand in a paper.

    Parameters
    ----------
    answers : sequence of Answer
        The measures.
    labels : (str, str)
        The conditions.
    question : Question
        What was asked.
    """
    a, b = labels
    first = answers[0]
    text = [_counts(first, labels, question)]
    methods = [m for m in dict.fromkeys(one.method for one in answers) if m in HOW]
    text += [HOW[method] for method in methods]
    claimed = [one for one in answers if one.claim(question.level) in ("larger", "smaller")]
    if claimed:
        parts = [
            f"{name_of(one)} was {one.claim(question.level)} by "
            f"{number(abs(one.found.difference.value))}{_unit(one)} "
            f"({_interval(_turned(one), one, question.level)}; {_p(one, len(answers))}; Hedges' g "
            f"{one.g.value:.2f}; probability of superiority {one.superiority.value:.2f})"
            for one in claimed
        ]
        text.append(f"In {b}, compared with {a}, {_listed(parts)}.")
    for claim, start in (
        ("not after adjustment", "Before, but not after adjustment for their number, differed"),
        ("no difference shown", "No difference was shown in"),
    ):
        parts = [
            f"{name_of(one)} ({number(one.found.difference.value)}{_unit(one)}, "
            f"{_interval(one.found.difference, one, question.level)})"
            for one in answers
            if one.claim(question.level) == claim
        ]
        if parts:
            text.append(f"{start} {_listed(parts)}.")
    open_ones = [one for one in answers if one.claim(question.level) == "no claim"]
    if open_ones:
        names = _listed([name_of(one) for one in open_ones])
        text.append(f"Nothing is claimed of {names} ({open_ones[0].doubt}).")
    return " ".join(text)


def remarks_on(
    answers: Sequence[Answer],
    conditions: tuple[Condition, Condition],
    question: Question,
    donors: Donors,
    given: tuple[Given, Given],
) -> list[str]:
    """Say in sentences what a reader must beware of."""
    told: list[str] = []
    told += _about_method(answers)
    told += _about_units(answers, conditions, question, donors)
    told += _about_planes(given)
    for one in conditions:
        warned = sum(bool(text) for text in one.warnings)
        if warned:
            told.append(
                f"{warned} of {len(one.names)} cells of {one.label} have a warning: their shapes "
                "should not be trusted. See the column warning of cells.csv."
            )
        if len(one.names) < FEW_CELLS:
            told.append(f"{one.label} has only {count_of(len(one.names), 'cell')}.")
        if one.known_names and len(one.known_names) < FEW_KNOWN:
            told.append(
                f"{one.label} has only {count_of(len(one.known_names), 'cell')} of known shape; "
                "intervals of so few hold only if errors are about normally distributed."
            )
    told += _about_values(answers, conditions)
    told += _about_claims(answers, question)
    return list(dict.fromkeys(told))


def _about_planes(given: tuple[Given, Given]) -> list[str]:
    told = []
    for one in given:
        several = sum(isinstance(cell, PredictedCell) and cell.several for cell in one.cells)
        if several:
            told.append(
                f"{several} of {len(one.cells)} cells of {one.label} were predicted from several "
                "known planes, but are taken to have the larger errors of one section: differences "
                "may be larger than stated, and intervals are too wide."
            )
    return told


def _about_method(answers: Sequence[Answer]) -> list[str]:
    doubts: dict[str, list[str]] = {}
    for one in answers:
        if one.doubt:
            doubts.setdefault(one.doubt, []).append(name_of(one))
    told = [f"Nothing is claimed of {_listed(names)}: {doubt}." for doubt, names in doubts.items()]
    if any(one.method == "predictions only" for one in answers):
        told.append(
            "The differences of predictions are stated without intervals, because nothing is known "
            "of the error of the prediction. Calibrate the model (dispr calibrate), or give some "
            "cells of known shape by --known."
        )
    if any(one.method == "calibration" for one in answers):
        told.append(
            "It is assumed that predictions err in both conditions as in the calibration cells of "
            "the model. If the treatment changes how predictions err by more than blocks of "
            "calibration cells differ, the result is wrong; only cells of known shape (--known) "
            "tell."
        )
    return told


def _about_units(
    answers: Sequence[Answer],
    conditions: tuple[Condition, Condition],
    question: Question,
    donors: Donors,
) -> list[str]:
    told = []
    first = answers[0]
    if not donors.word:
        told.append(
            "No donors are given, so all cells count as independent. If the cells of a condition "
            "are of few donors, or of few days or dishes, the intervals are too short: list them "
            "in a table by --donors."
        )
    elif question.doubt:
        told.append(
            "A condition has one donor. The difference may be one between donors; repeat the "
            "experiment with more."
        )
    elif not question.by_donor:
        told.append(f"A condition has one {donors.word}, so all cells count as independent.")
    elif min(donors.counts()) < FEW_DONORS:
        told.append(
            f"A condition has only {min(donors.counts())} {donors.word}s, so only very large "
            "differences can be shown."
        )
    if question.by_donor and not question.paired and shared(first.a, first.b):
        same = sorted(shared(first.a, first.b))
        told.append(
            f"Both conditions have a {donors.word} called {same[0]}. These count as different; if "
            "they are the same, add --paired."
        )
    if question.paired:
        count = len(first.a.units or ())
        told.append(f"Only the {count} {donors.word}s that are in both conditions are compared.")
    return told


def _about_values(answers: Sequence[Answer], conditions: tuple[Condition, Condition]) -> list[str]:
    told = []
    for one in conditions:
        lacking: dict[int, list[str]] = {}
        for found in answers:
            count = int(np.isnan(one.predicted(found.feature, found.unit)).sum())
            lacking.setdefault(count, []).append(name_of(found))
        told += [
            f"{count} of {len(one.names)} cells of {one.label} have no {_listed(names)}, for "
            "example because their consensus is empty; they do not count."
            for count, names in lacking.items()
            if count
        ]
    if answers[0].unit != "um":
        told.append(
            "The voxel size of some cells is not known, so lengths are in voxels. A difference in "
            "voxels is one of shape only if all images have the same pixel size."
        )
    return told


def _about_claims(answers: Sequence[Answer], question: Question) -> list[str]:
    claims = {one.claim(question.level) for one in answers}
    if claims & {"no difference shown", "not after adjustment"}:
        return [
            "That no difference was shown does not mean that there is none: see the intervals for "
            "how large it may be."
        ]
    return []


def table_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay out the table for a terminal."""
    from tabulate import tabulate

    heads = ["measure", "unit", rows[0]["a"], rows[0]["b"], "difference", "interval"]
    heads += ["p (Holm)", "Hedges' g", "result"]
    lines = []
    for row in rows:
        low, high = row["difference_low"], row["difference_high"]
        values = [_text(row[key]) for key in ("mean_a", "mean_b", "difference")]
        interval = "-" if "" in (low, high) else f"{_text(low)} to {_text(high)}"
        p = "-" if row["p_holm"] == "" else bare_p(row["p_holm"])
        g = "-" if row["hedges_g"] == "" else f"{row['hedges_g']:.2f}"
        name = label_of(row["measure"])
        lines.append([name, row["unit"], *values, interval, p, g, row["claim"]])
    return str(tabulate(lines, heads, tablefmt="simple", disable_numparse=True))


def plan_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay out the plan of the first measure for a terminal."""
    from tabulate import tabulate

    first = [row for row in rows if row["measure"] == rows[0]["measure"]]
    unit = f" ({rows[0]['unit']})" if rows[0]["unit"] else ""
    heads = ["sections", "known cells", "donors", "half width", "detectable", "stacks alone"]
    lines = [
        [
            row["sections"],
            row["known"],
            row["donors"] or "-",
            _text(row["half_width"]),
            _text(row["detectable"]),
            row["stacks_alone"] or "-",
        ]
        for row in first
    ]
    title = f"{label_of(str(rows[0]['measure']))}{unit}, numbers for each condition:\n\n"
    return title + str(tabulate(lines, heads, tablefmt="simple", disable_numparse=True))


def _text(value: Any) -> str:
    return "-" if value == "" else number(float(value))


def name_of(one: Answer) -> str:
    """Give the name of a measure inside a sentence."""
    return label_of(one.feature.name, inside=True)


def number(value: float) -> str:
    """Round a number to three digits, without an exponent where it is of everyday size."""
    if not math.isfinite(value):
        return "not known"
    if value == 0:
        return "0"
    places = 2 - math.floor(math.log10(abs(value)))
    if -7 < places <= 6:
        text = f"{round(value, places):.{max(places, 0)}f}"
        return "0" if float(text) == 0 else text
    return f"{value:.3g}"


def p_text(p: float) -> str:
    """Give a p value as text: "p = 0.03", "p < 0.0001"."""
    if math.isnan(p):
        return "no p value"
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}" if p < 0.995 else "p = 1"


def bare_p(p: float) -> str:
    """Give a p value as text without its name: "0.03", "< 0.0001"."""
    return p_text(p).removeprefix("p = ").removeprefix("p ")


def _counts(first: Answer, labels: Sequence[str], question: Question) -> str:
    parts = []
    for label, sample in zip(labels, (first.a, first.b), strict=True):
        units = "" if sample.units is None else f" from {len(sample.units)} {question.word}s"
        known = (
            f", {len(sample.known_true)} of them of known shape" if len(sample.known_true) else ""
        )
        parts.append(f"{count_of(len(sample.predicted), 'cell')} of {label}{units}{known}")
    how = (
        f"3D shapes were predicted from single sections with DISPR {__version__}"
        if question.predicted
        else f"3D shapes were measured with DISPR {__version__}"
    )
    pairs = ", compared in pairs" if question.paired else ""
    return f"{how} ({'; '.join(parts)}{pairs})."


def _turned(one: Answer) -> Estimate:
    """Give the size of a difference, without its sign."""
    found = one.found.difference
    return found if found.value > 0 else Estimate(-found.value, -found.high, -found.low, found.p)


def _interval(found: Estimate, one: Answer, level: float) -> str:
    return f"{100 * level:g} % CI {number(found.low)} to {number(found.high)}{_unit(one)}"


def _p(one: Answer, count: int) -> str:
    text = p_text(one.found.difference.p)
    if count == 1:
        return text
    return f"{text}, {bare_p(one.adjusted)} after Holm's adjustment for {count} measures"


def _unit(one: Answer) -> str:
    unit = one.feature.unit(one.unit)
    return "" if unit == "-" else f" {unit}"


def _listed(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    joint = "; " if any("," in part for part in parts) else ", "
    return f"{joint.join(parts[:-1])}{joint.rstrip() if joint == '; ' else ''} and {parts[-1]}"

"""What a report shows of one cell: measures, scores, and its arrays as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dispr.cells.classes import parse_name
from dispr.cells.read import read_framed, read_framed_obj
from dispr.cells.spacing import Spacing
from dispr.intervals.ensemble import summarise
from dispr.intervals.rules import stated
from dispr.morphology.features import MAIN_SHAPE, SHAPE_FEATURES, Unit
from dispr.morphology.shape import UNIT, shape_values
from dispr.prediction.files import opened
from dispr.report.coding import (
    mask_bits,
    packed,
    probability_bytes,
    shape_planes,
    spread_bytes,
)
from dispr.report.sources import Source
from dispr.scores.evaluate import score_ensemble
from dispr.scores.shape import binarise, iou, measures_of
from dispr.surface.spread import surface_spread

SHOWN = ("", "min", "max", "low", "high", "mean")
"""What of each measure a report takes from a table."""

DIGITS = 5


@dataclass(frozen=True)
class CellReport:
    """One cell of a report, ready to be written as JSON.

    Attributes
    ----------
    index : dict
        What the gallery and the plots show: name, class, warning, familiarity, unit of lengths
        ("µm", "px" of a field of view, or "voxel"), edge (of a voxel in it, or None), place (x and
        y in pixels of the field, or None), samples (their number), calibrated, iou (consensus, mean
        and best of the samples, or None), spread (mean on the surface of the consensus, in voxels),
        and main, for each of `MAIN_SHAPE` [value, low, high, true value]: ends of the
        interval, or of the range of the samples where none was calibrated.
    body : dict
        The rest: `measures`, for each feature [value, low, high, mean, true value]; `ellipsoid`,
        the volume of the ellipsoid on the outline, or None; how the arrays are laid out; and
        `data`, the arrays as text.
    scores : list of dict
        Scores of its shapes (`dispr.scores.evaluate.score_ensemble`); none without a truth.
    """

    index: dict[str, Any]
    body: dict[str, Any]
    scores: list[dict[str, Any]]


def report_cell(source: Source, scored: bool = True) -> CellReport:
    """Gather what is shown of one cell.

    Parameters
    ----------
    source : Source
        Where all of it is.
    scored : bool
        Score its shapes where there is a truth, which takes little beside their measures.

    Raises
    ------
    FileError
        If a file is missing or cannot be read.
    ArrayError
        If the truth is empty, and was to be scored against.
    """
    drawn = opened(source.folder)
    samples = drawn.samples(source.name)
    probability = drawn.probability(source.name)
    spacing = drawn.spacing(source.name)
    unit: Unit = "voxel" if spacing is None else "um"
    if spacing is None and source.pixels is not None:
        # Cells of a field have voxels of several sizes; its pixels are of one.
        spacing, unit = (source.pixels,) * 3, "px"
    truth = None
    if source.truth is not None:
        truth = binarise(read_framed_obj(source.truth, drawn.grid(source.name)))
    spread = surface_spread(samples)
    row = _measured(source, len(samples), spacing, unit)
    fitted, level = _stated(source, row is not None, len(samples))
    consensus = probability > 0.5
    found: list[dict[str, float]] = []
    if row is None:
        found = [shape_values(body, spacing or UNIT) for body in (consensus, *samples)]
        row = _summary(source, found, spacing, unit)
    true = {} if truth is None else shape_values(truth, spacing or UNIT)
    measures = _measures(row, true, unit)
    scores = []
    if truth is not None and scored:
        scores = _scores(source.name, samples, consensus, truth, found, true)
    layout, data, step = _coded(source, samples, probability, truth, spread)
    names = [feature.name for feature in SHAPE_FEATURES]
    index = {
        "name": source.name,
        "class": parse_name(source.name).cell_class or "",
        **source.recognised,
        "group": source.item.group,
        "warning": source.warning,
        "familiarity": source.familiarity,
        "edge": None if spacing is None else rounded(spacing[0]),
        "unit": unit,
        "place": source.place,
        "samples": len(samples),
        "calibrated": fitted,
        "level": level,
        "iou": None if truth is None else _ious(samples, consensus, truth),
        "spread": rounded(_mean_on_surface(spread, consensus)),
        "main": [[m[0], m[1], m[2], m[4]] for m in (measures[names.index(k)] for k in MAIN_SHAPE)],
    }
    body = {
        "measures": measures,
        "ellipsoid": _ellipsoid(source, spacing),
        "layout": layout,
        "step": rounded(step),
        "data": data,
    }
    return CellReport(index, body, scores)


def _ellipsoid(source: Source, spacing: Spacing | None) -> float | None:
    """Give the volume of the ellipsoid on the outline, in the unit of the measures."""
    volume = source.item.ellipsoid
    return None if volume is None else rounded(volume * math.prod(spacing or UNIT))


def _coded(
    source: Source,
    samples: np.ndarray,
    probability: np.ndarray,
    truth: np.ndarray | None,
    spread: np.ndarray,
) -> tuple[dict[str, int], str, float]:
    """Code the arrays; also give the number of bytes of each part, in their order."""
    shapes = [*samples, *([] if truth is None else [truth])]
    parts: dict[str, bytes] = {}
    if source.section is not None:
        cell = read_framed(source.section, opened(source.folder).square(source.item.name))
        parts["image"] = cell.image.tobytes()
        parts["mask"] = mask_bits(cell.mask > 127)
    parts["shapes"] = shape_planes(shapes)
    step = 1.0
    if len(samples) > 1:
        parts["spread"], step = spread_bytes(spread, shapes)
    parts["probability"] = probability_bytes(probability, samples)
    return {key: len(part) for key, part in parts.items()}, packed(list(parts.values())), step


def _measures(
    row: Mapping[str, float], true: Mapping[str, float], unit: Unit
) -> list[list[float | None]]:
    """Give value, ends, mean and true value of each feature, from a row of measures.

    The ends are of the interval, or of the range of the samples where there is none.
    """
    found: list[list[float | None]] = []
    for feature in SHAPE_FEATURES:
        value, least, most, low, high, mean = (
            row[feature.column(unit, statistic)] for statistic in SHOWN
        )
        ends = (least, most) if math.isnan(low) else (low, high)
        given = (value, *ends, mean, true.get(feature.name, math.nan))
        found.append([rounded(number) for number in given])
    return found


def _summary(
    source: Source, found: Sequence[Mapping[str, float]], spacing: Spacing | None, unit: Unit
) -> dict[str, float]:
    """Sum up the measures of consensus and samples; see `dispr.intervals.ensemble.summarise`."""
    return summarise(
        SHAPE_FEATURES,
        found[0],
        found[1:],
        source.item.intervals,
        unit=unit,
        edge=math.prod(spacing or UNIT) ** (1 / 3),
    )


def _scores(
    name: str,
    samples: np.ndarray,
    consensus: np.ndarray,
    truth: np.ndarray,
    found: Sequence[Mapping[str, float]],
    true: Mapping[str, float],
) -> list[dict[str, Any]]:
    """Score the shapes by the measures that were `found` of consensus and samples, if any."""
    pairs = zip((consensus, *samples), found, strict=True) if found else ()
    at_hand = [measures_of(*pair) for pair in pairs]
    return score_ensemble(
        name,
        samples,
        consensus,
        truth,
        known=measures_of(truth, true),
        of_samples=at_hand[1:],
        of_consensus=at_hand[0] if at_hand else None,
    )


def _measured(
    source: Source, samples: int, spacing: Spacing | None, unit: Unit
) -> dict[str, float] | None:
    """Give the measures that are at hand, if they are of so many samples and of this spacing."""
    row = source.measured
    if row is None or row.get("samples") != str(samples):
        return None
    edge = row.get(f"voxel_x_{unit}") or ""
    if spacing is None or not edge:
        same = spacing is None and not edge
    else:
        same = math.isclose(float(edge), spacing[2], rel_tol=1e-4)
    columns = [feature.column(unit, statistic) for feature in SHAPE_FEATURES for statistic in SHOWN]
    if not same or not all(column in row for column in columns):
        return None
    return {column: float(row[column] or "nan") for column in columns}


def _ious(samples: np.ndarray, consensus: np.ndarray, truth: np.ndarray) -> list[float | None]:
    each = [iou(sample, truth) for sample in samples]
    return [rounded(value) for value in (iou(consensus, truth), float(np.mean(each)), max(each))]


def _mean_on_surface(spread: np.ndarray, body: np.ndarray) -> float:
    """Mean over the voxels of the body that have an empty neighbour."""
    from scipy.ndimage import binary_erosion

    rim = body & ~binary_erosion(body)
    return float(spread[rim].mean()) if rim.any() else 0.0


def _stated(source: Source, measured: bool, samples: int) -> tuple[str, float | None]:
    """Say which intervals were fitted to known cells, and their level; see `stated`.

    Where measures at hand are shown, these say it.
    """
    row: Mapping[str, str | float] = stated(source.item.intervals, samples)
    if measured and source.measured is not None:
        row = source.measured
    level = row.get("interval_level")
    return str(row.get("calibrated") or "none"), float(level) if level else None


def rounded(value: float) -> float | None:
    """Round to five digits; None for what is not a number, as JSON has none."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None

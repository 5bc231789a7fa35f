"""The row of a cell in the table of a prediction."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from dispr.cells.classes import parse_name
from dispr.familiarity.reference import familiarity_of
from dispr.intervals.rules import NOWHERE, stated
from dispr.model.shipped import shipped_weights
from dispr.morphology.ellipsoid import ellipsoid_volume
from dispr.morphology.voxels import fragment_share, surface
from dispr.prediction.inputs import SeenCell
from dispr.prediction.model import Model
from dispr.prediction.prediction import COUNTS, Prediction

ROWS = 3
"""Raised when a version writes other rows of the same shapes."""


def row_of(
    seen: SeenCell, prediction: Prediction, drawing: dict[str, Any], grouped: bool, planes: bool
) -> dict[str, Any]:
    """Make the row of a cell; for its columns see `dispr.prediction.folder.predict_folder`.

    Parameters
    ----------
    seen : SeenCell
        The cell.
    prediction : Prediction
        Its shapes.
    drawing : dict
        What they were drawn with: seed, sampler and steps.
    grouped, planes : bool
        Whether there are groups of cells, and cells with further known planes, in the run.
    """
    volumes = prediction.samples.sum(axis=(1, 2, 3))
    several = len(volumes) > 1
    square = seen.square
    row: dict[str, Any] = {
        "name": seen.file.name,
        "class": parse_name(seen.file.name).cell_class or "",
        **seen.recognised,
        **({"group": seen.file.group} if grouped else {}),
        "samples": len(prediction.samples),
        **{key: drawing[key] for key in ("seed", "sampler", "steps")},
        "ellipsoid_volume_voxels": ellipsoid_volume(seen.section.mask),
        "volume_voxels": int(prediction.consensus.sum()),
        "volume_mean_voxels": round(float(volumes.mean()), 1),
        "volume_sd_voxels": round(float(volumes.std(ddof=1)), 1) if several else "",
        "boundary_voxels": surface(prediction.consensus),
        **_intervals(prediction),
        "fragment_share": round(max(map(fragment_share, prediction.samples)), 5),
        **(_known_planes(seen, prediction) if planes else {}),
        # Of the square that the shapes' 64 x 64 columns stand on, in pixels of the crop.
        "frame_y_px": square.y,
        "frame_x_px": square.x,
        "frame_px": square.edge,
        "familiarity": "" if seen.familiarity is None else seen.familiarity,
        "warning": seen.warning,
    }
    return row | _micrometres(row, prediction.voxel_size)


def _known_planes(seen: SeenCell, prediction: Prediction) -> dict[str, Any]:
    """Give the columns of known planes: how many, and how far the cell reaches from them."""
    distance = prediction.plane_distance
    return {
        "sections": 1 + len(seen.section.planes),
        "plane_distance": "" if distance is None else distance,
    }


def mark_of_rows(model: Model, grouped: bool, planes: bool) -> str:
    """Give a checksum of what rows depend on beside the shapes and the sections.

    Parameters
    ----------
    model : Model
        What predicts.
    grouped, planes : bool
        As for `row_of`.
    """
    intervals = None
    if model.intervals is not None:
        # Those with further planes are long, and each part of a run makes its mark.
        intervals = (model.intervals if planes else model.intervals.of_sections()).to_dict()
    reference = familiarity_of(model.about)
    known = None if reference is None else reference.to_dict()
    classifier = shipped_weights("classes")[1] if model.names_classes else None
    content = json.dumps(
        [ROWS, intervals, known, classifier, grouped, planes], sort_keys=True, default=str
    )
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _intervals(prediction: Prediction) -> dict[str, Any]:
    """Give the columns of ranges and intervals; empty ones where there are none."""
    intervals = None if prediction.warning else prediction.intervals
    columns: dict[str, Any] = {}
    for quantity in COUNTS:
        low, high = NOWHERE if intervals is None else prediction.interval(quantity)
        least, most = prediction.sample_range(quantity)
        for side, end in {"min": least, "max": most, "low": low, "high": high}.items():
            columns[f"{quantity}_{side}_voxels"] = "" if math.isnan(end) else round(end, 1)
    return columns | stated(intervals, len(prediction.samples))


def _micrometres(row: dict[str, Any], voxel_size: float | None) -> dict[str, Any]:
    """Give the columns of volumes in um3; none without a voxel size.

    There are none of the surface: a number of boundary voxels is not an area.
    """
    if voxel_size is None:
        return {}
    found: dict[str, Any] = {"voxel_size_um": float(f"{voxel_size:.6g}")}
    ends = ("", "_mean", "_sd", "_min", "_max", "_low", "_high")
    for kind in ("ellipsoid_volume", *(f"volume{end}" for end in ends)):
        voxels = row[f"{kind}_voxels"]
        value = "" if voxels == "" else float(f"{voxels * voxel_size**3:.6g}")
        found[f"{kind}_um3"] = value
    return found

"""Figures of the study: violins of the errors, examples of shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import gaussian_kde

from dispr.cells.folder import CellFiles
from dispr.errors import DisprError
from dispr.files import atomic_path
from dispr.pictures.panel import panel
from dispr.pictures.predicted import predicted_row
from dispr.scores.evaluate import BEST, CONSENSUS
from dispr.scores.shape import METRICS
from dispr.study.shape_tables import classes_in

DPI = 150
OWN, OTHER = "#b5343a", "#8899aa"


def write_violins(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the distribution of each score over the cells, for each method, to a PNG file.

    A violin is a Gaussian estimate of the density between the smallest and the largest value; the
    line is the mean, the box reaches from the first to the third quartile. The best of N, which
    takes the truth to choose, is left out. Errors are cut off at 1, and an axis ends beyond 98 in
    a hundred of them.

    Parameters
    ----------
    path : Path
        File to write.
    rows : sequence of dict
        Of `dispr.study.shape_tables.read_scores`.

    Raises
    ------
    DisprError
        If matplotlib is not installed.
    FileError
        If the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DisprError(
            'matplotlib is not installed; the figures need it: pip install "dispr[study]".'
        ) from error
    methods = [
        name for name in dict.fromkeys(row["method"] for row in rows) if not name.endswith(BEST)
    ]
    figure = Figure(figsize=(3.0 * len(METRICS), 1.4 + 0.42 * len(methods)), layout="constrained")
    panels = figure.subplots(1, len(METRICS), sharey=True)
    for axes, metric in zip(panels, METRICS, strict=True):
        values = [
            np.array([row[metric] for row in rows if row["method"] == name]) for name in methods
        ]
        for place, (name, of) in enumerate(zip(methods, values, strict=True)):
            _violin(axes, len(methods) - place, of, OWN if ", " in name else OTHER)
        axes.set_yticks(range(len(methods), 0, -1), methods, fontsize=8)
        axes.set_xlim(0, 1 if metric == "iou" else _limit(values))
        axes.set_title(_title(metric), fontsize=9)
        axes.tick_params(axis="x", labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def write_examples(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    folders: Sequence[Path],
    files: Sequence[CellFiles],
) -> None:
    """Draw a test cell of each class: that whose consensus has the median IoU of its class.

    Parameters
    ----------
    path : Path
        PNG file to write.
    rows : sequence of dict
        Of `dispr.study.shape_tables.read_scores`.
    folders : sequence of Path
        Predictions of each fold.
    files : sequence of CellFiles
        The cells of the study.
    """
    by_name = {file.name: file for file in files}
    chosen = []
    for cell_class in classes_in(rows):
        of = [row for row in rows if row["class"] == cell_class and row["shape"] == CONSENSUS]
        # Of the first method alone, which comes first.
        of = sorted((r for r in of if r["method"] == of[0]["method"]), key=lambda row: row["iou"])
        row = of[(len(of) - 1) // 2]
        chosen.append(predicted_row(folders[int(row["fold"])], by_name[row["name"]]))
    with atomic_path(path) as temporary:
        panel(chosen).save(temporary, format="PNG")


def _violin(axes: Any, place: float, values: np.ndarray, colour: str) -> None:
    """Draw one; what lies beyond 1 adds to the width there, and to the mean as it is."""
    shown = np.clip(values, 0, 1)
    if np.ptp(shown) > 0:
        places = np.linspace(shown.min(), shown.max(), 200)
        density = gaussian_kde(shown)(places)
        half = 0.4 * density / density.max()
        axes.fill_between(places, place - half, place + half, color=colour, alpha=0.45, lw=0)
    low, high = np.quantile(values, [0.25, 0.75])
    axes.plot([low, high], [place, place], color=colour, linewidth=4, solid_capstyle="butt")
    axes.plot([values.mean()] * 2, [place - 0.28, place + 0.28], color="black", linewidth=1.5)


def _limit(values: Sequence[np.ndarray]) -> float:
    """Give the end of an axis that shows all but the two largest errors in a hundred."""
    return min(1.0, 0.05 + float(np.quantile(np.concatenate(values), 0.98)))


def _title(metric: str) -> str:
    return "IoU" if metric == "iou" else metric.replace("_", " ")

"""Figures of scores, classes and shapes, as PNG files (matplotlib)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.folder import CellFiles
from dispr.files import atomic_path
from dispr.pictures.panel import panel
from dispr.pictures.predicted import predicted_row
from dispr.scores.evaluate import BEST, CONSENSUS
from dispr.scores.shape import METRICS
from dispr.study import class_tables as tables
from dispr.study.class_tables import Results, macro_f1
from dispr.study.cross_validation import FoldResult
from dispr.study.shape_tables import classes_in

DPI = 150
OWN, OTHER = "#b5343a", "#8899aa"


def write_class_figures(out: Path, results: Results) -> list[Path]:
    """Draw F1, confusion and importances of a classification to `f1.png`, ... in a folder."""
    figures = {
        "f1": f1_by_source(results),
        "confusion": confusion_matrices(results),
        "importances": importance_bars(results),
    }
    return [_save(out / f"{name}.png", figure) for name, figure in figures.items()]


def f1_by_source(results: Results) -> Any:
    """Draw macro F1 of each source: a dot for each fold, a bar for the mean.

    A diamond is the pooled macro F1, mean over the repeats.
    """
    groups = tables.grouped(results)
    figure = _figure(1.6 + 1.1 * len(groups), 3.6)
    axes = figure.add_subplot()
    for i, of in enumerate(groups.values()):
        values = np.array([macro_f1(r.told) for r in of])
        spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(1)
        axes.plot(i + spread, 100 * values, "o", color=OTHER, markersize=3.5, alpha=0.8)
        axes.plot([i - 0.28, i + 0.28], [100 * values.mean()] * 2, color="black", linewidth=1.5)
        whole = np.mean([macro_f1(told) for told in tables.pooled(of)])
        axes.plot(i + 0.34, 100 * whole, "D", color=OWN, markersize=4)
    axes.set_xticks(range(len(groups)), [_label(group, groups) for group in groups])
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_ylim(0, 100)
    axes.set_ylabel("macro F1 (%)")
    axes.set_title("dots: folds; line: mean of the folds; diamond: all cells together", fontsize=8)
    return figure


def confusion_matrices(results: Results) -> Any:
    """Draw the shares of each true class taken for each class, all repeats together."""
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    classes = tables.present_classes(results)
    names = [name.replace("_", " ") for name in classes]
    figure, panels = _panels(results, 3.5, 3.4)
    for i, (title, of, axes) in enumerate(panels):
        # Rows of classes without cells are 0.
        shares = confusion_matrix(*tables.together(of), labels=classes, normalize="true")
        drawn = ConfusionMatrixDisplay(100 * shares, display_labels=names)
        drawn.plot(
            cmap="Blues", values_format=".0f", colorbar=False, ax=axes, text_kw={"fontsize": 7},
            im_kw={"vmin": 0, "vmax": 100},
        )  # fmt: skip
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axes.tick_params(labelsize=7)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("")
        axes.set_ylabel("" if i % 3 else "true class (% of its cells)", fontsize=8)
    return figure


def importance_bars(results: Results, count: int = 12) -> Any:
    """Draw the most important features of each source, mean and deviation over the folds."""
    figure, panels = _panels(results, 4.2, 2.8)
    for title, of, axes in panels:
        best = tables.importance_rows(of)[:count][::-1]
        axes.barh(
            [row["feature"] for row in best],
            [row["importance_mean"] for row in best],
            xerr=[row["importance_sd"] for row in best],
            color="#6f8fb3",
            error_kw={"linewidth": 0.8},
        )
        axes.tick_params(labelsize=6)
        axes.set_title(f"{title}\n{of[0].importance_kind}", fontsize=8)
    figure.supxlabel("importance: mean and standard deviation over folds", fontsize=8)
    return figure


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
        Of `shape_tables.read_scores`.
    """
    methods = [
        name for name in dict.fromkeys(row["method"] for row in rows) if not name.endswith(BEST)
    ]
    places = range(len(methods), 0, -1)
    colours = [OWN if ", " in name else OTHER for name in methods]
    figure = _figure(3.0 * len(METRICS), 1.4 + 0.42 * len(methods))
    for axes, metric in zip(figure.subplots(1, len(METRICS), sharey=True), METRICS, strict=True):
        values = [
            np.array([row[metric] for row in rows if row["method"] == name]) for name in methods
        ]
        # What lies beyond 1 adds to the width there, and to the mean as it is.
        shown = [of.clip(0, 1) for of in values]
        violins = axes.violinplot(
            shown, places, orientation="horizontal", widths=0.8, points=200, showextrema=False
        )
        for body, colour in zip(violins["bodies"], colours, strict=True):
            body.set(facecolor=colour, alpha=0.45, linewidth=0)
        low, high = np.transpose([np.quantile(of, [0.25, 0.75]) for of in values])
        axes.hlines(places, low, high, colors=colours, linewidth=4)
        means = [of.mean() for of in values]
        axes.plot(means, places, "|", color="black", markersize=14, markeredgewidth=1.5)
        axes.set_yticks(places, methods, fontsize=8)
        most = 1 if metric == "iou" else 0.05 + np.quantile(np.concatenate(values), 0.98)
        axes.set_xlim(0, min(1, most))
        axes.set_title("IoU" if metric == "iou" else metric.replace("_", " "), fontsize=9)
        axes.tick_params(axis="x", labelsize=7)
    _save(path, figure)


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
        Of `shape_tables.read_scores`.
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


def _figure(width: float, height: float) -> Any:
    # Not pyplot: it keeps figures and chooses a display.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _panels(
    results: Results, width: float, height: float
) -> tuple[Any, list[tuple[str, list[FoldResult], Any]]]:
    """Give a figure with axes for each classifier and source: title, results and axes."""
    groups = tables.grouped(results)
    columns = min(3, len(groups))
    lines = -(-len(groups) // columns)
    figure = _figure(width * columns, height * lines)
    panels = []
    for i, (group, of) in enumerate(groups.items(), 1):
        title = _label(group, groups).replace("\n", ", ")
        panels.append((title, of, figure.add_subplot(lines, columns, i)))
    return figure, panels


def _label(group: tuple[str, str], groups: Mapping[tuple[str, str], Any]) -> str:
    classifier, source = group
    several = len({name for name, _ in groups}) > 1
    return f"{source}\n{classifier}" if several else source


def _save(path: Path, figure: Any) -> Path:
    for axes in figure.axes:
        if not axes.images:
            axes.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI)
    return path

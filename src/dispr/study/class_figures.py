"""Pictures of an experiment: confusion matrices, F1 of each source, importances."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import DisprError
from dispr.files import atomic_path
from dispr.study import class_tables as tables
from dispr.study.class_scores import confusion, macro_f1
from dispr.study.cross_validation import FoldResult

DPI = 150


def write_pictures(out: Path, results: Sequence[FoldResult]) -> list[Path]:
    """Draw everything to PNG files in a folder.

    Raises
    ------
    DisprError
        If matplotlib is not installed.
    """
    paths = []
    for name, draw in (
        ("f1", f1_by_source),
        ("confusion", confusion_matrices),
        ("importances", importance_bars),
    ):
        figure = draw(results)
        path = out / f"{name}.png"
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=DPI)
        paths.append(path)
    return paths


def f1_by_source(results: Sequence[FoldResult]) -> Any:
    """Draw macro F1 of each source: a dot for each fold, a bar for the mean.

    A diamond is the pooled macro F1, mean over the repeats.
    """
    classes = tables.present_classes(results)
    groups = tables.grouped(results)
    figure, axes = _figure(1.6 + 1.1 * len(groups), 3.6)
    for i, of in enumerate(groups.values()):
        values = np.array([macro_f1(confusion(r.truth, r.predicted, classes)) for r in of])
        spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(1)
        axes.plot(i + spread, 100 * values, "o", color="#8899aa", markersize=3.5, alpha=0.8)
        axes.plot([i - 0.28, i + 0.28], [100 * values.mean()] * 2, color="black", linewidth=1.5)
        together = np.mean([macro_f1(counts) for counts in tables.pooled(of, classes)])
        axes.plot(i + 0.34, 100 * together, "D", color="#b5343a", markersize=4)
    axes.set_xticks(range(len(groups)), [_label(group, groups) for group in groups])
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_ylim(0, 100)
    axes.set_ylabel("macro F1 (%)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("dots: folds; line: their mean; diamond: all cells together", fontsize=8)
    return figure


def confusion_matrices(results: Sequence[FoldResult]) -> Any:
    """Draw the shares of each true class taken for each class, all repeats together."""
    from matplotlib.figure import Figure

    classes = tables.present_classes(results)
    groups = tables.grouped(results)
    columns = min(3, len(groups))
    lines = -(-len(groups) // columns)
    figure = Figure(figsize=(3.5 * columns, 3.4 * lines), layout="constrained")
    for i, (group, of) in enumerate(groups.items()):
        axes = figure.add_subplot(lines, columns, i + 1)
        counts = sum(tables.pooled(of, classes), np.zeros((len(classes),) * 2, int))
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row in range(len(classes)):
            for column in range(len(classes)):
                share = shares[row, column]
                colour = "white" if share > 0.55 else "black"
                axes.text(
                    column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour,
                    fontsize=7,
                )  # fmt: skip
        names = [name.replace("_", " ") for name in classes]
        axes.set_xticks(range(len(classes)), names, rotation=45, ha="right", fontsize=7)
        axes.set_yticks(range(len(classes)), names, fontsize=7)
        axes.set_title(_label(group, groups).replace("\n", ", "), fontsize=9)
        if i % columns == 0:
            axes.set_ylabel("true class (% of its cells)", fontsize=8)
    return figure


def importance_bars(results: Sequence[FoldResult], count: int = 12) -> Any:
    """Draw the most important features of each source, mean and deviation over the folds."""
    from matplotlib.figure import Figure

    groups = tables.grouped(results)
    rows = tables.importance_rows(results)
    columns = min(3, len(groups))
    lines = -(-len(groups) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.8 * lines), layout="constrained")
    for i, group in enumerate(groups):
        axes = figure.add_subplot(lines, columns, i + 1)
        best = [r for r in rows if (r["classifier"], r["features"]) == group][:count][::-1]
        axes.barh(
            [row["feature"] for row in best],
            [row["importance_mean"] for row in best],
            xerr=[row["importance_sd"] for row in best],
            color="#6f8fb3",
            error_kw={"linewidth": 0.8},
        )
        axes.tick_params(labelsize=6)
        axes.spines[["top", "right"]].set_visible(False)
        kind = best[0]["kind"] if best else ""
        axes.set_title(f"{_label(group, groups)}".replace("\n", ", ") + f"\n{kind}", fontsize=8)
    figure.supxlabel("importance: mean and standard deviation over folds", fontsize=8)
    return figure


def _label(group: tables.Group, groups: Any) -> str:
    classifier, source = group
    several = len({name for name, _ in groups}) > 1
    return f"{source}\n{classifier}" if several else source


def _figure(width: float, height: float) -> tuple[Any, Any]:
    try:
        # Not pyplot: it keeps figures and chooses a display.
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DisprError(
            'matplotlib is not installed; the pictures need it: pip install "dispr[study]".'
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()

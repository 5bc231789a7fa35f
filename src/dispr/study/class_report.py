"""Write the results of an experiment: CSV and Markdown tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dispr.files import atomic_path, write_csv
from dispr.study import class_tables as tables
from dispr.study.cross_validation import FoldResult


def write_tables(out: Path, results: Sequence[FoldResult]) -> None:
    """Write `summary.csv`, `fold_scores.csv`, `classes.csv` and the other tables to a folder."""
    for name, rows in (
        ("summary", tables.summary(results)),
        ("fold_scores", tables.fold_scores(results)),
        ("classes", tables.class_scores(results)),
        ("confusion", tables.confusion_rows(results)),
        ("gains", tables.gains(results)),
        ("importances", tables.importance_rows(results)),
        ("cells", tables.cell_rows(results)),
    ):
        write_csv(out / f"{name}.csv", rows)


def write_markdown(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def markdown(
    results: Sequence[FoldResult], remarks: Sequence[str] = (), title: str = "Classification"
) -> str:
    """Lay out the results as Markdown: scores, gains, classes, confusion, importances.

    Parameters
    ----------
    results : sequence of FoldResult
        Of `classify_folds`.
    remarks : sequence of str
        Sentences on what this ran on and what to keep in mind.
    title : str
        Heading.
    """
    parts = [f"# {title}\n"]
    parts += [f"- {remark}" for remark in remarks]
    audited = sum(result.audited for result in results)
    parts.append(
        f"- Leak check: {audited} of {len(results)} fits were repeated with the test cells "
        "spoiled, and came out the same; no row of a test cell was in training in any.\n"
    )
    parts += [
        "## Scores\n",
        score_table(results),
        "\nIn per cent, mean ± standard deviation: over all folds; pooled: over the repeats, each "
        "scored on all cells together. Where a class has no test cell in a fold, the fold's macro "
        "F1 is over the others; the pooled one is over all classes.\n",
    ]
    gained = tables.gains(results)
    if gained:
        parts += [
            "## What the shapes add\n",
            _table(
                [
                    "classifier",
                    "features",
                    "over",
                    "macro F1, folds",
                    "folds higher",
                    "macro F1, pooled",
                ],
                [
                    [
                        row["classifier"],
                        row["features"],
                        row["compared_with"],
                        _points(row, "macro_f1_gain"),
                        f"{row['folds_higher']:.0%}",
                        _points(row, "pooled_macro_f1_gain"),
                    ]
                    for row in gained
                ],
            ),
            "\nDifferences in percentage points, fold by fold on the same test cells.\n",
        ]
    parts += ["## F1 by class\n", class_table(results), ""]
    parts += ["## Confusion\n", confusion_tables(results)]
    parts += ["## Most important features\n", importance_table(results), ""]
    return "\n".join(parts)


def score_table(results: Sequence[FoldResult]) -> str:
    """Lay out macro and weighted F1 and accuracy of each classifier and source as Markdown."""
    return _table(
        [
            "classifier",
            "features",
            "macro F1",
            "weighted F1",
            "accuracy",
            "pooled macro F1",
            "pooled weighted F1",
        ],
        [
            [
                row["classifier"],
                row["features"],
                *(
                    _percent(row, name)
                    for name in (
                        "macro_f1",
                        "weighted_f1",
                        "accuracy",
                        "pooled_macro_f1",
                        "pooled_weighted_f1",
                    )
                ),
            ]
            for row in tables.summary(results)
        ],
    )


def class_table(results: Sequence[FoldResult], score: str = "f1") -> str:
    """Lay out a score of each class (pooled) as Markdown, one line for a classifier and source."""
    rows = tables.class_scores(results)
    classes = tables.present_classes(results)
    cells = {row["class"]: row["cells"] for row in rows}
    lines = []
    for classifier, source in tables.grouped(results):
        of = {
            row["class"]: _percent(row, score)
            for row in rows
            if (row["classifier"], row["features"]) == (classifier, source)
        }
        lines.append([classifier, source, *(of[name] for name in classes)])
    return _table(["classifier", "features", *(f"{n} ({cells[n]})" for n in classes)], lines)


def confusion_tables(results: Sequence[FoldResult]) -> str:
    """Lay out the counts of true (down) and predicted (across) classes, all repeats together."""
    classes = tables.present_classes(results)
    rows = tables.confusion_rows(results)
    parts = []
    for classifier, source in tables.grouped(results):
        lines = [
            [row["true_class"], *(row[name] for name in classes)]
            for row in rows
            if (row["classifier"], row["features"]) == (classifier, source)
        ]
        parts += [f"{classifier}, {source}:\n", _table(["true \\ taken for", *classes], lines), ""]
    return "\n".join(parts)


def importance_table(results: Sequence[FoldResult], count: int = 8) -> str:
    """Lay out the most important features of each classifier and source."""
    rows = tables.importance_rows(results)
    lines = []
    for classifier, source in tables.grouped(results):
        of = [r for r in rows if (r["classifier"], r["features"]) == (classifier, source)]
        for row in of[:count]:
            lines.append(
                [
                    classifier,
                    source,
                    row["feature"],
                    plus_minus(row["importance_mean"], row["importance_sd"], ".3f"),
                    row["kind"],
                    f"{row['folds_used']} of {len(tables.grouped(results)[(classifier, source)])}",
                ]
            )
    return _table(["classifier", "features", "feature", "importance", "kind", "in folds"], lines)


def plus_minus(mean: float, deviation: float, form: str) -> str:
    """Lay out a mean and its deviation, which a single value does not have (NaN).

    Parameters
    ----------
    mean, deviation : float
        The numbers.
    form : str
        Format of the mean, such as ".1f", or "+.1f" with its sign.
    """
    text = format(mean, form)
    return text if math.isnan(deviation) else f"{text} ± {format(deviation, form.lstrip('+'))}"


def _percent(row: dict[str, Any], name: str, form: str = ".1f") -> str:
    return plus_minus(100 * row[f"{name}_mean"], 100 * row[f"{name}_sd"], form)


def _points(row: dict[str, Any], name: str) -> str:
    return _percent(row, name, "+.1f")


def _table(heads: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    from tabulate import tabulate

    return str(tabulate(lines, heads, tablefmt="github", disable_numparse=True))

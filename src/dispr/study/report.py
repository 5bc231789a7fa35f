"""Tables of classes and shapes as CSV and Markdown, and the report of the study that shows them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispr._version import __version__
from dispr.cells.classes import parse_name
from dispr.cells.folder import CellFiles
from dispr.files import atomic_path, write_csv
from dispr.scores.evaluate import CONSENSUS
from dispr.scores.intervals import INTERVAL_HEADS, interval_line
from dispr.scores.shape import METRICS
from dispr.study import class_tables as tables
from dispr.study.class_scores import SCORES
from dispr.study.class_tables import Results
from dispr.study.cross_validation import FoldResult
from dispr.study.figures import write_examples, write_violins
from dispr.study.html_page import page_of
from dispr.study.settings import Plan
from dispr.study.shape_tables import classes_in, coverage, over_folds

PUBLISHED = (
    "The paper (arXiv 2208.14125) reports a macro F1 of 55.2 ± 4.6 % without and 72.2 ± 4.9 % with "
    "predicted shapes of the rare classes as further rows, on 825 cells, with random folds."
)

HEADINGS = {
    "runs": "Folds in blocks: neighbouring cells, often from the same donor, stay together",
    "random": "Random folds, as published: neighbours of test cells are in the training set",
}


@dataclass(frozen=True)
class SchemeResult:
    """What came out for one way to draw folds.

    Attributes
    ----------
    scheme : str
        "runs" or "random".
    rows : list of dict
        Scores of all test cells by all methods, see `shape_tables.read_scores`.
    folders : list of Path
        The folds' predictions by the method whose shapes cells are classified by.
    results : list of FoldResult
        Of the classification; empty where it was left out.
    """

    scheme: str
    rows: list[dict[str, Any]]
    folders: list[Path]
    results: list[FoldResult]


def write_classification(out: Path, results: Results, remarks: Sequence[str]) -> None:
    """Write `summary.csv`, `fold_scores.csv` and the other tables of classes, and `report.md`.

    Parameters
    ----------
    out : Path
        Folder to write to.
    results : sequence of FoldResult
        Of `classify_folds`.
    remarks : sequence of str
        Sentences on what this ran on and what to keep in mind.
    """
    for name, rows in (
        ("summary", tables.summary(results)),
        ("fold_scores", tables.fold_scores(results)),
        ("classes", tables.class_rows(results)),
        ("confusion", tables.confusion_rows(results)),
        ("gains", tables.gains(results)),
        ("importances", tables.importance_rows(results)),
        ("cells", tables.cell_rows(results)),
    ):
        write_csv(out / f"{name}.csv", rows)
    _write(out / "report.md", markdown(results, remarks))


def markdown(results: Results, remarks: Sequence[str] = ()) -> str:
    """Lay out a classification as Markdown: scores, gains, classes, confusion, importances."""
    audited = sum(result.audited for result in results)
    parts = [
        "# Classification\n",
        *(f"- {remark}" for remark in remarks),
        f"- Leak check: {audited} of {len(results)} fits were repeated with altered test cells "
        "and did not change; no training set contained rows of a test cell.\n",
        "## Scores\n",
        score_table(results),
        "\nIn percent, mean ± standard deviation over all folds; pooled: over the repeats, each "
        "scored on all cells together. If a class has no test cell in a fold, the macro F1 of "
        "the fold is over the other classes; the pooled macro F1 is over all classes.\n",
    ]
    if gained := gain_table(results):
        parts += ["## Gain over other features\n", gained]
        parts += [
            "\nDifferences in percentage points between sources, per fold, on the same test cells; "
            "the standard error of their mean counts that folds share training cells (corrected "
            "resampled t-test).\n"
        ]
    parts += ["## F1 by class\n", class_table(results), "", "## Confusion\n"]
    heads = ["true \\ predicted", *tables.present_classes(results)]
    counts: dict[str, list[list[Any]]] = {}
    for row in tables.confusion_rows(results):
        classifier, source, *line = row.values()
        counts.setdefault(f"{classifier}, {source}:\n", []).append(line)
    for title, lines in counts.items():
        parts += [title, table(heads, lines), ""]
    return "\n".join([*parts, "## Most important features\n", importance_table(results), ""])


def score_table(results: Results) -> str:
    """Lay out macro and weighted F1 and accuracy of each classifier and source as Markdown."""
    heads = {name: name.replace("_f1", " F1") for name in SCORES}
    heads |= {f"pooled_{name}": f"pooled {heads[name]}" for name in SCORES[:2]}
    return table(
        ["classifier", "features", *heads.values()],
        [
            [row["classifier"], row["features"], *(_percent(row, name) for name in heads)]
            for row in tables.summary(results)
        ],
    )


def gain_table(results: Results) -> str:
    """Lay out what each source adds to another, in percentage points; empty if nothing can."""
    lines = [
        [
            *(row[name] for name in ("classifier", "features", "compared_with")),
            _percent(row, "macro_f1_gain", "+.1f"),
            f"{100 * row['macro_f1_gain_error']:.1f}",
            f"{row['folds_higher']:.0%}",
            _percent(row, "pooled_macro_f1_gain", "+.1f"),
        ]
        for row in tables.gains(results)
    ]
    heads = ["classifier", "features", "over", "macro F1, folds", "standard error"]
    return table([*heads, "folds higher", "macro F1, pooled"], lines) if lines else ""


def class_table(results: Results) -> str:
    """Lay out the F1 of each class (pooled) as Markdown, one line for a classifier and source."""
    lines: dict[tuple[str, str], list[str]] = {}
    cells: dict[str, int] = {}
    for row in tables.class_rows(results):
        key = (row["classifier"], row["features"])
        lines.setdefault(key, list(key)).append(_percent(row, "f1"))
        cells.setdefault(row["class"], row["cells"])
    heads = [f"{name} ({count})" for name, count in cells.items()]
    return table(["classifier", "features", *heads], list(lines.values()))


def importance_table(results: Results, count: int = 8) -> str:
    """Lay out the most important features of each classifier and source."""
    lines = [
        [
            *(row[name] for name in ("classifier", "features", "feature")),
            plus_minus(row["importance_mean"], row["importance_sd"], ".3f"),
            row["kind"],
            f"{row['folds_used']} of {len(of)}",
        ]
        for of in tables.grouped(results).values()
        for row in tables.importance_rows(of)[:count]
    ]
    heads = ["classifier", "features", "feature", "importance", "kind", "in folds"]
    return table(heads, lines)


def write_report(
    out: Path,
    plan: Plan,
    schemes: Sequence[SchemeResult],
    files: Sequence[CellFiles],
    origin: str = "",
) -> Path:
    """Write the report, and per scheme of folds the tables and figures that it shows.

    Parameters
    ----------
    out : Path
        Folder of the study.
    plan : Plan
        What was compared.
    schemes : sequence of SchemeResult
        What came out.
    files : sequence of CellFiles
        The cells.
    origin : str
        Where they are from.

    Returns
    -------
    Path
        Of `report.html`, which holds its figures; `report.md` says the same.
    """
    parts = ["# Study of predicted shapes\n", *_remarks(plan, files, origin), ""]
    for result in schemes:
        parts += _scheme(out, plan, result, files)
    text = "\n".join(parts) + "\n"
    _write(out / "report.md", text)
    _write(out / "report.html", page_of(text, out))
    return out / "report.html"


def _remarks(plan: Plan, files: Sequence[CellFiles], origin: str) -> list[str]:
    counts = Counter(parse_name(file.name).cell_class or "unknown" for file in files)
    classes = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    beginning = (
        f"pre-trained for {plan.pretraining_steps} steps on {plan.pretraining_cells} simulated "
        "cells"
        if plan.pretraining_steps
        else "without pre-training"
    )
    return [
        f"- dispr {__version__}, on {len(files)} cells{f' ({origin})' if origin else ''}: "
        f"{classes}.",
        f"- {plan.folds} folds; each cell is tested once. Each fold has its own model "
        f"({plan.classified}), trained on its training cells: {plan.steps} steps of "
        f"{plan.batch_size} cells, {beginning}. Shapes per cell: {plan.ensemble}.",
        "- Values are mean ± standard deviation over the folds, unless stated otherwise.",
    ]


def _scheme(out: Path, plan: Plan, result: SchemeResult, files: Sequence[CellFiles]) -> list[str]:
    folder, name = out / result.scheme, result.scheme
    lines = over_folds(result.rows)
    by_class = [
        line for c in classes_in(result.rows) for line in over_folds(result.rows, cell_class=c)
    ]
    write_csv(folder / "shapes.csv", [*lines, *by_class])
    write_csv(folder / "scores.csv", result.rows)
    own = [row for row in result.rows if row["method"].startswith(f"{plan.classified},")]
    held = coverage(own, result.folders)
    write_violins(folder / "violins.png", result.rows)
    write_examples(folder / "examples.png", result.rows, result.folders, files)
    chosen = [
        line for line in by_class if CONSENSUS in line["method"] or ", " not in line["method"]
    ]
    parts = [
        f"## {HEADINGS[name]}\n",
        "### Shapes\n",
        shape_table(lines),
        f"\n![Scores of each method over the cells]({name}/violins.png)\n",
        "Lines: means; boxes: quartiles. Values beyond 1 are drawn at 1.\n",
        "By class, over the folds with test cells of the class:\n",
        f"{shape_table(chosen, by_class=True)}\n",
    ]
    if held:
        write_csv(folder / "intervals.csv", held)
        parts += [
            "Intervals, over all cells; in brackets the bounds of the coverage:\n",
            f"{_coverage_table(held)}\n",
        ]
    parts += [
        "Example of each class: the cell with the median IoU of the consensus:\n",
        f"![Sections, shapes and truth]({name}/examples.png)\n",
    ]
    if not result.results:
        return parts
    parts += ["### Classification\n", score_table(result.results), f"\n{PUBLISHED}\n"]
    if gained := gain_table(result.results):
        parts += ["Gain over other features, in percentage points:\n", f"{gained}\n"]
    place = f"{name}/classification"
    return [
        *parts,
        "F1 of each class (number of cells), all cells together:\n",
        class_table(result.results),
        f"\n![Macro F1 of each source of features]({place}/f1.png)\n",
        f"![Confusion matrices]({place}/confusion.png)\n",
        f"![Importances of features]({place}/importances.png)\n",
        f"More in [{place}/report.md]({place}/report.md).\n",
    ]


def shape_table(lines: Sequence[Mapping[str, Any]], by_class: bool = False) -> str:
    """Lay out means and deviations of the scores as Markdown."""
    first = ["class"] * by_class + ["method", "cells"]
    heads = [*first, "IoU", *(metric.replace("_", " ") for metric in METRICS[1:])]
    return table(
        heads,
        [
            [
                *(line[name] for name in first),
                *(plus_minus(line[f"{m}_mean"], line[f"{m}_sd"], ".3f") for m in METRICS),
            ]
            for line in lines
        ],
    )


def _coverage_table(held: Sequence[Mapping[str, Any]]) -> str:
    return table(INTERVAL_HEADS, [interval_line(row) for row in held])


def plus_minus(mean: float, deviation: float, form: str) -> str:
    """Lay out a mean and its deviation, which a single value does not have (NaN).

    The format is that of the mean, such as ".1f", or "+.1f" with its sign.
    """
    text = format(mean, form)
    return text if math.isnan(deviation) else f"{text} ± {format(deviation, form.lstrip('+'))}"


def table(heads: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """Lay out a table as Markdown."""
    from tabulate import tabulate

    return str(tabulate(lines, heads, tablefmt="github", disable_numparse=True))


def _percent(row: Mapping[str, Any], name: str, form: str = ".1f") -> str:
    return plus_minus(100 * row[f"{name}_mean"], 100 * row[f"{name}_sd"], form)


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")

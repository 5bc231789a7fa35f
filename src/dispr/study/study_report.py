"""Tables and figures of the study, and the page that shows them."""

from __future__ import annotations

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
from dispr.scores.shape import METRICS
from dispr.study.class_report import class_table, plus_minus, score_table
from dispr.study.class_tables import gains
from dispr.study.cross_validation import FoldResult
from dispr.study.html_page import write_page
from dispr.study.plan import Plan
from dispr.study.shape_figures import write_examples, write_violins
from dispr.study.shape_tables import classes_in, coverage, over_folds

PUBLISHED = (
    "The paper (arXiv 2208.14125) reports a macro F1 of 55.2 ± 4.6 % without and 72.2 ± 4.9 % with "
    "predicted shapes of the rare classes as further rows, on 825 cells, folds at random."
)

SCHEMES = {
    "runs": "Folds by runs: neighbouring cells, often of one donor, stay together",
    "random": "Folds at random, as published: siblings of test cells are in training",
}


@dataclass(frozen=True)
class SchemeResult:
    """What came out for one way to draw folds.

    Attributes
    ----------
    scheme : str
        "runs" or "random".
    rows : list of dict
        Scores of all test cells by all methods, see `dispr.study.shape_tables.read_scores`.
    folders : list of Path
        The folds' predictions by the method whose shapes cells are classified by.
    results : list of FoldResult
        Of the classification; empty where it was left out.
    """

    scheme: str
    rows: list[dict[str, Any]]
    folders: list[Path]
    results: list[FoldResult]


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

    Raises
    ------
    DisprError
        If matplotlib or markdown-it-py is not installed.
    FileError
        If a file cannot be written.
    """
    parts = ["# Study of predicted shapes\n", *_remarks(plan, files, origin), ""]
    for result in schemes:
        parts += _scheme(out, plan, result, files)
    text = "\n".join(parts) + "\n"
    with atomic_path(out / "report.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_page(out / "report.html", text)
    return out / "report.html"


def _remarks(plan: Plan, files: Sequence[CellFiles], origin: str) -> list[str]:
    counts = Counter(parse_name(file.name).cell_class or "unknown" for file in files)
    classes = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    beginning = (
        f"begun with {plan.pretraining_steps} steps on {plan.pretraining_cells} simulated cells"
        if plan.pretraining_steps
        else "begun with fresh weights"
    )
    return [
        f"- dispr {__version__}, on {len(files)} cells{f' ({origin})' if origin else ''}: "
        f"{classes}.",
        f"- {plan.folds} folds, each cell tested once. In each fold a model ({plan.classified}) of "
        f"its own learns from the training cells: {plan.steps} steps of {plan.batch_size} cells, "
        f"{beginning}. Shapes of a cell: {plan.ensemble}.",
        "- Mean ± standard deviation over the folds, if not said otherwise.",
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
    parts = [f"## {SCHEMES[name]}\n", "### Shapes\n", shape_table(lines), ""]
    parts += [f"![Scores of each method over the cells]({name}/violins.png)\n"]
    parts += ["Lines: means; boxes: quartiles. Values beyond 1 are drawn at 1.\n"]
    chosen = [
        line for line in by_class if CONSENSUS in line["method"] or ", " not in line["method"]
    ]
    parts += ["By class, over the folds that have cells of it:\n", shape_table(chosen, True), ""]
    if held:
        write_csv(folder / "intervals.csv", held)
        parts += ["The stated 90 % intervals, over all cells:\n", _coverage_table(held), ""]
    parts += [
        "A cell of each class, that with the median IoU of the consensus:\n",
        f"![Sections, shapes and truth]({name}/examples.png)\n",
    ]
    return parts + (_classes(name, result.results) if result.results else [])


def _classes(scheme: str, results: Sequence[FoldResult]) -> list[str]:
    parts = ["### Classes told by shapes\n", score_table(results), "", PUBLISHED + "\n"]
    compared = [
        [
            row["classifier"],
            row["features"],
            row["compared_with"],
            plus_minus(100 * row["macro_f1_gain_mean"], 100 * row["macro_f1_gain_sd"], "+.1f"),
            f"{100 * row['pooled_macro_f1_gain_mean']:+.1f}",
        ]
        for row in gains(results)
    ]
    if compared:
        heads = ["classifier", "features", "over", "macro F1 gained", "all cells together"]
        parts += ["What the shapes add, in percentage points:\n", _table(heads, compared), ""]
    place = f"{scheme}/classification"
    return [
        *parts,
        "F1 of each class (number of cells), all cells together:\n",
        class_table(results),
        "",
        f"![Macro F1 of each source of features]({place}/f1.png)\n",
        f"![Confusion matrices]({place}/confusion.png)\n",
        f"![Importances of features]({place}/importances.png)\n",
        f"More in [{place}/report.md]({place}/report.md).\n",
    ]


def shape_table(lines: Sequence[Mapping[str, Any]], by_class: bool = False) -> str:
    """Lay out means and deviations of the scores as Markdown."""
    heads = ["class"] * by_class + ["method", "cells", "IoU"]
    heads += [metric.replace("_", " ") for metric in METRICS[1:]]
    return _table(
        heads,
        [
            [
                *([line["class"]] if by_class else []),
                line["method"],
                line["cells"],
                *(plus_minus(line[f"{m}_mean"], line[f"{m}_sd"], ".3f") for m in METRICS),
            ]
            for line in lines
        ],
    )


def _coverage_table(held: Sequence[Mapping[str, Any]]) -> str:
    return _table(
        ["interval of", "class", "cells", "cells held", "mean width", "CRPS"],
        [
            [
                row["quantity"],
                row["class"],
                row["cells"],
                f"{row['held']:.1%}",
                f"{row['width']:.1%}",
                f"{row['crps']:.3f}",
            ]
            for row in held
        ],
    )


def _table(heads: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    from tabulate import tabulate

    return str(tabulate(lines, heads, tablefmt="github", disable_numparse=True))

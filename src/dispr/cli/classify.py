"""`dispr classify`: tell the classes of cells apart by features of sections and shapes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from dispr.cli.options import (
    Name,
    NumberList,
    given,
    jobs_option,
    list_option,
    out_option,
    refuse_given,
    split_option,
)
from dispr.cli.progress import Bars
from dispr.cli.say import result
from dispr.errors import ConfigError
from dispr.names import count_of

FEATURES = (
    "2d",
    "truth",
    "predicted",
    "augmented",
    "single",
    "single-augmented",
    "cylinder",
    "ellipsoid",
    "outline",
)


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@out_option("Output folder, or with --apply the table to write (.csv).")
@click.option(
    "--apply",
    "kept",
    type=Name,
    default=None,
    help="Output folder of an earlier dispr classify: name the class of each cell of DATA by the "
    "classifier kept there, which --features and --classifiers choose if there are several; or "
    "shipped, for the classifier of red blood cells that comes with DISPR.",
)
@click.option(
    "--sure",
    type=click.FloatRange(0, 1),
    default=None,
    show_default="0.5, or 0.8 with --apply shipped",
    help="With --apply: least probability of a class to be named; else the cell is 'not sure'.",
)
@list_option(
    "features",
    FEATURES,
    show_default="2d",
    help="Sources of features to compare: 2d (image and mask); and, each added to 2d: truth (the "
    "true shape), predicted (consensus, mean and spread of the predicted shapes), augmented "
    "(truth, plus predicted shapes of training cells of rare classes as additional rows), single "
    "(one predicted shape), single-augmented, cylinder, ellipsoid. outline alone replaces 2d: "
    "measures of the section that do not depend on the exposure, curvature of its outline, "
    "brightness along it.",
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    default=None,
    help="Output folder of dispr predict, or a folder with one of these per fold (fold_0, ...).",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    default=None,
    help="Weights of the model that made the predictions, which record its training cells; or a "
    "folder of runs, fold_0/weights.safetensors, ... Default: the shipped weights.",
)
@click.option("--unseen", is_flag=True, help="Use only cells that the model was not trained on.")
@click.option(
    "--unrelated",
    multiple=True,
    metavar="NAME",
    help="Name of a training data set of the model that shares no cells with DATA, such as "
    "simulated cells; cells with the same names are then different cells.",
)
@split_option()
@click.option(
    "--folds-file",
    type=click.Path(path_type=Path),
    default=None,
    help="CSV file with existing folds (columns name, repeat, fold) to use.",
)
@click.option(
    "--scheme",
    type=click.Choice(["runs", "random"]),
    default="runs",
    show_default=True,
    help="How to draw folds: keep blocks of consecutively numbered cells together (runs), or "
    "draw cells at random as published (random).",
)
@click.option("--folds", default=5, show_default=True, help="Number of folds.")
@click.option(
    "--repeats", default=1, show_default=True, help="Number of repeats, each with new folds."
)
@click.option("--block", default=8, show_default=True, help="Largest number of cells in a block.")
@list_option(
    "classifiers",
    ("forest", "boosting", "linear"),
    show_default="forest",
    help="Classifiers: random forest, gradient boosting, logistic regression (linear).",
)
@click.option(
    "--trees",
    default=0,
    help="Number of trees of the random forest. Default: 500, or 2000 with --published.",
)
@click.option(
    "--oversampling",
    type=click.Choice(["smote", "random", "none"]),
    default="smote",
    show_default=True,
    help="How to oversample rare classes in training, up to the size of the largest class.",
)
@click.option(
    "--minority",
    type=NumberList(str),
    default="knizocytes,keratocytes,multilobate",
    show_default=True,
    help="Rare classes to augment, separated by commas.",
)
@click.option(
    "--importances",
    "importance",
    type=click.Choice(["impurity", "permutation"]),
    default=None,
    help="How to compute feature importances. Default: impurity for forest, permutation for "
    "the others.",
)
@click.option(
    "--published",
    is_flag=True,
    help="Use the published features, number of trees and importance threshold.",
)
@click.option("--seed", default=0, show_default=True, help="Random seed of folds and classifiers.")
@click.option(
    "--audit",
    type=click.Choice(["first", "all", "none"]),
    default="first",
    show_default=True,
    help="Folds to check for leaks: they are trained again with altered test cells, which must "
    "not change the classifier.",
)
@click.option(
    "--keep/--no-keep",
    default=True,
    show_default=True,
    help="Keep the classifiers, fitted to all cells, for --apply.",
)
@click.option(
    "--pictures/--no-pictures", default=True, show_default=True, help="Write figures (PNG)."
)
@jobs_option()
def command(data: Path, out: Path, **options: Any) -> None:
    """Classify the cells of DATA and compare sources of features.

    Classes are read from the cell names. Scaling, feature selection and oversampling use only the
    training cells of a fold. Predictions of a model that was trained on a test cell are rejected.
    OUT receives report.md, tables (CSV), figures, and the folds (folds.csv). Press Ctrl-C to
    interrupt; re-run the same command to resume.

    With --apply, OUT is a table of the class of each cell of DATA, whose names need not state one.
    """
    from dispr.cells.folder import find_cells
    from dispr.study.classify import classify
    from dispr.study.report import score_table
    from dispr.study.settings import ClassifySettings

    if options["kept"] is not None:
        _apply(data, out, options)
        return
    refuse_given(("sure",), "it is only used with --apply")
    if options["folds_file"] is not None:
        drawing = ("scheme", "folds", "repeats", "block")
        refuse_given(drawing, "--folds-file gives existing folds")
    settings = ClassifySettings(**given(options, "", ClassifySettings))
    files = find_cells(data, split=options["split"])
    with Bars() as bars:
        results = classify(
            files,
            out,
            settings,
            predictions=options["predictions"],
            weights=options["weights"],
            split=options["folds_file"],
            pictures=options["pictures"],
            keep=options["keep"],
            audit=options["audit"],
            jobs=options["jobs"],
            progress=bars,
        )
    result(score_table(results), report=out / "report.md", scores=out / "summary.csv")
    result(f"\nF1 score in percent, mean ± standard deviation over folds; see {out / 'report.md'}")


USED_TO_APPLY = ("data", "out", "kept", "sure", "features", "classifiers", "predictions")
"""Options that mean something with `--apply`, beside `--split` and `--jobs`."""


def _apply(data: Path, out: Path, options: dict[str, Any]) -> None:
    from dispr.cells.folder import find_cells
    from dispr.recognition.calibration import UNSURE
    from dispr.study.apply import apply_classifier

    others = set(options) - {*USED_TO_APPLY, "split", "jobs"}
    refuse_given(sorted(others), "--apply uses a classifier that was fitted before")
    if out.suffix.lower() != ".csv":
        raise ConfigError(f"-o must be the table to write, such as classes.csv, not {out}.")
    chosen = {}
    for name, word in (("features", "source"), ("classifiers", "classifier")):
        values = options[name] or ()
        if len(values) > 1:
            raise ConfigError(f"--apply uses one classifier; give one word for --{name}.")
        chosen[word] = values[0] if values else None
    with Bars() as bars:
        rows = apply_classifier(
            options["kept"],
            find_cells(data, split=options["split"]),
            out,
            **chosen,
            predictions=options["predictions"],
            sure=options["sure"],
            jobs=options["jobs"],
            progress=bars,
        )
    told = Counter(row["predicted_class"] for row in rows)
    unsure = told.pop(UNSURE, 0)
    known = [row["class"] == row["predicted_class"] for row in rows if row["class"]]
    warned = sum(bool(row["warning"]) for row in rows)
    lines = [f"{count:6} {name}" for name, count in [*told.most_common(), (UNSURE, unsure)]]
    lines.append(f"{out}: {count_of(len(rows), 'cell')}, {warned} with a warning.")
    if known:
        lines.append(f"{sum(known)} of {len(known)} cells have the class that their name states.")
    result(
        "\n".join(lines),
        classes=dict(told),
        not_sure=unsure,
        warnings=warned,
        table=out,
    )

"""`dispr classify`: tell the classes of cells apart by features of sections and shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dispr.cli.options import (
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

FEATURES = (
    "2d",
    "truth",
    "predicted",
    "augmented",
    "single",
    "single-augmented",
    "cylinder",
    "ellipsoid",
)


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@out_option()
@list_option(
    "features",
    FEATURES,
    show_default="2d",
    help="What to compare: 2d (image and mask); and beside it: truth (the true "
    "shape), predicted (consensus, mean and spread of the predicted shapes), augmented (truth, "
    "and predicted shapes of the rare classes' training cells as further rows), single (one "
    "predicted shape), single-augmented, cylinder, ellipsoid.",
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder that dispr predict wrote, or one that holds a folder for each fold (fold_0, ...).",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    default=None,
    help="Weights of the predictions' model, which name its training cells; or a folder of runs, "
    "fold_0/weights.safetensors, ... Default: the shipped ones.",
)
@click.option("--unseen", is_flag=True, help="Only cells that the model was not trained on.")
@click.option(
    "--unrelated",
    multiple=True,
    metavar="NAME",
    help="Name of a data set that the model was trained on and that shares no cell with DATA, "
    "such as a simulated one: equal names mean nothing there.",
)
@split_option()
@click.option(
    "--folds-file",
    type=click.Path(path_type=Path),
    default=None,
    help="CSV file of folds (name, repeat, fold) to use instead of drawing them.",
)
@click.option(
    "--scheme",
    type=click.Choice(["runs", "random"]),
    default="runs",
    show_default=True,
    help="Keep runs of consecutive numbers together, or draw cells at random as published.",
)
@click.option("--folds", default=5, show_default=True, help="Folds in a repeat.")
@click.option("--repeats", default=1, show_default=True, help="Times that folds are drawn anew.")
@click.option("--block", default=8, show_default=True, help="Most cells that stay together.")
@list_option(
    "classifiers",
    ("forest", "boosting"),
    show_default="forest",
    help="Random forest, gradient boosting.",
)
@click.option("--trees", default=0, help="Of the forest. Default: 500; published: 2000.")
@click.option(
    "--oversampling",
    type=click.Choice(["smote", "random", "none"]),
    default="smote",
    show_default=True,
    help="How rare classes are brought to the size of the largest, in training.",
)
@click.option(
    "--minority",
    type=NumberList(str),
    default="knizocytes,keratocytes,multilobate",
    show_default=True,
    help="Classes that are augmented, separated by commas.",
)
@click.option(
    "--importances",
    "importance",
    type=click.Choice(["impurity", "permutation"]),
    default=None,
    help="Of features. Default: impurity for forests, permutation for boosting.",
)
@click.option(
    "--published", is_flag=True, help="The published features, trees and threshold of importance."
)
@click.option("--seed", default=0, show_default=True, help="Of folds and classifiers.")
@click.option(
    "--audit",
    type=click.Choice(["first", "all", "none"]),
    default="first",
    show_default=True,
    help="Folds that are fitted with spoiled test cells too, to see whether training notices.",
)
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Draw PNG files.")
@jobs_option()
def command(data: Path, out: Path, **options: Any) -> None:
    """Classify the cells of DATA, and compare sources of features.

    Classes are read from the names of the cells. Scaling, selection of features and oversampling
    see the training cells of a fold alone. Predicted shapes are refused where their model was
    trained on a test cell. OUT receives report.md, tables (CSV), pictures, and folds.csv, the
    folds. Interrupt with Ctrl-C; re-run the same command to resume.
    """
    from dispr.cells.folder import find_cells
    from dispr.study.classify import classify
    from dispr.study.report import score_table
    from dispr.study.settings import ClassifySettings

    if options["folds_file"] is not None:
        drawing = ("scheme", "folds", "repeats", "block")
        refuse_given(drawing, "--folds-file names folds that are drawn already")
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
            audit=options["audit"],
            jobs=options["jobs"],
            progress=bars,
        )
    result(score_table(results), report=out / "report.md", scores=out / "summary.csv")
    result(f"\nF1 in per cent, mean ± standard deviation over folds; see {out / 'report.md'}")

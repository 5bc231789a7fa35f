"""`dispr evaluate`: score predicted shapes against the truth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from dispr.cli.options import jobs_option, out_option, split_option
from dispr.cli.progress import Bars
from dispr.cli.say import note, result, warn
from dispr.names import count_of


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@out_option("CSV file for the scores of each cell; a summary is saved next to it.", required=False)
@split_option("Part of the data set. Default: all.")
@click.option(
    "--baselines/--no-baselines", default=True, show_default=True, help="Score baselines too."
)
@click.option(
    "--train",
    type=click.Path(path_type=Path),
    default=None,
    help="Data set with the training cells for the baseline nearest. Default: TRUTH.",
)
@click.option(
    "--report/--no-report",
    default=True,
    show_default=True,
    help="With --out, also write a report to open in a browser.",
)
@jobs_option()
def command(
    predictions: Path,
    truth: Path,
    out: Path | None,
    split: str | None,
    baselines: bool,
    train: Path | None,
    report: bool,
    jobs: int | None,
) -> None:
    """Score the shapes in PREDICTIONS against the true shapes (obj) of the data set TRUTH.

    Prints mean, standard deviation and median over the cells of the IoU (higher is better) and of
    the relative errors of volume, surface, roughness and convexity (lower is better). "single
    samples" are all samples of all cells; "consensus" contains the voxels that more than half of
    the samples contain; "best of N" is the sample of each cell with the highest IoU, which can be
    selected only with the true shape.
    """
    from dispr.errors import FileError
    from dispr.files import write_csv
    from dispr.scores.evaluate import evaluate

    if out is not None and out.suffix.lower() != ".csv":
        raise FileError(f"{out} must end in .csv.")
    with Bars() as bars:
        scores = evaluate(
            predictions,
            truth,
            split=split,
            train=train,
            baselines=baselines,
            jobs=jobs,
            progress=bars,
        )
    summary = scores.summary()
    named = {row["class"] for row in scores.rows} - {""}
    classes = scores.summary(by_class=True) if named else []
    if out is not None:
        write_csv(out, scores.rows)
        write_csv(out.with_name(f"{out.stem}_summary{out.suffix}"), summary + classes)
        if scores.intervals:
            write_csv(out.with_name(f"{out.stem}_intervals{out.suffix}"), scores.intervals)
        if scores.ensemble:
            write_csv(out.with_name(f"{out.stem}_ensemble{out.suffix}"), scores.ensemble)
    facts = {"scores": summary, "by_class": classes, "intervals": scores.intervals}
    facts["ensemble"] = scores.ensemble
    result(table(summary), **facts, not_predicted=scores.not_predicted, table=out)
    result("Values are the mean, standard deviation (±) and median (in brackets) over the cells.")
    if len(named) > 1:
        result("\nConsensus by class:\n")
        result(table([row for row in classes if row["shape"] == "consensus"], by="class"))
    if scores.intervals:
        level = scores.intervals[0]["level"]
        which = "Intervals" if level is None else f"Intervals of level {level:g}"
        result(f"\n{which}; in brackets the bounds of the coverage, if cells are independent:\n")
        result(interval_table(scores.intervals))
    if scores.ensemble:
        result("\nIndependent samples, relative to the true value:\n")
        result(ensemble_table(scores.ensemble))
    shapes = {row["shape"] for row in summary}
    if baselines and "cylinder" not in shapes:
        note("\nBaselines need masks; give a data set instead of a folder of objects.")
    elif baselines and "nearest" not in shapes:
        note("\nThe baseline nearest needs training cells; give a data set by --train.")
    if scores.not_predicted:
        left = count_of(scores.not_predicted, f"cell of {truth} has", f"cells of {truth} have")
        warn(f"\n{left} no prediction.")
    if out is not None:
        result(f"\nScores of each cell: {out}")
    if out is not None and report:
        from dispr.cli.report import write

        page = out.with_name(f"{out.stem}_report.html")
        write(predictions, truth, page, split=split, evaluation=scores, jobs=jobs)


def table(summary: list[dict[str, Any]], by: str = "shape") -> str:
    """Lay out a summary as text: mean ± standard deviation (median), in the order of the rows."""
    from tabulate import tabulate

    from dispr.scores.shape import METRICS

    heads = [by, "cells", *(metric.replace("_", " ") for metric in METRICS)]
    heads[2] = "IoU"
    lines = [
        [
            row[by] or "unknown",
            row["cells"],
            *(
                _statistics(row[f"{metric}_mean"], row[f"{metric}_sd"], row[f"{metric}_median"])
                for metric in METRICS
            ),
        ]
        for row in summary
    ]
    return str(tabulate(lines, heads, tablefmt="simple"))


def _statistics(mean: float, sd: float, median: float) -> str:
    """Lay out mean, deviation and median; of a single cell the value alone."""
    return f"{mean:.3f}" if math.isnan(sd) else f"{mean:.3f} ± {sd:.3f} ({median:.3f})"


def interval_table(scores: list[dict[str, Any]]) -> str:
    """Lay out the scores of intervals as text."""
    from tabulate import tabulate

    from dispr.scores.intervals import INTERVAL_HEADS, interval_line

    lines = [interval_line(row) for row in scores]
    return str(tabulate(lines, INTERVAL_HEADS, tablefmt="simple", disable_numparse=True))


def ensemble_table(scores: list[dict[str, Any]]) -> str:
    """Lay out the scores of the samples as text."""
    from tabulate import tabulate

    heads = ["samples of", "cells", "independent", "CRPS", "spread / error", "ranks of the truth"]
    lines = [
        [
            row["quantity"],
            row["cells"],
            row["draws"],
            f"{row['crps']:.3f}",
            f"{row['spread_to_error']:.2f}" if "spread_to_error" in row else "",
            row.get("ranks", ""),
        ]
        for row in scores
    ]
    return str(tabulate(lines, heads, tablefmt="simple", disable_numparse=True))

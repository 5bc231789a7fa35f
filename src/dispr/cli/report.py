"""`dispr report`: predictions as a page to look at in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dispr.cli.options import groups_option, jobs_option, out_option, split_option, strict_option
from dispr.cli.progress import Bars
from dispr.cli.say import note, partly, result, warn
from dispr.names import count_of

if TYPE_CHECKING:
    from dispr.failures import Failures
    from dispr.report.write import WrittenReport
    from dispr.scores.evaluate import Evaluation

NAME = "report.html"

MOST_CELLS = 2000
"""Cells of the largest report that is written without being asked for."""


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path), required=False)
@out_option(
    "Output file (.html); with hundreds of cells, more files are written to the same folder."
)
@split_option()
@groups_option("CSV with the columns cell and group. Default: the groups of the prediction.")
@strict_option()
@jobs_option()
def command(
    predictions: Path,
    data: Path | None,
    out: Path,
    split: str | None,
    groups: Path | None,
    strict: bool,
    jobs: int | None,
) -> int:
    """Write a report of the cells in PREDICTIONS that opens in any browser, also offline.

    For each cell, it shows the section from DATA, interactive 3D shapes, the samples and where they
    differ, sections through the shapes, measures with intervals, and warnings; and scores if
    DATA has the true shapes.
    """
    from dispr.failures import TABLE, Failures
    from dispr.report.write import check_name

    check_name(out)
    failures = Failures(strict)
    told: dict[str, Any] = {"groups": groups, "jobs": jobs, "failures": failures}
    if not write(predictions, data, out, split=split, **told).sections:
        note("The report has no sections; give the data set that was predicted to include them.")

    table = out.with_name(f"{out.stem}_{TABLE}")
    failures.write(table)
    return partly(failures, "cells", table)


def write(
    predictions: Path,
    data: Path | None,
    out: Path,
    *,
    split: str | None = None,
    evaluation: Evaluation | None = None,
    groups: Path | None = None,
    jobs: int | None = None,
    failures: Failures | None = None,
) -> WrittenReport:
    """Write a report, and say so."""
    from dispr.report.write import write_report

    with Bars() as bars:
        done = write_report(
            predictions,
            data,
            out,
            split=split,
            evaluation=evaluation,
            groups=groups,
            jobs=jobs,
            failures=failures,
            progress=bars,
        )
    pages = f", {len(done.pages)} files" if len(done.pages) > 1 else ""
    result(f"Report of {count_of(done.cells, 'cell')}{pages}: {out}", report=out)
    return done


def report_prediction(out: Path, data: Path | None = None, *, split: str | None = None) -> None:
    """Write the report of a prediction into its folder.

    The prediction is done and whole: input that keeps a report from it, such as a damaged object,
    which no prediction needs, is said and no error.

    Raises
    ------
    DisprError
        If it cannot be written, or a process that made it was killed.
    """
    from dispr.errors import DisprError, WorkerError, WriteError
    from dispr.failures import Failures
    from dispr.prediction.files import PredictionFolder

    try:
        cells = len(PredictionFolder(out).names())
        if cells > MOST_CELLS:
            note(f"{cells:,} cells are many for a report; dispr report writes one if it is wanted.")
            return
        failures = Failures()
        write(out, data, out / NAME, split=split, failures=failures)
        if failures.found:
            first = failures.found[0]
            missing = count_of(len(failures), "cell is", "cells are")
            warn(f"{missing} not in the report. {first.name}: {first.reason}")
    except (WriteError, WorkerError) as error:
        raise type(error)(f"the shapes are written, but no report of them: {error}") from error
    except DisprError as error:
        warn(f"No report was written: {error}")


def report_fields(out: Path) -> None:
    """Write the report of a field of view, or of each field of a folder, into its folder."""
    from dispr.prediction.files import is_prediction

    for folder in [out] if is_prediction(out) else sorted(out.iterdir()):
        if is_prediction(folder):
            report_prediction(folder)

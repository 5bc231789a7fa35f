"""`dispr report`: predictions as a page to look at in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dispr.report.write import WrittenReport
    from dispr.scores.evaluate import Evaluation

NAME = "report.html"


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write (.html); more of them beside it where there are hundreds of cells.",
)
@click.option("--split", default=None, help="Part of the data: train or test. Default: all cells.")
@click.option(
    "--groups",
    type=click.Path(path_type=Path),
    default=None,
    help="CSV with the columns cell and group. Default: as they were predicted.",
)
@click.option("--jobs", default=None, type=click.IntRange(1), help="Processes. Default: all cores.")
def command(
    predictions: Path,
    data: Path | None,
    out: Path,
    split: str | None,
    groups: Path | None,
    jobs: int | None,
) -> None:
    """Write the cells of PREDICTIONS as a report that opens in any browser, without a network.

    For each cell: its section from DATA, interactive 3D shapes, the samples, where they differ,
    sections, measures with 90 % intervals, warnings; and scores where DATA has the true shapes.
    """
    from dispr.report.write import check_name

    check_name(out)
    if not write(predictions, data, out, split=split, groups=groups, jobs=jobs).sections:
        click.echo("Name the data set that was predicted, to see the sections in it.")


def write(
    predictions: Path,
    data: Path | None,
    out: Path,
    *,
    split: str | None = None,
    evaluation: Evaluation | None = None,
    groups: Path | None = None,
    jobs: int | None = None,
) -> WrittenReport:
    """Write a report, and say so."""
    from tqdm import tqdm

    from dispr.prediction.files import PredictionFolder
    from dispr.report.write import write_report

    with tqdm(total=len(PredictionFolder(predictions).names()), unit="cell", leave=False) as bar:
        done = write_report(
            predictions,
            data,
            out,
            split=split,
            evaluation=evaluation,
            groups=groups,
            jobs=jobs,
            on_cell=bar.update,
        )
    pages = f", {len(done.pages)} files" if len(done.pages) > 1 else ""
    click.echo(f"Report of {done.cells} cells{pages}: {out}")
    return done


def report_prediction(out: Path, data: Path | None = None, *, split: str | None = None) -> None:
    """Write the report of a prediction into its folder.

    The prediction is done and whole: what keeps a report from it, such as a damaged object, which
    no prediction needs, is said and no error.
    """
    from dispr.errors import DisprError

    try:
        write(out, data, out / NAME, split=split)
    except DisprError as error:
        click.echo(f"There is no report: {error}")


def report_fields(out: Path) -> None:
    """Write the report of a field of view, or of each field of a folder, into its folder."""
    folders = [out] if (out / "probability").is_dir() else sorted(out.iterdir())
    for folder in folders:
        if (folder / "probability").is_dir():
            report_prediction(folder)

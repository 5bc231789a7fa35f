"""`dispr report`: predictions as a page to look at in a browser."""

from __future__ import annotations

from pathlib import Path

import click


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
@click.option("--jobs", default=None, type=click.IntRange(1), help="Processes. Default: all cores.")
def command(
    predictions: Path, data: Path | None, out: Path, split: str | None, jobs: int | None
) -> None:
    """Write the cells of PREDICTIONS as a report that opens in any browser, without a network.

    For each cell: its section from DATA, shapes to turn, the samples, where they differ, sections,
    measures with 90 % intervals, warnings; and scores where DATA holds the true shapes.
    """
    report(predictions, data, out, split=split, jobs=jobs)


def report(
    predictions: Path,
    data: Path | None,
    out: Path,
    *,
    split: str | None = None,
    jobs: int | None = None,
) -> None:
    """Write a report, and say so."""
    from tqdm import tqdm

    from dispr.prediction.layout import predicted_names
    from dispr.report.write import check_name, write_report

    check_name(out)
    with tqdm(total=len(predicted_names(predictions)), unit="cell", leave=False) as bar:
        done = write_report(predictions, data, out, split=split, jobs=jobs, on_cell=bar.update)
    pages = f", {len(done.pages)} pages" if len(done.pages) > 1 else ""
    click.echo(f"Report of {done.cells} cells{pages}: {out}")
    if not done.sections:
        click.echo("Name the data set that was predicted, to see the sections in it.")

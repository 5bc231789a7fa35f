"""`dispr export`: results in the formats of other programs."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import out_option
from dispr.cli.say import note, result


@click.group()
def command() -> None:
    """Describe or write results in standard formats."""


@command.command("ro-crate")
@click.argument("predictions", type=click.Path(path_type=Path))
def ro_crate(predictions: Path) -> None:
    """Write PREDICTIONS/ro-crate-metadata.json, a Process Run Crate.

    It describes the run for archives and workflow systems: software and version, weights, inputs,
    settings, command and date, and the results with checksums.
    """
    from dispr.prediction.crate import write_crate

    path = write_crate(predictions)
    result(f"Process Run Crate: {path}", crate=path)


@command.command("anndata")
@click.argument("cells", type=click.Path(path_type=Path))
@out_option("File to write, CELLS.h5ad.")
def anndata(cells: Path, out: Path) -> None:
    """Write the measures of CELLS as AnnData (.h5ad), for scanpy and squidpy.

    CELLS is the output folder of dispr predict, of single cells or fields of view, or a table of
    dispr measure. X holds the measures, with NaN where there is no number; the layers low and high
    hold the ends of their intervals, and mean, sd, min and max what the table has of the samples;
    obs holds all other columns; var the units; obsm["spatial"] the positions of cells in a field.

    All measures are written if CELLS contains measurements.csv (dispr measure CELLS -o
    CELLS/measurements.csv --all; fields of view have it), else those of its table.
    """
    from dispr.export.annotated import write_anndata

    read, made = write_anndata(cells, out)
    layers = sorted(made.layers)
    text = f"{made.n_obs} cells, {made.n_vars} measures: {out}"
    result(text, cells=made.n_obs, measures=list(made.var_names), layers=layers, file=out)
    if not read.all_measures:
        note(
            f"Only the measures in {read.where} were written; for all: dispr measure FOLDER "
            "-o FOLDER/measurements.csv --all."
        )


@command.command("croissant")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--name", default="", help="Name of the data set. Default: that of its folder.")
@click.option("--description", default="", help="Description. Default: what it contains.")
@click.option("--license", "licence", default="", help="License: its URL or SPDX name.")
@click.option("--creator", "creators", multiple=True, help="Who made it; repeat for several.")
@click.option("--url", default="", help="Web page of the data set.")
@click.option("--citation", default="", help="How to cite it, as BibTeX.")
@click.option("--published", default="", metavar="YYYY-MM-DD", help="Date of publication.")
@click.option("--version", default="1.0.0", show_default=True, help="Version of the data set.")
def croissant(data: Path, licence: str, creators: tuple[str, ...], **texts: str) -> None:
    """Write DATA/croissant.json, Croissant metadata for machine learning.

    DATA is a data set of cells, as written by dispr prepare or dispr simulate. The file describes
    its images, masks and 3D shapes, the columns of manifest.csv, and tables with checksums, so
    that data archives and mlcroissant can find and load them.
    """
    from dispr.export.croissant import Publication, write_croissant

    about = Publication(license=licence, creators=creators, **texts)
    path, cells = write_croissant(data, about)
    result(f"Croissant metadata of {len(cells)} cells: {path}", cells=len(cells), croissant=path)
    if about.lacking:
        note(f"Before you publish it, state {', '.join(about.lacking)}.")

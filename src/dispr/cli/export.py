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

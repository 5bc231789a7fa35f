"""`dispr export`: results and models in the formats of other programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dispr.cli.options import out_option
from dispr.cli.say import note, result
from dispr.names import count_of


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--model` and `--sampling-steps`, which model is written."""
    for option in (
        click.option(
            "--sampling-steps",
            "--steps",
            "steps",
            default=None,
            help='Sampling steps, such as "10" or "ddim25", at most 50. Default: as stored in the '
            "weights.",
        ),
        click.option(
            "--model",
            "--weights",
            "model",
            type=click.Path(path_type=Path),
            default=None,
            help="Model to write: fast, or a weights file (.safetensors). Default: fast, the model "
            "shipped with dispr.",
        ),
    ):
        command = option(command)
    return command


@click.group()
def command() -> None:
    """Describe or write results and models in standard formats."""


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
    text = f"{count_of(made.n_obs, 'cell')}, {count_of(made.n_vars, 'measure')}: {out}"
    result(text, cells=made.n_obs, measures=list(made.var_names), layers=layers, file=out)
    if not read.all_measures:
        note(
            f"Only the measures in {read.where} were written; for all: dispr measure FOLDER "
            "-o FOLDER/measurements.csv --all."
        )


@command.command("rois")
@click.argument("field", type=click.Path(path_type=Path))
@out_option("File to write, REGIONS.zip.")
def rois(field: Path, out: Path) -> None:
    """Write the predicted cells of a field as regions of ImageJ, for the ROI Manager of Fiji.

    FIELD is the output folder of dispr predict of a field of view. Each cell has a region in each
    plane of the label volume (labels.ome.tif), with exactly its pixels; the regions of a cell are a
    group. Needs the packages of dispr[formats].
    """
    from dispr.export.rois import write_rois

    cells, regions = write_rois(field, out)
    text = f"{count_of(cells, 'cell')}, {count_of(regions, 'region')}: {out}"
    result(text, cells=cells, regions=regions, file=out)


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
    text = f"Croissant metadata of {count_of(len(cells), 'cell')}: {path}"
    result(text, cells=len(cells), croissant=path)
    if about.lacking:
        note(f"Before you publish it, state {', '.join(about.lacking)}.")


@command.command()
@out_option("File to write (.onnx).")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Floating-point precision of the network; inputs and outputs are float32.",
)
@model_options
def onnx(out: Path, precision: str, model: Path | None, steps: str | None) -> None:
    """Write a model as one ONNX graph: image, mask and noise in, shapes out.

    The graph contains all sampling steps and makes the plane of the section equal to the mask. It
    is compared with the model on a simulated cell. Needs the packages of dispr[onnx].
    """
    from dispr.export.models.onnx_file import write_onnx
    from dispr.export.models.source import read_source

    source = read_source(model)
    note(f"Writing the model {source.name} as ONNX; this takes a minute.")
    found = write_onnx(out, source, precision, steps)
    result(
        f"ONNX graph: {out}\nCompared with PyTorch in float32 on a simulated cell: {found}.",
        onnx=out,
        weights_sha256=source.sha256,
        largest_difference=found.largest,
        crossed=found.crossed,
        iou=found.iou,
    )


@command.command()
@out_option("File to write (.zip).")
def bioimageio(out: Path) -> None:
    """Write the shipped model as a package of the BioImage Model Zoo (bioimage.io), format 0.5.

    It holds weights for PyTorch and ONNX, test tensors, a picture of simulated cells and a
    description. Needs the packages of dispr[bioimageio].
    """
    from dispr.export.models.zoo_package import write_package

    note("Writing the model fast as a BioImage.IO package; this takes a few minutes.")
    files = write_package(out)
    result(f"BioImage.IO package: {out}", package=out, files=files)

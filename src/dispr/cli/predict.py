"""`dispr predict`: 3D shapes for a folder of 2D cells, or for the cells of fields of view."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dispr.cli.options import (
    channel_option,
    compile_option,
    device_options,
    groups_option,
    jobs_option,
    level_option,
    out_option,
    refuse_given,
    shard_option,
    split_option,
    strict_option,
    typed_command,
    voxel_size_option,
)
from dispr.cli.progress import Bars
from dispr.cli.say import note, result, warn

if TYPE_CHECKING:
    from dispr.cells.folder import CellFiles
    from dispr.failures import Failures
    from dispr.prediction.folder import Workers
    from dispr.prediction.model import Model
    from dispr.prediction.settings import PredictionSettings
    from dispr.shards import Shard

OF_CELLS = ("split", "save_grey", "store", "shard", "dask", "jobs")
OF_FIELDS = (
    *("channel", "plane", "time", "scene", "voxel_size"),
    *("volume", "ome_zarr_version", "meshes", "measures"),
)
"""Options that are for folders of cells alone, and for fields of view alone."""


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@out_option()
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    default=None,
    help="Weights to use (.safetensors). Default: the weights shipped with dispr.",
)
@split_option()
@groups_option(
    "CSV with the columns cell and group; for fields of view, cell is the name of the field. "
    "Default: the sub-folders of DATA that each contain image and mask."
)
@click.option(
    "--ensemble",
    default=5,
    show_default=True,
    help="Number of shapes to draw for each cell; an odd number avoids ties.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    help="Random seed; a different seed gives different shapes.",
)
@click.option(
    "--sampler",
    type=click.Choice(["ddpm", "ddim", "dpm-solver"]),
    default=None,
    help="Diffusion sampler. Default: as stored in the weights.",
)
@click.option(
    "--sampling-steps",
    "--steps",
    "steps",
    default=None,
    help='Sampling steps, such as "10" or "ddim25". Default: as stored in the weights.',
)
@click.option(
    "--batch-size",
    type=int,
    default=None,
    help="Number of shapes to compute at once; lowered automatically if memory runs out. Default: "
    "5, or 100 on a GPU.",
)
@device_options()
@compile_option()
@click.option(
    "--pixel-size",
    type=float,
    default=None,
    help="Pixel size of the images in um. Default: from the file metadata.",
)
@click.option(
    "--frame",
    default="auto",
    show_default=True,
    metavar="auto|field|cell|UM",
    help="Size of the square around each cell that the model sees: that of the training cells "
    "(auto), fitted to the median cell of the field (field), fitted to each cell (cell), or an "
    "edge length in um.",
)
@click.option(
    "--labels",
    default=None,
    help="Label image of the field, or outlines: regions of ImageJ (.roi, .zip), GeoJSON or COCO; "
    "for a folder of fields, a path with * in place of the field's name.",
)
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    default=None,
    help="Mask of the cell, if the image DATA shows a single cell.",
)
@click.option(
    "--images",
    default=None,
    help='Pattern with one * that selects the images of a folder, such as "*_membrane.tif".',
)
@channel_option("the field")
@click.option(
    "--plane",
    default=None,
    metavar="N|middle|sharpest|max-projection",
    help="Plane of a z-stack to use: its number, counted from 0; the middle one; the one with the "
    "most detail; or the maximum along Z, with a warning for each cell.",
)
@click.option(
    "--time", type=click.IntRange(0), default=None, help="Time point to use, counted from 0."
)
@click.option(
    "--scene",
    default=None,
    metavar="N|NAME",
    help="Image to use of a file of several: its number, counted from 0, or its name.",
)
@voxel_size_option(
    "Voxel size of a stack whose labels mark cells in several planes. Default: from the file "
    "metadata."
)
@click.option(
    "--volume",
    type=click.Choice(["tif", "zarr", "none"]),
    default="tif",
    show_default=True,
    help="Format of the 3D label volume of a field: OME-TIFF, OME-Zarr or none.",
)
@click.option(
    "--ome-zarr-version",
    type=click.Choice(["0.4", "0.5"]),
    default=None,
    help="Version of OME-Zarr for --volume zarr: 0.5 (Zarr 3), or 0.4 (Zarr 2) for programs that "
    "do not read it. Default: 0.5.",
)
@click.option(
    "--meshes",
    type=click.Choice(["glb", "ply", "obj", "stl", "none"]),
    default="glb",
    show_default=True,
    help="Format of the meshes of a field's cells, each at its position in the field.",
)
@click.option(
    "--measures/--no-measures",
    default=True,
    show_default=True,
    help="Measure the cells of a field; otherwise only their volumes are given.",
)
@click.option(
    "--save-grey",
    is_flag=True,
    help="Also write the network output before thresholding, grey/NAME_K.tif, 0 to 1. Only for "
    "folders of cells.",
)
@click.option(
    "--store",
    type=click.Choice(["files", "zarr"]),
    default="files",
    show_default=True,
    help="TIFF files for each cell, or all cells packed (Zarr and Parquet), for large screens. "
    "Folders of cells.",
)
@level_option()
@shard_option()
@click.option(
    "--dask",
    metavar="ADDRESS|local",
    default=None,
    help="Predict on a Dask cluster: the address of its scheduler (tcp://HOST:8786), the file that "
    "it writes (--scheduler-file), or local for processes of this computer. Folders of cells.",
)
@jobs_option(
    "Number of processes that read, measure and write cells beside the network. Default: none; "
    "with a GPU and 500 or more cells, one per CPU core but one. Folders of cells."
)
@strict_option()
@click.option(
    "--report/--no-report",
    default=True,
    show_default=True,
    help="Write OUT/report.html, to open in a browser.",
)
def command(
    data: Path,
    out: Path,
    weights: Path | None,
    device: str,
    precision: str,
    compiled: bool,
    split: str | None,
    groups: Path | None,
    labels: str | None,
    mask: Path | None,
    images: str | None,
    save_grey: bool,
    store: str,
    shard: Shard | None,
    dask: str | None,
    jobs: int | None,
    strict: bool,
    report: bool,
    level: float | None,
    **options: Any,
) -> int:
    """Predict 3D shapes for the cells of DATA.

    DATA contains the folders image and mask, or train/ and test/ with these. For each cell NAME,
    OUT receives the shapes samples/NAME_K.tif, their mean probability/NAME.tif, and a row of
    predictions.csv, with a warning for cells that are unlike the training cells. If the pixel size
    is known, the files state their voxel size, and the table gives volumes in um3. Press Ctrl-C to
    interrupt; re-run the same command to resume.

    If DATA has several folders that each contain image and mask, such as control and treated, they
    are groups of cells; or give the groups by --groups. Tables and the report include the groups.

    DATA can also be a field of view with many cells (with --labels), an image of one cell (with
    --mask), or a folder of fields (with --images and --labels). OUT then also receives the cropped
    cells, a table of the cells (cells.csv), and a 3D label volume and meshes with each cell at its
    position in the field.
    """
    from dispr.cli.fields import find, is_of_fields, predict_fields_view
    from dispr.cli.say import partly
    from dispr.failures import TABLE as FAILURES
    from dispr.failures import Failures
    from dispr.labelled.field.settings import FieldSettings
    from dispr.prediction.calibrate import lacks
    from dispr.prediction.model import load
    from dispr.prediction.settings import PredictionSettings

    failures = Failures(strict)
    of_fields = bool(labels or mask or images) or is_of_fields(data)
    found: Any
    settings: Any
    if dask is not None:
        refuse_given(("compiled",), "the workers of a cluster use the network as it is")
    if of_fields:
        refuse_given(OF_CELLS, "it is for folders of cells, and DATA is a field of view")
        settings = FieldSettings(**options)
        found = find(data, images, labels, mask, groups, failures)
    else:
        refuse_given(OF_FIELDS, "it is for fields of view, and DATA is a folder of cells")
        drawing = {name: value for name, value in options.items() if name not in OF_FIELDS}
        settings = PredictionSettings(**drawing)
        found = find_cells_of(data, split, groups, failures)
    if dask is None:
        model = load(weights, device, precision, level, compiled=compiled)
    else:
        model = _of_client(weights, precision, level, device)
    for line in lacks(model):
        note(line)
    if of_fields:
        predict_fields_view(model, found, data, out, settings, failures)
    else:
        with workers_at(dask, jobs, weights, device, model, len(found)) as workers:
            predict_cells(
                model,
                found,
                out,
                settings,
                save_grey,
                store,
                shard,
                {"data": str(data.absolute()), "split": split},
                failures,
                workers,
            )
    if report:
        from dispr.cli.report import report_fields, report_prediction

        report_fields(out) if of_fields else report_prediction(out, data, split=split)
    return partly(failures, "fields" if of_fields else "cells", out / FAILURES)


def _of_client(weights: Path | None, precision: str, level: float | None, device: str) -> Model:
    from dispr.prediction.cluster import model_of_client

    return model_of_client(weights, precision, level, device)


@contextlib.contextmanager
def workers_at(
    address: str | None,
    jobs: int | None,
    weights: Path | None,
    device: str,
    model: Model,
    cells: int,
) -> Iterator[Workers | None]:
    """Connect to a Dask cluster to predict on, or use processes of this computer, or neither."""
    if address is not None:
        refuse_given(("jobs",), "the workers of a cluster read and write cells")
        from dispr.prediction.cluster import Cluster, connected

        with connected(address) as client:
            yield Cluster(client, weights, device)
        return
    from dispr.prediction.beside import Beside, jobs_by_default

    jobs = jobs or jobs_by_default(model.device, cells)
    yield Beside(jobs, weights) if jobs > 1 else None


def find_cells_of(
    data: Path, split: str | None, groups: Path | None, failures: Failures | None = None
) -> list[CellFiles]:
    """Find the cells of a folder, and say which groups they are of."""
    from dispr.cells.folder import find_cells
    from dispr.cells.groups import told_groups, with_groups

    files = with_groups(find_cells(data, split=split, failures=failures), groups)
    for line in told_groups(files):
        note(line)
    return list(files)


def predict_cells(
    model: Model,
    files: list[CellFiles],
    out: Path,
    settings: PredictionSettings,
    save_grey: bool = False,
    store: str = "files",
    shard: Shard | None = None,
    inputs: dict[str, Any] | None = None,
    failures: Failures | None = None,
    workers: Workers | None = None,
) -> None:
    """Predict a folder of cells and say what came of it."""
    from dispr.names import count_of, some_of
    from dispr.prediction.folder import predict_folder

    with Bars() as bars:
        rows = predict_folder(
            model,
            files,
            out,
            settings,
            save_grey=save_grey,
            store=store,
            shard=shard,
            inputs=inputs,
            failures=failures,
            command=typed_command(),
            progress=bars,
            workers=workers,
        )
    shapes = unknown = 0
    unlike: list[str] = []
    others: list[str] = []
    for row in rows:
        shapes += row["samples"]
        unknown += "voxel_size_um" not in row
        if row["warning"]:
            (unlike if "training" in row["warning"] else others).append(row["name"])
    result(
        f"{count_of(len(rows), 'cell')}, {count_of(shapes, 'shape')}: {out}",
        cells=len(rows),
        shapes=shapes,
        unlike_training=unlike,
        other_warnings=others,
        failed=0 if failures is None else len(failures),
        busy=rows.busy,
        out=out,
    )
    if unlike:
        warn(
            f"{count_of(len(unlike), 'cell')} ({some_of(unlike)}) "
            f"{'is' if len(unlike) == 1 else 'are'} unlike the training cells of the model; see "
            "the column warning of predictions.csv. Do not trust such shapes."
        )
    if others:
        warn(
            f"{count_of(len(others), 'cell')} ({some_of(others)}) "
            f"{'has' if len(others) == 1 else 'have'} a warning for another reason; see the column "
            "warning of predictions.csv."
        )
    if unknown:
        few = count_of(unknown, "cell does not state", "cells do not state")
        which = "No file states" if unknown == len(rows) else few
        note(f"{which} the size of its pixels, so volumes are in voxels; see --pixel-size.")

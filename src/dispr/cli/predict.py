"""`dispr predict`: 3D shapes for a folder of 2D cells, or for the cells of fields of view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dispr.cli.options import (
    device_options,
    groups_option,
    out_option,
    refuse_given,
    split_option,
    typed_command,
)
from dispr.cli.progress import Bars
from dispr.cli.say import note, result, warn

if TYPE_CHECKING:
    from dispr.cells.folder import CellFiles
    from dispr.prediction.model import Model
    from dispr.prediction.settings import PredictionSettings

OF_CELLS = ("split", "save_grey")
OF_FIELDS = ("channel", "volume", "meshes", "measures")
"""Options that are for folders of cells alone, and for fields of view alone."""


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@out_option()
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    default=None,
    help="Weights (.safetensors) to use instead of those shipped with dispr.",
)
@split_option()
@groups_option(
    "CSV with the columns cell and group; for fields of view, cell is the name of the field. "
    "Default: sub-folders of DATA that each hold image and mask."
)
@click.option(
    "--ensemble",
    default=5,
    show_default=True,
    help="Shapes to draw for each cell; best an odd number, so that there are no ties.",
)
@click.option("--seed", default=0, show_default=True, help="Another seed draws other shapes.")
@click.option(
    "--sampler",
    type=click.Choice(["ddpm", "ddim", "dpm-solver"]),
    default=None,
    help="How to sample. Default: as the weights say.",
)
@click.option(
    "--sampling-steps",
    "--steps",
    "steps",
    default=None,
    help='Steps to sample in, such as "10" or "ddim25". Default: as the weights say.',
)
@click.option(
    "--batch-size",
    default=5,
    show_default=True,
    help="Shapes to compute at once; fewer where the memory is full.",
)
@device_options()
@click.option(
    "--pixel-size",
    type=float,
    default=None,
    help="Edge of a pixel of the images, as they are, in um. Default: what the files say.",
)
@click.option(
    "--frame",
    default="auto",
    show_default=True,
    metavar="auto|field|cell|UM",
    help="How much of its image each cell is seen in: as the training cells (auto), so that the "
    "median cell fits (field), each cell fits (cell), or a square with this edge in um.",
)
@click.option(
    "--labels",
    default=None,
    help="Labels of the cells of a field: a file, or for a folder a path with * for the name.",
)
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    default=None,
    help="Mask of a single cell that fills the image DATA.",
)
@click.option(
    "--images",
    default=None,
    help='Fields of a folder, by their names with one *, such as "*_membrane.tif".',
)
@click.option("--channel", type=int, default=None, help="Channel of a field to use, from 0.")
@click.option(
    "--volume",
    type=click.Choice(["tif", "zarr", "none"]),
    default="tif",
    show_default=True,
    help="Label volume of a field: OME-TIFF, OME-Zarr or none.",
)
@click.option(
    "--meshes",
    type=click.Choice(["glb", "ply", "obj", "stl", "none"]),
    default="glb",
    show_default=True,
    help="Meshes of a field's cells, each at its place.",
)
@click.option(
    "--measures/--no-measures",
    default=True,
    show_default=True,
    help="Measure the cells of a field, beyond their volumes.",
)
@click.option(
    "--save-grey",
    is_flag=True,
    help="Write what the shapes were decided from too: grey/NAME_K.tif, 0 to 1. Folders of cells.",
)
@click.option(
    "--report/--no-report",
    default=True,
    show_default=True,
    help="Write OUT/report.html, to look at in a browser.",
)
def command(
    data: Path,
    out: Path,
    weights: Path | None,
    device: str,
    precision: str,
    split: str | None,
    groups: Path | None,
    labels: str | None,
    mask: Path | None,
    images: str | None,
    save_grey: bool,
    report: bool,
    **options: Any,
) -> None:
    """Predict 3D shapes for the cells of DATA.

    DATA holds the folders image and mask, or train/ and test/ with these. OUT receives for each
    cell NAME its shapes samples/NAME_K.tif, their mean probability/NAME.tif, and a row of
    predictions.csv, with a warning beside cells that are unlike those of the training. Where the
    size of the pixels is known, the files state the size of their voxels, and the table volumes in
    um3. Interrupt with Ctrl-C; re-run the same command to resume.

    Where DATA has several folders that each hold image and mask, such as control and treated, these
    are groups of cells; or --groups names them. Tables and the report tell the groups apart.

    DATA may also be a field of view with many cells and --labels, an image of one cell with
    --mask, or a folder of fields, whose images and labels are given by --images and --labels. OUT
    then receives the cropped cells too, a table of the cells, cells.csv, and a label volume and
    meshes in which each cell stands at its place.
    """
    from dispr.cli.fields import find, is_of_fields, predict_fields_view
    from dispr.labelled.field.folder import FieldSettings
    from dispr.prediction.calibrate import lacks
    from dispr.prediction.model import load
    from dispr.prediction.settings import PredictionSettings

    of_fields = bool(labels or mask or images) or is_of_fields(data)
    found: Any
    settings: Any
    if of_fields:
        refuse_given(OF_CELLS, "it is for folders of cells, and these are fields of view")
        settings = FieldSettings(**options)
        found = find(data, images, labels, mask, groups)
    else:
        refuse_given(OF_FIELDS, "DATA is a folder of cells; it is for fields of view")
        drawing = {name: value for name, value in options.items() if name not in OF_FIELDS}
        settings = PredictionSettings(**drawing)
        found = find_cells_of(data, split, groups)
    model = load(weights, device, precision)
    if precision == "auto":
        note(f"Computing in {model.precision}.")
    for line in lacks(model):
        note(line)
    if of_fields:
        predict_fields_view(model, found, data, out, settings)
    else:
        predict_cells(model, found, out, settings, save_grey)
    if report:
        from dispr.cli.report import report_fields, report_prediction

        report_fields(out) if of_fields else report_prediction(out, data, split=split)


def find_cells_of(data: Path, split: str | None, groups: Path | None) -> list[CellFiles]:
    """Find the cells of a folder, and say which groups they are of."""
    from dispr.cells.folder import find_cells
    from dispr.cells.groups import told_groups, with_groups

    files = with_groups(find_cells(data, split=split), groups)
    for line in told_groups(files):
        note(line)
    return list(files)


def predict_cells(
    model: Model,
    files: list[CellFiles],
    out: Path,
    settings: PredictionSettings,
    save_grey: bool = False,
) -> None:
    """Predict a folder of cells and say what came of it."""
    from dispr.prediction.folder import predict_folder

    with Bars() as bars:
        rows = predict_folder(
            model,
            files,
            out,
            settings,
            save_grey=save_grey,
            command=typed_command(),
            progress=bars,
        )
    shapes = sum(row["samples"] for row in rows)
    unlike = [row["name"] for row in rows if "training" in row["warning"]]
    others = [row["name"] for row in rows if row["warning"] and row["name"] not in set(unlike)]
    result(
        f"{len(rows)} cells, {shapes} shapes: {out}",
        cells=len(rows),
        shapes=shapes,
        unlike_training=unlike,
        other_warnings=others,
        out=out,
    )
    if unlike:
        warn(
            f"{len(unlike)} cells ({_some(unlike)}) are unlike those that the model was trained "
            "on; predictions.csv says how, in the column warning. Do not trust their shapes."
        )
    if others:
        warn(
            f"{len(others)} cells ({_some(others)}) have a warning for another reason; "
            "predictions.csv says which, in the column warning."
        )
    unknown = sum("voxel_size_um" not in row for row in rows)
    if unknown:
        which = "No file states" if unknown == len(rows) else f"{unknown} cells do not state"
        note(f"{which} the size of its pixels, so volumes are in voxels; see --pixel-size.")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")

"""`dispr predict`: 3D shapes for a folder of 2D cells, or for the cells of fields of view."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import refuse_given, typed_command


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder to write."
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    default=None,
    help="Weights (.safetensors) to use instead of those shipped with dispr.",
)
@click.option("--split", default=None, help="Part of the data: train or test. Default: all cells.")
@click.option(
    "--ensemble",
    default=5,
    show_default=True,
    help="Shapes to draw for each cell; best an odd number, so that there are no ties.",
)
@click.option("--steps", default=None, help='Steps to sample in, such as "10" or "ddim25".')
@click.option("--sampler", default=None, help="ddpm, ddim or dpm-solver.")
@click.option("--seed", default=0, show_default=True, help="Another seed draws other shapes.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--precision",
    default="fp32",
    show_default=True,
    help="fp32; bf16 for GPUs and CPUs with AMX or AVX512-BF16; fp16 for GPUs; auto: bf16 there, "
    "fp32 elsewhere.",
)
@click.option(
    "--batch-size", default=5, show_default=True, help="Shapes to compute at once (memory)."
)
@click.option(
    "--groups",
    type=click.Path(path_type=Path),
    default=None,
    help="CSV with the columns cell and group; for fields of view, cell is the name of the field. "
    "Default: sub-folders of DATA that each hold image and mask.",
)
@click.option(
    "--pixel-size",
    type=float,
    default=None,
    help="Edge of a pixel of the images, as they are, in um. Default: what the files say.",
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
    "--frame",
    default="auto",
    show_default=True,
    help="How much of its image each cell is seen in: auto (as the training cells), field, cell, "
    "or um.",
)
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
    split: str | None,
    ensemble: int,
    steps: str | None,
    sampler: str | None,
    seed: int,
    device: str,
    precision: str,
    batch_size: int,
    groups: Path | None,
    pixel_size: float | None,
    labels: str | None,
    mask: Path | None,
    images: str | None,
    channel: int | None,
    frame: str,
    volume: str,
    meshes: str,
    measures: bool,
    save_grey: bool,
    report: bool,
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
    --mask, or a folder of fields, whose images and labels are told by --images and --labels. OUT
    then receives the cropped cells too, a table of the cells, cells.csv, and a label volume and
    meshes in which each cell stands at its place.
    """
    from dispr.cli.fields import is_of_fields, predict_fields_command

    if labels or mask or images or is_of_fields(data):
        from dispr.errors import ConfigError

        if split is not None:
            raise ConfigError("--split is of a folder of cells; leave it out for fields of view.")
        refuse_given(("save_grey",), "it is for folders of cells, and these are fields of view")
        predict_fields_command(
            data,
            out,
            images=images,
            labels=labels,
            mask=mask,
            groups=groups,
            weights=weights,
            device=device,
            precision=precision,
            settings={
                "channel": channel,
                "pixel_size": pixel_size,
                "frame": frame,
                "volume": volume,
                "meshes": meshes,
                "measures": measures,
            },
            options={
                "ensemble": ensemble,
                "seed": seed,
                "sampler": sampler,
                "steps": steps,
                "batch_size": batch_size,
                "command": typed_command(),
            },
        )
        if report:
            from dispr.cli.report import report_fields

            report_fields(out)
        return
    from dispr.cells.folder import find_cells
    from dispr.cells.groups import told_groups, with_groups
    from dispr.cli.progress import Bars
    from dispr.prediction.calibrate import lacks
    from dispr.prediction.folder import predict_folder
    from dispr.prediction.model import load

    refuse_given(
        ("channel", "volume", "meshes", "measures"),
        "DATA is a folder of cells; it is for fields of view",
    )
    files = with_groups(find_cells(data, split=split), groups)
    for line in told_groups(files):
        click.echo(line)
    model = load(weights, device, precision)
    if precision == "auto":
        click.echo(f"Computing in {model.precision}.")
    model.check(ensemble=ensemble, sampler=sampler, steps=steps, batch_size=batch_size)
    for line in lacks(model):
        click.echo(line)
    with Bars("cells") as bars:
        rows = predict_folder(
            model,
            files,
            out,
            ensemble=ensemble,
            seed=seed,
            sampler=sampler,
            steps=steps,
            batch_size=batch_size,
            pixel_size=pixel_size,
            frame=frame,
            save_grey=save_grey,
            command=typed_command(),
            on_progress=bars.counter(len(files)),
            on_note=bars.note,
        )
    click.echo(f"{len(rows)} cells, {sum(row['samples'] for row in rows)} shapes: {out}")
    odd = [row["name"] for row in rows if "training" in row["warning"]]
    if odd:
        click.echo(
            f"{len(odd)} cells ({_some(odd)}) are unlike those that the model was trained on; "
            "predictions.csv says how, in the column warning. Do not trust their shapes."
        )
    others = [row["name"] for row in rows if row["warning"] and row["name"] not in set(odd)]
    if others:
        click.echo(
            f"{len(others)} cells ({_some(others)}) have a warning for another reason; "
            "predictions.csv says which, in the column warning."
        )
    unknown = sum("voxel_size_um" not in row for row in rows)
    if unknown:
        which = "No file states" if unknown == len(rows) else f"{unknown} cells do not state"
        click.echo(f"{which} the size of its pixels, so volumes are in voxels; see --pixel-size.")
    if report:
        from dispr.cli.report import report_prediction

        report_prediction(out, data, split=split)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")

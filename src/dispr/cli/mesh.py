"""`dispr mesh`: smooth surfaces of predicted shapes, for 3D programs and printers."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder to write."
)
@click.option(
    "--format",
    "form",
    default="stl",
    show_default=True,
    metavar="FORMAT",
    help="stl, ply, obj or glb. ply and glb hold the uncertainty as colours.",
)
@click.option("--samples", is_flag=True, help="Write each sample, too, as NAME_K.")
@click.option(
    "--voxel-size",
    type=float,
    default=None,
    help="Edge of a voxel in um. Default: what the files say.",
)
def command(
    predictions: Path, out: Path, form: str, samples: bool, voxel_size: float | None
) -> None:
    """Write the shapes of PREDICTIONS as smooth, watertight meshes.

    OUT receives for each cell the shape that most samples agree on, as NAME.stl. Lengths are in um
    where the files state the size of their voxels or --voxel-size does, else in voxels; the files
    say which.
    """
    from tqdm import tqdm

    from dispr.cells.spacing import as_spacing
    from dispr.prediction.files import PredictionFolder
    from dispr.prediction.meshes import write_meshes
    from dispr.surface.files import check_format

    check_format(form)
    spacing = as_spacing(voxel_size)
    with tqdm(total=len(PredictionFolder(predictions).names()), unit="cell", leave=False) as bar:
        done = write_meshes(
            predictions, out, form, with_samples=samples, spacing=spacing, on_cell=bar.update
        )
    click.echo(f"{done.files} meshes of {done.cells} cells in {' and '.join(done.units)}: {out}")
    if "voxels" in done.units:
        click.echo("Where no file states the size of its voxels, see --voxel-size.")
    if done.empty:
        click.echo(f"{len(done.empty)} shapes ({', '.join(done.empty[:3])}) are empty: no mesh.")

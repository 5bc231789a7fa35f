"""`dispr mesh`: smooth surfaces of predicted shapes, for 3D programs and printers."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import out_option, voxel_size_option
from dispr.cli.progress import Bars
from dispr.cli.say import PARTLY, note, result, warn


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@out_option()
@click.option(
    "--format",
    "form",
    type=click.Choice(["stl", "ply", "obj", "glb"]),
    default="stl",
    show_default=True,
    help="ply and glb hold the uncertainty as colours.",
)
@click.option("--samples", is_flag=True, help="Write each sample, too, as NAME_K.")
@voxel_size_option("Edges of a voxel in um. Default: what the files say.")
def command(
    predictions: Path, out: Path, form: str, samples: bool, voxel_size: tuple[float, ...] | None
) -> int:
    """Write the shapes of PREDICTIONS as smooth, watertight meshes.

    OUT receives for each cell the shape that most samples agree on, as NAME.stl. Lengths are in um
    where the files state the size of their voxels or --voxel-size does, else in voxels; the files
    say which. Ends with exit code 3 where a shape is empty.
    """
    from dispr.cells.spacing import as_spacing
    from dispr.prediction.meshes import write_meshes
    from dispr.surface.files import check_format

    check_format(form)
    spacing = as_spacing(voxel_size)
    with Bars() as bars:
        done = write_meshes(
            predictions, out, form, with_samples=samples, spacing=spacing, progress=bars
        )
    result(
        f"{done.files} meshes of {done.cells} cells in {' and '.join(done.units)}: {out}",
        cells=done.cells,
        meshes=done.files,
        units=done.units,
        empty=done.empty,
        out=out,
    )
    if "voxels" in done.units:
        note("Where no file states the size of its voxels, see --voxel-size.")
    if done.empty:
        warn(f"{len(done.empty)} shapes ({', '.join(done.empty[:3])}) are empty: no mesh.")
    return PARTLY if done.empty else 0

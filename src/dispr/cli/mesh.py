"""`dispr mesh`: smooth surfaces of predicted shapes, for 3D programs and printers."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import out_option, strict_option, voxel_size_option
from dispr.cli.progress import Bars
from dispr.cli.say import PARTLY, note, partly, result, warn
from dispr.names import count_of, some_of


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@out_option()
@click.option(
    "--format",
    "form",
    type=click.Choice(["stl", "ply", "obj", "glb"]),
    default="stl",
    show_default=True,
    help="Mesh format; ply and glb include the uncertainty as colours.",
)
@click.option("--samples", is_flag=True, help="Also write each sample as NAME_K.")
@voxel_size_option("Voxel size in um. Default: from the file metadata.")
@strict_option()
def command(
    predictions: Path,
    out: Path,
    form: str,
    samples: bool,
    voxel_size: tuple[float, ...] | None,
    strict: bool,
) -> int:
    """Write the shapes of PREDICTIONS as smooth, watertight meshes.

    OUT receives the consensus shape of each cell as NAME.stl. Lengths are in um where the voxel
    size is known (from file metadata or --voxel-size), else in voxels; the files state the unit.
    The exit code is 3 if a shape is empty or cannot be read.
    """
    from dispr.cells.spacing import as_spacing
    from dispr.failures import TABLE, Failures
    from dispr.prediction.meshes import write_meshes
    from dispr.surface.files import check_format

    check_format(form)
    failures = Failures(strict)
    spacing = as_spacing(voxel_size)
    with Bars() as bars:
        done = write_meshes(
            predictions,
            out,
            form,
            with_samples=samples,
            spacing=spacing,
            failures=failures,
            progress=bars,
        )
    failures.write(out / TABLE)
    result(
        f"{count_of(done.files, 'mesh', 'meshes')} of {count_of(done.cells, 'cell')} in "
        f"{' and '.join(done.units)}: {out}",
        cells=done.cells,
        meshes=done.files,
        units=done.units,
        empty=done.empty,
        out=out,
    )
    if "voxels" in done.units:
        note(
            "The voxel size of some shapes is unknown, so their meshes are in voxels; see "
            "--voxel-size."
        )
    if done.empty:
        are = "is empty and has" if len(done.empty) == 1 else "are empty and have"
        warn(f"{count_of(len(done.empty), 'shape')} ({some_of(done.empty)}) {are} no mesh.")
    failed = partly(failures, "cells", out / TABLE)
    return PARTLY if done.empty else failed

"""`dispr prepare`: training data from z-stacks and their 3D segmentations."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import out_option, voxel_size_option
from dispr.cli.progress import Bars
from dispr.cli.say import result, warn


@click.command()
@click.argument("stacks", type=click.Path(path_type=Path))
@out_option()
@click.option(
    "--labels",
    default=None,
    help="3D label stack; for a folder of stacks, a path with * in place of the stack's name.",
)
@click.option(
    "--images",
    default=None,
    help='Pattern with one * that selects the stacks of a folder, such as "*_membrane.tif".',
)
@click.option(
    "--channel", type=int, default=None, help="Channel of the stacks to use, counted from 0."
)
@voxel_size_option("Voxel size of the stacks in um. Default: from the file metadata.")
@click.option(
    "--frame",
    default="auto",
    show_default=True,
    metavar="auto|UM",
    help="Edge of the cube around each cell in um; auto: 11 um, or more if the cells need it.",
)
@click.option(
    "--classes",
    type=click.Path(path_type=Path),
    default=None,
    help="CSV with the columns stack, label, and type or class; the cells are named after these.",
)
@click.option(
    "--test-fraction",
    default=0.2,
    show_default=True,
    help="Fraction of the cells for testing; cells of a stack stay together.",
)
@click.option(
    "--seed", default=0, show_default=True, help="Random seed of the choice of stacks for testing."
)
@click.option(
    "--min-volume",
    default=0.0,
    show_default=True,
    help="Minimum volume of a cell in um3; smaller objects are skipped.",
)
def command(
    stacks: Path,
    out: Path,
    labels: str | None,
    images: str | None,
    channel: int | None,
    voxel_size: tuple[float, ...] | None,
    frame: str,
    classes: Path | None,
    test_fraction: float,
    seed: int,
    min_volume: float,
) -> None:
    """Make training data from STACKS (a z-stack or a folder of z-stacks) and their 3D labels.

    OUT receives {train,test}/{obj,image,mask}/NAME.tif, the input of `dispr train`, and
    manifest.csv, which lists for each label the cell made of it or why it was left out. Press
    Ctrl-C to interrupt; re-run the same command to resume.
    """
    from dispr.labelled.find import find_fields
    from dispr.labelled.stack.classes import check_stacks, read_classes
    from dispr.labelled.stack.folder import prepare_stacks, refuse_empty
    from dispr.labelled.stack.manifest import summary
    from dispr.labelled.stack.plan import StackSettings

    settings = StackSettings(channel, voxel_size, frame, test_fraction, seed, min_volume)
    found = find_fields(stacks, images, labels)
    table = None
    if classes is not None:
        table = read_classes(classes)
        check_stacks(table, [files.name for files in found], classes)
    with Bars() as bars:
        rows, plan = prepare_stacks(
            found,
            out,
            settings,
            table,
            progress=bars,
        )
    refuse_empty(rows, out)
    first, *others = summary(rows, plan)
    result(first, labels=len(rows), cells=sum(bool(row["name"]) for row in rows), out=out)
    for line in others:
        warn(line)

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
    help="3D labels of the cells: a file, or for a folder a path with * for the name of a stack.",
)
@click.option(
    "--images",
    default=None,
    help='Stacks of a folder, by their names with one *, such as "*_membrane.tif".',
)
@click.option("--channel", type=int, default=None, help="Channel of the stacks to use, from 0.")
@voxel_size_option("Edges of the stacks' voxels in um. Default: what the files say.")
@click.option(
    "--frame",
    default="auto",
    show_default=True,
    metavar="auto|UM",
    help="Edge of the cube that each cell is shown in, in um; auto: 11, or what the cells need.",
)
@click.option(
    "--classes",
    type=click.Path(path_type=Path),
    default=None,
    help="CSV with the columns stack, label, and type or class: what the cells are called after.",
)
@click.option(
    "--test-fraction",
    default=0.2,
    show_default=True,
    help="Share of the cells that go to the folder test, by whole stacks.",
)
@click.option("--seed", default=0, show_default=True, help="Chooses the stacks for testing.")
@click.option(
    "--min-volume",
    default=0.0,
    show_default=True,
    help="Smallest volume of a cell in um3; what is smaller is left out.",
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
    """Turn STACKS, a z-stack or a folder of them, and their 3D labels into training data.

    OUT receives {train,test}/{obj,image,mask}/NAME.tif, which `dispr train` takes, and
    manifest.csv, which says what became of each label. Interrupt with Ctrl-C; re-run the same
    command to resume.
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

"""`dispr prepare`: training data from z-stacks and their 3D segmentations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dispr.cli.options import (
    channel_option,
    out_option,
    shard_option,
    strict_option,
    voxel_size_option,
)
from dispr.cli.progress import Bars
from dispr.cli.say import partly, result, warn

if TYPE_CHECKING:
    from dispr.shards import Shard


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
@channel_option("the stacks")
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
@shard_option("stack")
@strict_option("stack")
def command(
    stacks: Path,
    out: Path,
    labels: str | None,
    images: str | None,
    channel: int | str | None,
    voxel_size: tuple[float, ...] | None,
    frame: str,
    classes: Path | None,
    test_fraction: float,
    seed: int,
    min_volume: float,
    shard: Shard | None,
    strict: bool,
) -> int:
    """Make training data from STACKS (a z-stack or a folder of z-stacks) and their 3D labels.

    OUT receives {train,test}/{obj,image,mask}/NAME.tif, the input of `dispr train`, and
    manifest.csv, which lists for each label the cell made of it or why it was left out. Press
    Ctrl-C to interrupt; re-run the same command to resume.

    Stacks that cannot be read or used are listed in failures.csv.
    """
    from dispr.failures import TABLE as FAILURES
    from dispr.failures import Failures
    from dispr.labelled.find import find_fields
    from dispr.labelled.stack.classes import check_stacks, read_classes
    from dispr.labelled.stack.folder import prepared, refuse_empty
    from dispr.labelled.stack.manifest import summary
    from dispr.labelled.stack.plan import StackSettings

    settings = StackSettings(channel, voxel_size, frame, test_fraction, seed, min_volume)
    failures = Failures(strict)
    found = find_fields(stacks, images, labels, failures=failures)
    table = None
    if classes is not None:
        table = read_classes(classes)
        check_stacks(table, [*(files.name for files in found), *failures.names], classes)
    with (
        Bars() as bars,
        prepared(found, out, settings, table, shard=shard, failures=failures, progress=bars) as (
            rows,
            plan,
        ),
    ):
        if shard is None:
            refuse_empty(rows, out)
        cells = sum(bool(row["name"]) for row in rows)
        first, *others = summary(rows, plan)
        result(first, labels=len(rows), cells=cells, failed=len(failures), out=out)
    for line in others:
        warn(line)
    return partly(failures, "stacks", out / FAILURES)

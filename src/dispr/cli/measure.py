"""`dispr measure`: what cells measure, with units and uncertainty, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dispr.cli.options import (
    groups_option,
    jobs_option,
    level_option,
    out_option,
    shard_option,
    split_option,
    strict_option,
    voxel_size_option,
)
from dispr.cli.progress import Bars
from dispr.cli.say import note, partly, result
from dispr.names import count_of

if TYPE_CHECKING:
    from dispr.intervals.rules import Intervals, Side
    from dispr.shards import Shard


@click.command()
@click.argument("folder", metavar="IN", type=click.Path(path_type=Path))
@out_option("Table to write: CSV, or Parquet if its name ends in .parquet.")
@voxel_size_option("Voxel size in um. Default: from the file metadata.")
@click.option(
    "--pixel-size",
    type=float,
    default=None,
    help="Pixel size of sections in um. Default: from the file metadata.",
)
@click.option(
    "--sections", is_flag=True, help="Measure the sections of a data set instead of its 3D objects."
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    default=None,
    help="Weights of the model that predicted the shapes, to use its intervals if it was "
    "calibrated after the prediction. Default: the intervals at the time of prediction.",
)
@level_option()
@click.option(
    "--side",
    type=click.Choice(["both", "lower", "upper"]),
    default="both",
    show_default=True,
    help="Limits of the intervals: both, or only a lower or upper one.",
)
@click.option(
    "--together",
    metavar="MEASURE,...",
    default="",
    help="Measures whose intervals shall all contain the true value for the fraction --level of "
    "cells, such as volume,surface,sphericity. Other measures then have no interval.",
)
@groups_option("CSV with the columns cell and group. Default: the groups of the prediction.")
@click.option(
    "--all",
    "wide",
    is_flag=True,
    help="Write all measures, with mean and standard deviation of the samples. Default: the main "
    "measures with their intervals.",
)
@click.option("--published", is_flag=True, help="Compute the published features, in voxels.")
@split_option("Part of a data set. Default: all.")
@shard_option()
@strict_option()
@jobs_option()
def command(
    folder: Path,
    out: Path,
    voxel_size: tuple[float, ...] | None,
    pixel_size: float | None,
    sections: bool,
    weights: Path | None,
    level: float | None,
    side: Side,
    together: str,
    groups: Path | None,
    wide: bool,
    published: bool,
    split: str | None,
    shard: Shard | None,
    strict: bool,
    jobs: int | None,
) -> int:
    """Measure the cells of IN: volume, surface area, curvature, thickness and more.

    IN is the output folder of dispr predict, a data set with obj, a folder of 3D objects, or a data
    set with only image and mask, whose sections are measured. Column names end in the unit: um
    where the voxel size is known (from file metadata or an option), else voxels or pixels.

    For predictions, NAME_UNIT is the value of the consensus shape, and NAME_low_UNIT to
    NAME_high_UNIT is its 90 % interval (or --level), if the model was calibrated. The column
    calibrated states which measures have intervals (all, volume, none), and interval_level their
    level; cells with a warning have none. Measures
    without an interval have NAME_min_UNIT to NAME_max_UNIT, the range over samples and consensus.
    For comparison, the table also contains the volume of the ellipsoid fitted to the mask. --all
    adds the other measures, and the mean (NAME_mean_UNIT), standard deviation (NAME_sd_UNIT) and
    range of the samples.

    Press Ctrl-C to interrupt; re-run the same command to resume.
    """
    from dispr.cells.groups import with_groups
    from dispr.cells.spacing import as_spacing
    from dispr.errors import ConfigError, FileError
    from dispr.failures import TABLE as FAILURES
    from dispr.failures import Failures
    from dispr.measurements.folder import TABLE, measured, write_record
    from dispr.measurements.gather import shapes_of, write_part
    from dispr.measurements.inputs import find_items, with_intervals
    from dispr.prediction.files import PredictionFolder

    if voxel_size is not None and pixel_size is not None:
        raise ConfigError(
            "--voxel-size is for shapes, --pixel-size for sections; give one of them."
        )
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise FileError(f"{out} must end in .csv or .parquet.")
    edges = as_spacing(voxel_size or pixel_size)
    items = find_items(folder, split=split, sections=sections, spacing=edges, published=published)
    if items[0].kind == "sections" and voxel_size is not None:
        raise ConfigError(f"{folder} contains sections; use --pixel-size instead of --voxel-size.")
    if items[0].kind != "sections" and pixel_size is not None:
        raise ConfigError(f"{folder} contains 3D shapes; use --voxel-size instead of --pixel-size.")
    if items[0].kind == "predictions":
        intervals = (
            PredictionFolder(folder).intervals()
            if weights is None
            else intervals_from(weights, folder)
        )
        chosen = tuple(filter(None, together.split(",")))
        if intervals is not None and (level is not None or side != "both" or chosen):
            intervals = intervals.at(level, side, chosen)
        items = with_intervals(items, folder, intervals)
    elif weights is not None:
        raise ConfigError(f"{folder} is not a folder of predictions, so --weights does not apply.")
    elif level is not None or side != "both" or together:
        raise ConfigError(f"{folder} is not a folder of predictions, so it has no intervals.")
    items = with_groups(items, groups)
    everything = [f"{item.split}/{item.name}" for item in items]
    if shard is not None:
        shard.refuse_empty(len(items))
        items = list(shard.of(items))
    failures = Failures(strict)
    with Bars() as bars, measured(items, out, wide, jobs, failures, bars) as rows:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        told = notes(rows, items[0].kind, published)
        count = len(rows)
    if items[0].kind == "predictions" and out.resolve() == (folder / TABLE).resolve():
        failed = failures.names
        write_record(folder, [item for item in items if item.name not in failed])
    text = f"{count_of(count, 'cell')}, {count_of(len(columns), 'column')}: {out}"
    facts = {"kind": items[0].kind, "table": out, "failed": len(failures)}
    result(text, cells=count, columns=columns, **facts)
    for line in told:
        note(line)
    if shard is not None:
        here = [f"{item.split}/{item.name}" for item in items]
        write_part(out, shard, everything, here, shapes_of(folder, items))
    table = out.with_name(f"{out.stem}_{FAILURES}")
    failures.write(table)
    return partly(failures, "cells", table)


def intervals_from(weights: Path, folder: Path) -> Intervals | None:
    """Take the intervals from weights, which must be those that a prediction was made with."""
    from dispr.prediction.calibrate import refuse_others
    from dispr.prediction.model import load

    model = load(weights, "cpu")
    refuse_others(folder, weights, model)
    return model.intervals


def notes(rows: Sequence[dict[str, Any]], kind: str, published: bool) -> list[str]:
    """Say what a reader of the table must know: its units, and where its intervals come from."""
    found = []
    size = "pixel_size_um" if kind == "sections" else "voxel_x_um"
    unit = "pixels" if kind == "sections" else "voxels"
    unknown = sum(size not in row for row in rows)
    if published:
        found.append(f"Published features are in {unit}.")
    elif unknown:
        few = count_of(unknown, "cell does not state its", "cells do not state their")
        which = "No file states the" if unknown == len(rows) else few
        option = "--pixel-size" if kind == "sections" else "--voxel-size"
        found.append(f"{which} {unit[:-1]} size, so these are in {unit}; see {option}.")
    if kind == "predictions":
        kinds = [row["calibrated"] for row in rows]
        if "volume" in kinds:
            which = (
                "volume and boundary" if published else "volume, equivalent diameter and boundary"
            )
            found.append(
                f"There are intervals for {which}; other measures have only the range of the "
                "samples."
            )
        warned = sum(bool(row.get("warning")) for row in rows)
        if warned:
            found.append(
                count_of(
                    warned,
                    "cell has a warning and no intervals, because it is unlike",
                    "cells have a warning and no intervals, because they are unlike",
                )
                + " the calibration cells. The columns min and max give the range of the samples."
            )
        if kinds.count("none") > warned:
            found.append(
                count_of(kinds.count("none") - warned, "cell has", "cells have")
                + " no intervals, because the model was not calibrated; the columns min and max "
                "give the range of the samples."
            )
        empty = sum(row.get("volume_um3", row.get("volume_voxels")) == 0 for row in rows)
        if empty:
            found.append(
                count_of(empty, "cell has", "cells have")
                + " an empty consensus, so most measures are missing."
            )
    return found

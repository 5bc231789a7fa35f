"""`dispr measure`: what cells measure, with units and uncertainty, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dispr.cli.options import (
    groups_option,
    jobs_option,
    out_option,
    split_option,
    voxel_size_option,
)
from dispr.cli.progress import Bars
from dispr.cli.say import note, result

if TYPE_CHECKING:
    from dispr.intervals.rules import Intervals


@click.command()
@click.argument("folder", metavar="IN", type=click.Path(path_type=Path))
@out_option("CSV file to write.")
@voxel_size_option("Edges of a voxel in um. Default: what the files say.")
@click.option(
    "--pixel-size",
    type=float,
    default=None,
    help="Edge of a pixel of sections in um. Default: what the files say.",
)
@click.option("--sections", is_flag=True, help="Measure images and masks where objects are, too.")
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    default=None,
    help="Weights of the model that drew the shapes, to take its intervals from, if it was "
    "calibrated since. Default: the intervals that it had.",
)
@groups_option("CSV with the columns cell and group. Default: as they were predicted.")
@click.option(
    "--all",
    "wide",
    is_flag=True,
    help="Write all measures, with mean and standard deviation of the samples. Default: the main "
    "ones, with their intervals.",
)
@click.option("--published", is_flag=True, help="Measure the published features, in voxels.")
@split_option("Part of a data set. Default: all.")
@jobs_option()
def command(
    folder: Path,
    out: Path,
    voxel_size: tuple[float, ...] | None,
    pixel_size: float | None,
    sections: bool,
    weights: Path | None,
    groups: Path | None,
    wide: bool,
    published: bool,
    split: str | None,
    jobs: int | None,
) -> None:
    """Measure the cells of IN: volume, surface, curvature, thickness and more.

    IN is a folder that dispr predict wrote; a data set with obj, or a folder of 3D objects; or a
    data set with image and mask alone, whose sections are measured. Columns end in their units: um
    where the size of the voxels is known, by the files' metadata or an option, and else voxels or
    pixels.

    For predictions, NAME_UNIT is of the shape that most samples agree on, and NAME_low_UNIT to
    NAME_high_UNIT is the 90 % interval, where one was fitted to known cells, as the column
    calibrated tells (all, volume, none); cells with a warning have none. Where a cell has none,
    NAME_min_UNIT to NAME_max_UNIT gives the range of samples and consensus. Beside the volume is
    that of the ellipsoid on the outline: what the mask alone says. --all adds the other measures,
    and mean (NAME_mean_UNIT), standard deviation (NAME_sd_UNIT) and range of the samples.

    Interrupt with Ctrl-C; re-run the same command to resume.
    """
    from dispr.cells.groups import with_groups
    from dispr.cells.spacing import as_spacing
    from dispr.errors import ConfigError, FileError
    from dispr.measurements.folder import TABLE, measure_items, write_record
    from dispr.measurements.inputs import find_items, with_intervals
    from dispr.prediction.files import PredictionFolder

    if voxel_size is not None and pixel_size is not None:
        raise ConfigError(
            "--voxel-size is for shapes, --pixel-size for sections; give one of them."
        )
    if out.suffix.lower() != ".csv":
        raise FileError(f"{out} is not the name of a table; end it in .csv.")
    edges = as_spacing(voxel_size or pixel_size)
    items = find_items(folder, split=split, sections=sections, spacing=edges, published=published)
    if items[0].kind == "sections" and voxel_size is not None:
        raise ConfigError(f"{folder} holds sections; give the edge of a pixel with --pixel-size.")
    if items[0].kind != "sections" and pixel_size is not None:
        raise ConfigError(f"{folder} holds shapes; give the edges of a voxel with --voxel-size.")
    if items[0].kind == "predictions":
        intervals = (
            PredictionFolder(folder).intervals()
            if weights is None
            else intervals_from(weights, folder)
        )
        items = with_intervals(items, folder, intervals)
    elif weights is not None:
        raise ConfigError(f"{folder} is not a prediction; leave --weights out.")
    items = with_groups(items, groups)
    with Bars() as bars:
        rows = measure_items(items, out, wide=wide, jobs=jobs, progress=bars)
    if items[0].kind == "predictions" and out.resolve() == (folder / TABLE).resolve():
        write_record(folder, items)
    text = f"{len(rows)} cells, {len(rows[0])} columns: {out}"
    result(text, cells=len(rows), columns=list(rows[0]), kind=items[0].kind, table=out)
    for line in notes(rows, items[0].kind, published):
        note(line)


def intervals_from(weights: Path, folder: Path) -> Intervals | None:
    """Take the intervals from weights, which must be those that a prediction was made with."""
    from dispr.errors import ConfigError
    from dispr.model.weights import fingerprint
    from dispr.prediction.files import PredictionFolder
    from dispr.prediction.model import load

    model = load(weights, "cpu")
    if fingerprint(model.network) != PredictionFolder(folder).settings.get("model"):
        raise ConfigError(f"the shapes in {folder} were drawn with other weights than {weights}.")
    return model.intervals


def notes(rows: list[dict[str, Any]], kind: str, published: bool) -> list[str]:
    """Say what a reader of the table must know: its units, and where its intervals come from."""
    found = []
    size = "pixel_size_um" if kind == "sections" else "voxel_x_um"
    unit = "pixels" if kind == "sections" else "voxels"
    unknown = sum(size not in row for row in rows)
    if published:
        found.append(f"Published features are in {unit}.")
    elif unknown:
        which = "No file states" if unknown == len(rows) else f"{unknown} cells do not state"
        whose = "their" if unknown < len(rows) else "the"
        option = "--pixel-size" if kind == "sections" else "--voxel-size"
        found.append(f"{which} {whose} {unit[:-1]} size, so these are in {unit}; see {option}.")
    if kind == "predictions":
        kinds = [row["calibrated"] for row in rows]
        if "volume" in kinds:
            which = (
                "volume and boundary" if published else "volume, equivalent diameter and boundary"
            )
            found.append(
                f"There are 90 % intervals of {which}; of other measures only the range of samples."
            )
        warned = sum(bool(row.get("warning")) for row in rows)
        if warned:
            found.append(
                f"{warned} cells have a warning, and no 90 % intervals: they are unlike the cells "
                "that intervals were fitted to. Their columns min and max are the range of samples."
            )
        if kinds.count("none") > warned:
            found.append(
                f"{kinds.count('none') - warned} cells have no 90 % intervals, for nothing was "
                "calibrated; their columns min and max are the range of samples."
            )
        empty = sum(row.get("volume_um3", row.get("volume_voxels")) == 0 for row in rows)
        if empty:
            found.append(f"{empty} cells have an empty consensus, of which little can be said.")
    return found

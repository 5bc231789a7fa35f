"""`dispr measure`: what cells measure, with units and uncertainty, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("folder", metavar="IN", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="CSV file to write."
)
@click.option(
    "--voxel-size",
    type=float,
    default=None,
    help="Edge of a voxel, or of a pixel, in um. Default: what the files say.",
)
@click.option(
    "--spacing",
    type=float,
    nargs=3,
    default=None,
    metavar="Z Y X",
    help="Edges of voxels that are no cubes, in um.",
)
@click.option("--sections", is_flag=True, help="Measure images and masks where objects are, too.")
@click.option("--published", is_flag=True, help="Measure the published features, in voxels.")
@click.option("--split", default=None, help="Part of a data set: train or test. Default: all.")
@click.option("--jobs", default=None, type=click.IntRange(1), help="Processes. Default: all cores.")
def command(
    folder: Path,
    out: Path,
    voxel_size: float | None,
    spacing: tuple[float, float, float] | None,
    sections: bool,
    published: bool,
    split: str | None,
    jobs: int | None,
) -> None:
    """Measure the cells of IN: volume, surface, curvature, thickness and more.

    IN is a folder that dispr predict wrote; a data set with obj, or a folder of 3D objects; or a
    data set with image and mask alone, whose sections are measured. Columns end in their units: um
    where the size of the voxels is known, by the files' metadata or an option, and else voxels or
    pixels.

    For predictions, NAME_UNIT is of the shape that most samples agree on, NAME_mean_UNIT and
    NAME_sd_UNIT are mean and standard deviation of the samples, and NAME_low_UNIT to NAME_high_UNIT
    is the 90 % interval: for the volume the model's calibrated one, for most other measures that of
    the samples' spread. Interrupt with Ctrl-C; the same command goes on where it was.
    """
    from tqdm import tqdm

    from dispr.cells.spacing import as_spacing
    from dispr.errors import ConfigError, FileError
    from dispr.measurements.folder import measure_items
    from dispr.measurements.inputs import find_items, with_intervals

    if voxel_size is not None and spacing is not None:
        raise ConfigError("--voxel-size and --spacing say the same; give one of them.")
    if out.suffix.lower() != ".csv":
        raise FileError(f"{out} is no name of a table; end it in .csv.")
    edges = as_spacing(voxel_size if spacing is None else spacing)
    items = find_items(folder, split=split, sections=sections, spacing=edges, published=published)
    if items[0].kind == "predictions":
        items = with_intervals(items, folder)
    with tqdm(total=len(items), unit="cell", leave=False) as bar:
        rows = measure_items(items, out, jobs=jobs, on_cell=bar.update)
    click.echo(f"{len(rows)} cells, {len(rows[0])} columns: {out}")
    for line in notes(rows, items[0].kind, published):
        click.echo(line)


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
        found.append(f"{which} {whose} {unit[:-1]} size, so these are in {unit}; see --voxel-size.")
    if kind == "predictions":
        count = sum(row["calibrated"] == "yes" for row in rows)
        if count == len(rows):
            found.append(
                "Intervals of volume, equivalent diameter and boundary are calibrated; the others "
                "are of the samples' spread alone."
            )
        else:
            found.append(
                f"{len(rows) - count} cells have no calibrated interval; theirs are of the "
                "samples' spread alone."
            )
        empty = sum(row.get("volume_um3", row.get("volume_voxels")) == 0 for row in rows)
        if empty:
            found.append(f"{empty} cells have an empty consensus, of which little can be said.")
    return found

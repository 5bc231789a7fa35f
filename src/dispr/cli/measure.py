"""`dispr measure`: what cells measure, with units and uncertainty, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dispr.measurements.inputs import Item
    from dispr.morphology.intervals import MeasureIntervals


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
@click.option(
    "--intervals",
    "intervals_file",
    type=click.Path(path_type=Path),
    default=None,
    help="Intervals that --fit wrote. Default: those shipped, for shapes of the shipped model.",
)
@click.option(
    "--fit",
    type=click.Path(path_type=Path),
    default=None,
    metavar="DATA",
    help="Fit intervals to the predictions in IN of cells whose objects DATA holds, and which the "
    "model was not trained on; write OUT (.json).",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    default=None,
    help="With --fit: weights of the model that drew the shapes; cells that it was trained on are "
    "left out. Default: the shipped ones.",
)
@click.option(
    "--unrelated",
    multiple=True,
    metavar="NAME",
    help="With --fit: name of a data set that the model was trained on and that shares no cell "
    "with DATA, such as a simulated one: equal names mean nothing there.",
)
@click.option(
    "--all",
    "wide",
    is_flag=True,
    help="Write all measures, with mean and standard deviation of the samples. Default: the main "
    "ones, with their intervals.",
)
@click.option("--published", is_flag=True, help="Measure the published features, in voxels.")
@click.option("--split", default=None, help="Part of a data set: train or test. Default: all.")
@click.option("--jobs", default=None, type=click.IntRange(1), help="Processes. Default: all cores.")
def command(
    folder: Path,
    out: Path,
    voxel_size: float | None,
    spacing: tuple[float, float, float] | None,
    sections: bool,
    intervals_file: Path | None,
    fit: Path | None,
    weights: Path | None,
    unrelated: tuple[str, ...],
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
    calibrated tells (all, volume, none); cells with a warning have none. Where no cell has one,
    NAME_min_UNIT to NAME_max_UNIT gives the range of samples and consensus. Beside the volume is
    that of the ellipsoid on the outline: what the mask alone says. --all adds the other measures,
    and mean (NAME_mean_UNIT), standard deviation (NAME_sd_UNIT) and range of the samples.

    Interrupt with Ctrl-C; the same command goes on where it was.
    """
    from tqdm import tqdm

    from dispr.cells.spacing import as_spacing
    from dispr.errors import ConfigError, FileError
    from dispr.measurements.calibrate import model_of
    from dispr.measurements.folder import measure_items
    from dispr.measurements.inputs import find_items, with_intervals
    from dispr.morphology.intervals import load_intervals
    from dispr.prediction.shipped import shipped_intervals

    if fit is not None:
        if (
            sections
            or wide
            or published
            or spacing
            or voxel_size is not None
            or intervals_file is not None
        ):
            raise ConfigError("--fit goes with --weights, --unrelated, --split and --jobs alone.")
        fit_to(folder, fit, out, weights=weights, unrelated=unrelated, split=split, jobs=jobs)
        return
    if weights is not None or unrelated:
        raise ConfigError("--weights and --unrelated say what a model saw; they go with --fit.")
    if voxel_size is not None and spacing is not None:
        raise ConfigError("--voxel-size and --spacing say the same; give one of them.")
    if out.suffix.lower() != ".csv":
        raise FileError(f"{out} is no name of a table; end it in .csv.")
    edges = as_spacing(voxel_size if spacing is None else spacing)
    items = find_items(folder, split=split, sections=sections, spacing=edges, published=published)
    if items[0].kind == "sections" and spacing is not None:
        raise ConfigError("sections have square pixels; give their edge with --voxel-size.")
    if items[0].kind == "predictions":
        if intervals_file is None:
            fitted = shipped_intervals(model_of(folder))
        else:
            fitted = load_intervals(intervals_file)
            refuse_others(fitted, intervals_file, folder, items)
        items = with_intervals(items, folder, fitted)
    elif intervals_file is not None:
        raise ConfigError(f"{folder} is no prediction; leave --intervals out.")
    with tqdm(total=len(items), unit="cell", leave=False) as bar:
        rows = measure_items(items, out, wide=wide, jobs=jobs, on_cell=bar.update)
    click.echo(f"{len(rows)} cells, {len(rows[0])} columns: {out}")
    for line in notes(rows, items[0].kind, published):
        click.echo(line)


def refuse_others(intervals: MeasureIntervals, path: Path, folder: Path, items: list[Item]) -> None:
    """Refuse intervals that are of another model's shapes, or of ensembles of another size."""
    from dispr.errors import ConfigError
    from dispr.measurements.calibrate import model_of

    if intervals.model != model_of(folder):
        raise ConfigError(
            f"{path} was fitted to shapes of another model than that of {folder}; fit intervals "
            "with --fit to predictions of this one."
        )
    for item in items:
        if len(item.paths) - 1 != intervals.samples:
            raise ConfigError(
                f"{path} was fitted to ensembles of {intervals.samples}, but {folder} has "
                f"{len(item.paths) - 1} samples of {item.name}; predict as many, or fit others."
            )


def fit_to(
    folder: Path,
    truth: Path,
    out: Path,
    *,
    weights: Path | None,
    unrelated: tuple[str, ...],
    split: str | None,
    jobs: int | None,
) -> None:
    """Fit intervals to the cells that the model has not seen and write them."""
    from tqdm import tqdm

    from dispr.classification.provenance import leave_out_seen, read_predictions
    from dispr.errors import DisprError, FileError
    from dispr.measurements.calibrate import calibrate_measures
    from dispr.morphology.intervals import save_intervals
    from dispr.prediction.layout import predicted_names

    if out.suffix.lower() != ".json":
        raise FileError(f"{out} is no name for intervals; end it in .json.")
    names = predicted_names(folder)
    left = names
    try:
        known = read_predictions(folder, weights, unrelated)
    except DisprError as error:
        if weights is not None:
            raise
        click.echo(f"Whether the model was trained on these cells is not known: {error}", err=True)
    else:
        left = leave_out_seen(names, known)
    if len(left) < len(names):
        count = len(names) - len(left)
        click.echo(f"{count} of {len(names)} cells are left out: the model was trained on them.")
    with tqdm(total=len(left), unit="cell", leave=False) as bar:
        found = calibrate_measures(
            folder,
            truth,
            split=split,
            leave_out=set(names) - set(left),
            jobs=jobs,
            on_cell=bar.update,
        )
    save_intervals(out, found)
    click.echo(
        f"{found.level:.0%} intervals of {len(found.rules)} measures, {found.cells} cells: {out}"
    )


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

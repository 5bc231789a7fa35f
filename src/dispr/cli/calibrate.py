"""`dispr calibrate`: fit the intervals of all measures of a model's shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dispr.cli.options import (
    device_options,
    jobs_option,
    level_option,
    out_option,
    split_option,
)
from dispr.cli.progress import Bars
from dispr.cli.say import note, result

MEASURES = ("volume", "surface", "sphericity", "thickness_mean")
"""Measures whose coverage is printed."""


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@out_option("Output file. Default: update WEIGHTS.", required=False)
@split_option("Part of the data set.", default="train", show_default=True)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    default=None,
    help="Existing predictions of these cells by this model (dispr predict), to use instead of "
    "new ones.",
)
@click.option(
    "--fold",
    "folds",
    nargs=2,
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PREDICTIONS WEIGHTS",
    help="Predictions of a part of DATA by weights that were trained like WEIGHTS, but without "
    "this part. Repeat it for each part, to calibrate on all of DATA.",
)
@click.option(
    "--ensemble",
    default=5,
    show_default=True,
    type=click.IntRange(2),
    help="Number of shapes to draw for each cell; the intervals are valid for ensembles of 2 up "
    "to this number.",
)
@click.option(
    "--unrelated",
    multiple=True,
    metavar="DATA",
    help="Training data set of the model that shares no cells with DATA, such as simulated "
    "cells, by the name recorded in training. Can be repeated.",
)
@level_option()
@click.option("--seed", default=0, show_default=True, help="Random seed of the shapes.")
@jobs_option()
@device_options()
def command(
    weights: Path,
    data: Path,
    out: Path | None,
    split: str,
    predictions: Path | None,
    folds: tuple[tuple[Path, Path], ...],
    ensemble: int,
    unrelated: tuple[str, ...],
    level: float | None,
    seed: int,
    jobs: int | None,
    device: str,
    precision: str,
) -> None:
    """Calibrate the intervals of the model WEIGHTS on cells of DATA not used in training.

    dispr train sets such cells aside for validation, so DATA can be the training data of the model.
    The errors of all measures are stored in the weights; predictions and tables of measures then
    include intervals of any level (--level of dispr predict and dispr measure). The coverage of
    each group of cells is printed, by intervals that were fitted to the other blocks of
    neighbouring cells. Intervals for cells of which further planes are known than the section are
    calibrated by random planes of the same cells; not with --predictions or --fold.
    """
    from dispr.cells.folder import find_cells
    from dispr.cli.train import training_split
    from dispr.errors import ConfigError
    from dispr.intervals.coverage import held_out
    from dispr.model.weights import load_weights, save_weights
    from dispr.prediction.calibrate import (
        calibrate,
        calibrate_folder,
        calibrate_folds,
        refuse_others,
        unseen,
        with_intervals,
    )
    from dispr.prediction.files import PredictionFolder
    from dispr.prediction.model import load

    model = load(weights, device, precision)
    found_cells = find_cells(data, split=training_split(data, split), need_obj=True)
    if folds:
        if predictions is not None:
            raise ConfigError("--fold and --predictions exclude each other.")
        with Bars() as bars:
            found = calibrate_folds(
                model, folds, found_cells, unrelated=unrelated, jobs=jobs, progress=bars
            )
    else:
        files, remarks = unseen(model, found_cells, unrelated)
        for remark in remarks:
            note(remark)
        if predictions is not None:
            refuse_others(predictions, weights, model)
            objects = {file.name: file.obj for file in files if file.obj is not None}
            drawn = PredictionFolder(predictions).names()
            chosen = {name: objects[name] for name in drawn if name in objects}
        with Bars() as bars:
            if predictions is None:
                if precision == "auto":
                    bars.remark(f"Computing in {model.precision}.")
                found = calibrate(model, files, ensemble=ensemble, seed=seed, progress=bars)
            else:
                found = calibrate_folder(predictions, chosen, jobs=jobs, progress=bars)
    written = out or weights
    save_weights(written, with_intervals(load_weights(weights), found))
    measures = len(next(iter(found.rules.values())))
    assert found.known is not None  # it was fitted now
    shown = level or found.level
    held = held_out(found.known, MEASURES, shown)
    of_distances = [
        {**row, "group": f"distances up to {limit:g}"}
        for limit, known in found.further.items()
        for row in held_out(known, MEASURES, shown)
        if row["group"] == "all"
    ]
    result(
        f"Intervals of {measures} measures, {found.cells} cells: {written}",
        level=shown,
        measures=measures,
        cells=found.cells,
        weights=written,
        effective=found.known.effective,
        coverage=held,
        coverage_of_distances=of_distances,
    )
    if held:
        result(f"\nIntervals of level {shown:g}, fitted to the other blocks of neighbours:\n")
        result(coverage_table(held))
    if of_distances:
        result(
            "\nWith random further planes, by the largest distance from known planes as a share "
            "of the height:\n"
        )
        result(coverage_table(of_distances))
    elif not found.further:
        note(
            "\nCalibrated with sections alone: cells of which further planes are known will have "
            "the intervals of one section, which are too wide for them."
        )
    blocks = len(set(found.known.blocks))
    note(
        f"\nThe {found.cells} cells are from {blocks} blocks of neighbouring cells, and tell as "
        f"much as {found.known.effective:.0f} independent ones. The bounds hold for independent "
        "cells."
    )


def coverage_table(rows: list[dict[str, Any]]) -> str:
    """Lay out the coverage of groups as text."""
    from tabulate import tabulate

    from dispr.intervals.coverage import coverage_text

    lines = [[row["measure"], row["group"], row["cells"], coverage_text(row)] for row in rows]
    return str(tabulate(lines, ["interval of", "cells", "number", "coverage"], tablefmt="simple"))

"""Fit the intervals of all measures to predictions of cells whose shapes are known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dispr.cells.arrays import as_body
from dispr.cells.read import read_framed_obj
from dispr.cells.square import Grid
from dispr.errors import ArrayError, FileError
from dispr.files import read_tiff
from dispr.images.read import read_numbers
from dispr.measurements.inputs import Item, find_items
from dispr.morphology.intervals import MeasureIntervals, fit_intervals
from dispr.morphology.shape import no_shape, shape_values
from dispr.prediction.layout import read_grid, read_settings
from dispr.processes import map_in_processes

Values = Mapping[str, float]


def calibrate_measures(
    predictions: Path,
    truth: Path,
    *,
    split: str | None = None,
    leave_out: Collection[str] = (),
    level: float = 0.9,
    jobs: int | None = None,
    on_cell: Callable[[], Any] | None = None,
) -> MeasureIntervals:
    """Fit intervals to the cells of a prediction whose shapes are known.

    The model must not have been trained on these cells, or the intervals are too narrow.

    Parameters
    ----------
    predictions : Path
        Folder that `dispr predict` wrote.
    truth : Path
        Data set with the objects, or folder of them.
    split : "train" or "test", optional
        Part of the data set.
    leave_out : collection of str
        Cells that the model was trained on.
    level : float
        Share of cells that an interval shall hold.
    jobs : int, optional
        Processes; as many as cores if not given.
    on_cell : callable, optional
        Called after each cell.

    Raises
    ------
    FileError
        If a file cannot be read, or a prediction has no object.
    ConfigError
        If there are too few cells, or their ensembles are of several sizes.
    """
    items = [item for item in find_items(predictions) if item.name not in leave_out]
    objects = {item.name: item.paths[0] for item in find_items(truth, split=split)}
    tasks = []
    for item in items:
        if item.name not in objects:
            raise FileError(
                f"{predictions} has a prediction of {item.name}, but {truth} has no object of this "
                "name; name the data set that was predicted."
            )
        tasks.append((item, objects[item.name], read_grid(predictions, item.name)))
    samples: list[Sequence[Values]] = []
    known: list[Values] = []
    for drawn, true in map_in_processes(_measure, tasks, jobs):
        samples.append(drawn)
        known.append(true)
        if on_cell:
            on_cell()
    return fit_intervals(samples, known, model_of(predictions), level)


def model_of(predictions: Path) -> str:
    """Give the checksum of the model that drew the shapes of a folder; empty if not known."""
    return str(read_settings(predictions).get("model", ""))


def _measure(task: tuple[Item, Path, Grid | None]) -> tuple[list[Values], Values]:
    item, path, grid = task
    drawn: list[Values] = []
    for sample in item.paths[1:]:
        volume = read_tiff(sample)
        body = volume > volume.max() / 2
        drawn.append(shape_values(body) if body.any() else no_shape())
    try:
        shape = read_numbers(path) if grid is None else read_framed_obj(path, grid)
        body = as_body(shape, str(path))
    except ArrayError as error:
        raise FileError(str(error)) from error
    return drawn, shape_values(body)

"""Measure the consensus of predicted cells, and their true shapes; what is measured is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dispr.cells.arrays import as_body
from dispr.cells.read import read_framed_obj
from dispr.checksums import files_digest
from dispr.errors import ArrayError, FileError
from dispr.journal import Journal
from dispr.measurements.folder import MEASURING
from dispr.morphology.shape import shape_values
from dispr.prediction.files import opened
from dispr.processes import map_in_processes
from dispr.progress import SILENT, Progress

Values = dict[str, float]


class Task(NamedTuple):
    """A shape to measure.

    Attributes
    ----------
    folder : Path
        A folder of predictions.
    name : str
        Of a cell in it.
    obj : Path or None
        The true shape of this cell, to measure instead of the predicted one.
    """

    folder: Path
    name: str
    obj: Path | None = None

    @property
    def key(self) -> str:
        """Tells it from all others."""
        return f"{self.folder.absolute()} {self.name}{' true' if self.obj else ''}"


def measure_shapes(
    tasks: Sequence[Task], kept: Path, *, jobs: int | None = None, progress: Progress = SILENT
) -> list[Values]:
    """Measure shapes, in voxels with an edge of 1.

    True shapes are measured on the voxels of their prediction.

    Parameters
    ----------
    tasks : sequence of Task
        The shapes.
    kept : Path
        File that keeps what was measured; shapes whose files have not changed since are not
        measured again.
    jobs : int, optional
        Processes; as many as cores if not given.
    progress : Progress
        Told of each shape.

    Raises
    ------
    FileError
        If a file cannot be read.
    """
    journal = Journal(kept, _is_measured)
    count = progress.counter("Measuring", len(tasks))
    digests = {task: _digest(task) for task in tasks}
    todo = [t for t in digests if (journal.get(t.key) or {}).get("digest") != digests[t]]
    for _ in range(len(digests) - len(todo)):
        count()
    for task, values in zip(todo, map_in_processes(_measure, todo, jobs), strict=True):
        journal.append({task.key: {"digest": digests[task], "values": values}})
        count()
    return [journal[task.key]["values"] for task in tasks]


def column(values: Sequence[Values], name: str) -> np.ndarray:
    """Give one measure of several shapes; NaN where one has none."""
    return np.array([found.get(name, math.nan) for found in values], float)


def _measure(task: Task) -> Values:
    drawn = opened(task.folder)
    if task.obj is None:
        body = drawn.probability(task.name) > 0.5
    else:
        try:
            shape = read_framed_obj(task.obj, drawn.grid(task.name))
            body = as_body(shape, str(task.obj))
        except ArrayError as error:
            raise FileError(str(error)) from error
    if not body.any():  # no cell has a volume of 0
        return {}
    # JSON has no NaN: what cannot be said of a shape is left out.
    return {name: value for name, value in shape_values(body).items() if math.isfinite(value)}


def _digest(task: Task) -> str:
    about = "" if task.obj is None else files_digest([task.obj])
    return opened(task.folder).shapes.digest(task.name, f"{MEASURING} {about}")


def _is_measured(entry: dict[str, Any]) -> bool:
    values = entry.get("values")
    return (
        isinstance(entry.get("digest"), str)
        and isinstance(values, dict)
        and all(isinstance(value, (int, float)) for value in values.values())
    )

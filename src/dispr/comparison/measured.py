"""From cells to conditions: their measures, voxel sizes and donors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dispr.comparison.condition import Condition
from dispr.comparison.donors import Donors
from dispr.comparison.inputs import Given, PredictedCell
from dispr.comparison.known_cells import KnownCell
from dispr.comparison.tables import MeasuredCell
from dispr.comparison.values import Task, Values, measure_shapes
from dispr.errors import ConfigError
from dispr.prediction.files import opened
from dispr.progress import Progress


def of_tables(given: tuple[Given, Given], donors: Donors) -> tuple[Condition, Condition]:
    """Give the conditions of two tables.

    Raises
    ------
    ConfigError
        If they are in different units, or one is of predicted shapes and the other not.
    """
    cells = [[c for c in one.cells if isinstance(c, MeasuredCell)] for one in given]
    if len({cell.unit for part in cells for cell in part}) > 1:
        raise ConfigError(
            f"{given[0].label} and {given[1].label} are in different units, um and voxels; measure "
            "both with --voxel-size."
        )
    if len({cell.predicted for part in cells for cell in part}) > 1:
        raise ConfigError(
            f"{given[0].label} and {given[1].label} are not alike: one table is of predicted "
            "shapes, the other of measured ones; give two of one kind."
        )
    a, b = (
        Condition(
            one.label,
            [cell.name for cell in part],
            [cell.values for cell in part],
            np.array([math.nan if cell.edge is None else cell.edge for cell in part]),
            [cell.warning for cell in part],
            of,
            in_um=part[0].unit == "um",
        )
        for one, part, of in zip(given, cells, donors.of_cells, strict=True)
    )
    return a, b


def of_predictions(
    given: tuple[Given, Given],
    known: Sequence[KnownCell],
    donors: Donors,
    out: Path,
    kept: Path,
    *,
    jobs: int | None,
    progress: Progress,
) -> tuple[Condition, Condition]:
    """Measure predicted cells, and those of known shape.

    Parameters
    ----------
    given : (Given, Given)
        Conditions of predicted cells.
    known : sequence of KnownCell
        Cells of known shape. They are cells of their condition, also where they are not among the
        given ones.
    donors : Donors
        Of all cells.
    out : Path
        The predictions of the known cells.
    kept : Path
        File that keeps what was measured.
    jobs, progress
        As for `measure_shapes`.

    Raises
    ------
    FileError
        If a file cannot be read.
    """
    cells = [[c for c in one.cells if isinstance(c, PredictedCell)] for one in given]
    ours = [[k for k in known if k.condition == i] for i in (0, 1)]
    tasks = [Task(c.folder, c.name) for part in cells for c in part]
    tasks += [Task(out, k.file.name) for part in ours for k in part]
    tasks += [Task(out, k.file.name, k.file.obj) for part in ours for k in part]
    measured = measure_shapes(tasks, kept, jobs=jobs, progress=progress)
    values = dict(zip(tasks, measured, strict=True))
    a, b = (
        _condition(one, cells[i], ours[i], donors.of_cells[i], donors.of_known[i], out, values)
        for i, one in enumerate(given)
    )
    return a, b


def _condition(
    given: Given,
    cells: Sequence[PredictedCell],
    known: Sequence[KnownCell],
    donors: list[str],
    of_known: list[str],
    out: Path,
    values: dict[Task, Values],
) -> Condition:
    new = [i for i, cell in enumerate(known) if not cell.is_listed]
    known_edges = [_edge(out, cell.file.name) for cell in known]
    known_names = [cell.file.name for cell in known]
    predicted = [values[Task(out, name)] for name in known_names]
    edges = [_edge(cell.folder, cell.name) for cell in cells]
    return Condition(
        given.label,
        [cell.name for cell in cells] + [known_names[i] for i in new],
        [values[Task(cell.folder, cell.name)] for cell in cells] + [predicted[i] for i in new],
        np.array(edges + [known_edges[i] for i in new], float),
        [cell.warning for cell in cells] + [""] * len(new),
        donors + [of_known[i] for i in new],
        predicted,
        [values[Task(out, cell.file.name, cell.file.obj)] for cell in known],
        np.array(known_edges, float),
        known_names,
        of_known,
    )


def _edge(folder: Path, name: str) -> float:
    """Give the edge of a cell's voxels, which are cubes; NaN where it is not known."""
    spacing = opened(folder).spacing(name)
    return math.nan if spacing is None else spacing[0]

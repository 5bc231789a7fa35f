"""Measure the cells of a data set, or their predicted shapes, once; what was measured is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.folder import CellFiles
from dispr.cells.read import read_image, read_mask, read_obj
from dispr.errors import FileError
from dispr.prediction.files import PredictionFolder
from dispr.processes import map_in_processes
from dispr.records import read_json, write_json
from dispr.scores.baselines import GEOMETRIC
from dispr.scores.shape import binarise
from dispr.study.feature_table import FeatureTable, read_table
from dispr.study.features import fingerprint, section_features, shape_features

SECTION, TRUTH, CONSENSUS, SAMPLES = "section", "truth", "consensus", "samples"
GEOMETRIES = tuple(GEOMETRIC)

SAVE_EVERY = 100
"""Cells after which a table that is being made is written."""


@dataclass(frozen=True)
class Task:
    """What to measure of one cell.

    Attributes
    ----------
    kind : str
        "section", "truth", "consensus", "samples", or the name of a geometric baseline.
    name : str
        The cell.
    paths : tuple of Path
        The files that it is measured from.
    published : bool
        Measure the published set of features.
    """

    kind: str
    name: str
    paths: tuple[Path, ...]
    published: bool = False

    def digest(self) -> str:
        """Give a checksum of what the result depends on.

        Raises
        ------
        FileError
            If a file cannot be read.
        """
        found = hashlib.sha256(
            repr((self.kind, self.published, fingerprint(self.published))).encode()
        )
        for path in self.paths:
            try:
                found.update(path.read_bytes())
            except OSError as error:
                raise FileError(
                    f"{path} cannot be read: {(error.strerror or str(error)).lower()}."
                ) from error
        return found.hexdigest()[:16]


def section_tasks(files: Sequence[CellFiles], published: bool = False) -> list[Task]:
    """List what is measured for the features of image and mask."""
    return [Task(SECTION, file.name, (file.image, file.mask), published) for file in files]


def truth_tasks(files: Sequence[CellFiles], published: bool = False) -> list[Task]:
    """List what is measured for the features of the true shapes.

    Raises
    ------
    FileError
        If a cell has none.
    """
    for file in files:
        if file.obj is None:
            raise FileError(
                f"{file.image} has no 3D shape; add {file.image.name} to the folder obj."
            )
    return [Task(TRUTH, f.name, (f.obj,), published) for f in files if f.obj is not None]


def geometry_tasks(kind: str, files: Sequence[CellFiles], published: bool = False) -> list[Task]:
    """List what is measured for the features of a shape made from the mask alone."""
    return [Task(kind, file.name, (file.mask,), published) for file in files]


def consensus_tasks(folder: Path, names: Sequence[str], published: bool = False) -> list[Task]:
    """List what is measured for the features of the shapes that most samples agree on."""
    return [
        Task(CONSENSUS, n, (PredictionFolder(folder).probability_path(n),), published)
        for n in names
    ]


def sample_tasks(folder: Path, names: Sequence[str], published: bool = False) -> list[Task]:
    """List what is measured for the features of each predicted shape.

    Raises
    ------
    FileError
        If a cell has no shapes, or one is missing.
    """
    found = PredictionFolder(folder).sample_paths(names)
    return [Task(SAMPLES, name, tuple(found[name]), published) for name in names]


def measure_all(
    tasks: Sequence[Task],
    cache: Path | None = None,
    *,
    jobs: int | None = None,
    on_cell: Callable[[], Any] | None = None,
) -> FeatureTable:
    """Measure cells, each by itself, in parallel processes.

    Parameters
    ----------
    tasks : sequence of Task
        One for each cell.
    cache : Path, optional
        CSV file to keep the features in. What it holds of unchanged files, by unchanged measures,
        is not measured again, and an interrupted run goes on from it.
    jobs : int, optional
        Processes; as many as cores if not given.
    on_cell : callable, optional
        Called after each cell.

    Returns
    -------
    FeatureTable
        In the order of the tasks; the rows of samples in the order of their numbers.

    Raises
    ------
    FileError
        If a file cannot be read, or is not a volume, image or mask.
    """
    digests = {task.name: task.digest() for task in tasks}
    done = {} if cache is None else _read_cache(cache, digests)
    for _ in done:
        if on_cell:
            on_cell()
    todo = [task for task in tasks if task.name not in done]

    def table() -> FeatureTable:
        return FeatureTable.of(
            (task.name, k if task.kind == SAMPLES else -1, features)
            for task in tasks
            if task.name in done
            for k, features in enumerate(done[task.name])
        )

    saved = True
    try:
        for count, (task, features) in enumerate(
            zip(todo, map_in_processes(_measure, todo, jobs), strict=True), 1
        ):
            done[task.name] = features
            saved = False
            if cache is not None and count % SAVE_EVERY == 0:
                _write_cache(cache, table(), digests)
                saved = True
            if on_cell:
                on_cell()
    finally:
        if cache is not None and not saved:
            _write_cache(cache, table(), digests)
    return table()


def _measure(task: Task) -> list[dict[str, float]]:
    if task.kind == SECTION:
        image, mask = task.paths
        return [section_features(read_image(image), read_mask(mask), task.published)]
    # An empty sample is a row without features.
    return [shape_features(b, task.published) if b.any() else {} for b in _bodies(task)]


def _bodies(task: Task) -> Sequence[np.ndarray]:
    path = task.paths[0]
    if task.kind == TRUTH:
        return [binarise(read_obj(path))]
    if task.kind == CONSENSUS:
        body = PredictionFolder(path.parents[1]).probability(task.name) > 0.5
        # Where no voxel is in most samples, the likeliest ones stand for the cell.
        return [body if body.any() else _likeliest(path.parents[1], task.name)]
    if task.kind == SAMPLES:
        return list(PredictionFolder(path.parents[1]).samples(task.name))
    return [GEOMETRIC[task.kind](read_mask(path))]


def _likeliest(folder: Path, name: str) -> np.ndarray:
    drawn = PredictionFolder(folder)
    probability = drawn.probability(name)
    if not probability.any():
        raise FileError(f"{drawn.probability_path(name)} is an empty shape; predict it again.")
    return probability == probability.max()


def _record(cache: Path) -> Path:
    return cache.with_suffix(".json")


def _read_cache(cache: Path, digests: Mapping[str, str]) -> dict[str, list[dict[str, float]]]:
    """Read the features of cells whose files have not changed since they were measured."""
    if not (cache.is_file() and _record(cache).is_file()):
        return {}
    try:
        known = read_json(_record(cache))
        table = read_table(cache)
    except FileError:
        return {}  # measured again, and written anew
    found: dict[str, list[dict[str, float]]] = {}
    for name, row in zip(table.names, table.values, strict=True):
        if name in digests and known.get(name) == digests[name]:
            features = {c: float(v) for c, v in zip(table.columns, row, strict=True)}
            found.setdefault(name, []).append(features)
    return found


def _write_cache(cache: Path, table: FeatureTable, digests: Mapping[str, str]) -> None:
    # The record goes last, and first if the table is about to change: what it vouches for is there.
    _record(cache).unlink(missing_ok=True)
    table.write(cache)
    write_json(_record(cache), {name: digests[name] for name in dict.fromkeys(table.names)})

"""Measure the cells of a data set, or their predicted shapes, once; what was measured is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dispr.cells.folder import CellFiles
from dispr.cells.read import read_image, read_mask, read_obj
from dispr.checksums import files_digest
from dispr.errors import FileError
from dispr.prediction.files import PredictionFolder, opened
from dispr.processes import map_in_processes
from dispr.progress import SILENT, Progress
from dispr.recognition.features import (
    fingerprint,
    outline_features,
    section_features,
    shape_features,
)
from dispr.records import read_json, write_json
from dispr.scores.baselines import GEOMETRIC
from dispr.scores.shape import binarise
from dispr.study.feature_table import FeatureTable, read_table

SECTION, TRUTH, CONSENSUS, SAMPLES = "section", "truth", "consensus", "samples"
OUTLINE = "outline"

ANEW = "it will be written again"
"""What becomes of a damaged file of features."""

SAVE_EVERY = 100
"""Cells after which a table that is being made is written."""


@dataclass(frozen=True)
class Task:
    """What to measure of one cell.

    Attributes
    ----------
    kind : str
        "section", "outline", "truth", "consensus", "samples", or the name of a geometric baseline.
    name : str
        The cell.
    paths : tuple of Path
        The files that it is measured from; none of predicted shapes.
    folder : Path, optional
        The prediction.
    published : bool
        Measure the published set of features.
    """

    kind: str
    name: str
    paths: tuple[Path, ...] = ()
    published: bool = False
    folder: Path | None = None

    def digest(self) -> str:
        """Give a checksum of what the result depends on; FileError if a file cannot be read."""
        about = (self.kind, self.published, fingerprint(self.published))
        if self.folder is not None:
            return opened(self.folder).shapes.digest(self.name, repr(about))
        return files_digest(self.paths, repr(about))


def tasks_of(
    kind: str, files: Sequence[CellFiles], folder: Path | None = None, published: bool = False
) -> list[Task]:
    """List what is measured of cells, from their files or from predicted shapes in a folder.

    Raises
    ------
    FileError
        If a cell has no true shape, or no predicted ones, or one of these is missing.
    """
    paths: list[tuple[Path, ...]]
    if kind in (SECTION, OUTLINE):
        paths = [(file.image, file.mask) for file in files]
    elif kind == TRUTH:
        paths = [(obj_of(file),) for file in files]
    elif folder is None:
        paths = [(file.mask,) for file in files]
    else:
        drawn = PredictionFolder(folder)
        for file in files if kind == SAMPLES else ():
            drawn.shapes.count(file.name)  # refuses a cell without all of its samples
        return [Task(kind, file.name, (), published, folder) for file in files]
    return [Task(kind, f.name, of, published) for f, of in zip(files, paths, strict=True)]


def obj_of(file: CellFiles) -> Path:
    """Give the file of a cell's true shape; FileError if there is none."""
    if file.obj is None:
        raise FileError(f"{file.image} has no 3D shape; add {file.image.name} to the folder obj.")
    return file.obj


def measure_all(
    tasks: Sequence[Task],
    cache: Path | None = None,
    *,
    jobs: int | None = None,
    progress: Progress = SILENT,
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
    progress : Progress
        Told of each cell, and if the cache is damaged, so that everything is measured again.

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
    done = {} if cache is None else _read_cache(cache, digests, progress)
    count = progress.counter("Measuring", len(tasks))
    count(len(done))
    todo = [task for task in tasks if task.name not in done]

    def table() -> FeatureTable:
        return FeatureTable.of(
            (task.name, k if task.kind == SAMPLES else -1, features)
            for task in tasks
            if task.name in done
            for k, features in enumerate(done[task.name])
        )

    unsaved = 0
    try:
        for task, features in zip(todo, map_in_processes(_measure, todo, jobs), strict=True):
            done[task.name] = features
            unsaved += 1
            if cache is not None and unsaved == SAVE_EVERY:
                _write_cache(cache, table(), digests)
                unsaved = 0
            count()
    finally:
        if cache is not None and unsaved:
            _write_cache(cache, table(), digests)
    return table()


def _measure(task: Task) -> list[dict[str, float]]:
    if task.kind == SECTION:
        image, mask = task.paths
        return [section_features(read_image(image), read_mask(mask), task.published)]
    if task.kind == OUTLINE:
        image, mask = task.paths
        return [outline_features(read_image(image), read_mask(mask))]
    # An empty sample is a row without features.
    return [shape_features(b, task.published) if b.any() else {} for b in _bodies(task)]


def _bodies(task: Task) -> Sequence[np.ndarray]:
    if task.kind == TRUTH:
        return [binarise(read_obj(task.paths[0]))]
    if task.folder is None:
        return [GEOMETRIC[task.kind](read_mask(task.paths[0]))]
    drawn = opened(task.folder)
    if task.kind == SAMPLES:
        return list(drawn.samples(task.name))
    probability = drawn.probability(task.name)
    if not probability.any():
        where = drawn.shapes.where(task.name)
        raise FileError(f"{where} is an empty shape of {task.name}; predict it again.")
    # Where no voxel is in most samples, the likeliest ones stand for the cell.
    most = probability > 0.5
    return [most if most.any() else probability == probability.max()]


def _record(cache: Path) -> Path:
    return cache.with_suffix(".json")


def _read_cache(
    cache: Path, digests: Mapping[str, str], progress: Progress
) -> dict[str, list[dict[str, float]]]:
    """Read the features of cells whose files have not changed since they were measured."""
    if not (cache.is_file() and _record(cache).is_file()):
        return {}
    try:
        known = read_json(_record(cache), remedy=ANEW)
        table = read_table(cache, ANEW)
    except FileError as error:
        progress.note(f"{error} All cells of {cache.name} are measured again.")
        return {}
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

"""Fit a model's intervals to cells whose shape is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dispr.cells.arrays import as_body
from dispr.cells.folder import CellFiles
from dispr.cells.prepare import occupancy
from dispr.cells.read import read_cell, read_framed_obj
from dispr.errors import ArrayError, ConfigError, FileError
from dispr.familiarity.reference import familiarity_of
from dispr.familiarity.statistics import FEWEST
from dispr.images.read import read_numbers
from dispr.intervals.fit import KnownCell, fit_intervals
from dispr.intervals.quantiles import LEVEL, fewest_cells, refuse_few
from dispr.intervals.rules import Intervals
from dispr.model.seen import seen_cells
from dispr.model.weights import Weights, fingerprint
from dispr.morphology.shape import shape_values
from dispr.prediction.choices import planes_by_distance
from dispr.prediction.files import PredictionFolder, opened
from dispr.prediction.model import Model, load
from dispr.prediction.planes import Planes
from dispr.prediction.settings import PredictionSettings
from dispr.processes import map_in_processes
from dispr.progress import SILENT, Progress

ENSEMBLE = 5
"""Samples of the ensembles that intervals are fitted to, as many as are drawn if not told."""


def calibrate(
    model: Model,
    files: Sequence[CellFiles],
    *,
    ensemble: int = ENSEMBLE,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Intervals:
    """Predict cells with known shapes and fit the intervals of all measures to them.

    For cells of which further planes are known than the section, each is predicted from random
    planes of its own, some near to all of it and some not (`dispr.prediction.choices`). A network
    that sees the section alone draws its shapes once, and they are held to the planes.

    Parameters
    ----------
    model : Model
        A diffusion model.
    files : sequence of CellFiles
        Cells with objects, which the model was not trained on.
    ensemble : int
        Shapes to draw of each; the intervals are for ensembles of two to so many.
    seed : int
        Of the samples.
    progress : Progress
        Told of each cell (`dispr.progress`).

    Raises
    ------
    ConfigError
        If the model is deterministic or there are too few cells.
    FileError
        If a cell cannot be read.
    """
    if model.config.deterministic:
        raise ConfigError("a deterministic model has no spread to calibrate.")
    refuse_few(len(files), LEVEL)
    cells = [read_cell(file) for file in files]
    images, masks = (np.stack([getattr(c, kind) for c in cells]) for kind in ("image", "mask"))
    settings = PredictionSettings(ensemble, seed)
    predictions = model.predict_each(images, masks, settings, keep_grey=True)
    count = progress.counter("Predicting", len(cells))
    known: list[KnownCell] = []
    true: list[Mapping[str, float]] = []
    further: dict[float, list[KnownCell]] = {}
    again: list[tuple[float, int, Planes]] = []
    for i, (file, cell, prediction) in enumerate(zip(files, cells, predictions, strict=True)):
        assert cell.obj is not None  # read_cell has refused a cell without
        assert prediction.grey is not None  # it was asked for
        truth = occupancy(cell.obj)[0, 0].numpy() > 0.5
        true.append(shape_values(truth))
        known.append(_known_cell(file.name, prediction.samples, true[i]))
        chosen = planes_by_distance(prediction.grey > 0.5, truth, cell.mask, (seed, file.name))
        for limit, (planes, held) in chosen.items():
            if model.follows_planes:
                again.append((limit, i, planes))
            else:
                found = _known_cell(file.name, held, true[i])
                further.setdefault(limit, []).append(found)
        count()
    if again:
        at = [i for _, i, _ in again]
        sets = [planes for _, _, planes in again]
        predictions = model.predict_each(images[at], masks[at], settings, known=sets)
        count = progress.counter("Predicting with further planes", len(again))
        for (limit, i, _), prediction in zip(again, predictions, strict=True):
            found = _known_cell(files[i].name, prediction.samples, true[i])
            further.setdefault(limit, []).append(found)
            count()
    return fit_intervals(known, further=further)


def _known_cell(name: str, samples: np.ndarray, true: Mapping[str, float]) -> KnownCell:
    consensus = samples.mean(axis=0, dtype=np.float32) > 0.5
    drawn = [shape_values(sample) for sample in samples]
    return KnownCell(name, drawn, shape_values(consensus), true)


def calibrate_folder(
    predictions: Path,
    objects: Mapping[str, Path],
    *,
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> Intervals:
    """Fit the intervals of all measures to cells whose shapes the model has drawn already.

    They are for cells of which the section alone is known.

    Parameters
    ----------
    predictions : Path
        Folder that `dispr predict` wrote.
    objects : mapping of str to Path
        3D shapes of predicted cells, by name, which the model was not trained on.
    jobs : int, optional
        Processes; as many as cores if not given.
    progress : Progress
        Told of each cell (`dispr.progress`).

    Raises
    ------
    FileError
        If a file cannot be read.
    ConfigError
        If there are too few cells, their ensembles are of several sizes, or further planes of a
        cell were known.
    """
    refuse_planes(predictions, objects)
    tasks = [(predictions, name, path) for name, path in objects.items()]
    return fit_intervals(_measured(tasks, jobs, progress))


def calibrate_folds(
    model: Model,
    folds: Sequence[tuple[Path, Path]],
    files: Sequence[CellFiles],
    *,
    unrelated: Collection[str] = (),
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> Intervals:
    """Fit the intervals of all measures to cells that models of the same kind have not seen.

    Each of these models was trained as `model` was, without a part of its training cells, and
    predicted this part; other cells of the predictions are left out. So all training cells tell how
    large errors are, instead of the few that were set aside: cross-conformal prediction (Vovk 2015,
    Ann. Math. Artif. Intell. 74:9; Barber et al., arXiv 1905.02928). The intervals are right for
    `model` if its errors are distributed as those of the others; trained on more cells, it should
    be a little better.

    Parameters
    ----------
    model : Model
        Whose predictions will state the intervals.
    folds : sequence of (Path, Path)
        Folders that `dispr predict` wrote, and the weights that each was predicted with.
    files : sequence of CellFiles
        Cells with objects, among them those that were predicted.
    unrelated, jobs, progress
        As for `unseen` and `calibrate_folder`.

    Raises
    ------
    FileError
        If a file cannot be read.
    ConfigError
        If a model has another configuration or has seen all its cells, a cell was predicted twice,
        or there are too few cells.
    """
    tasks: dict[str, tuple[Path, str, Path]] = {}
    for predictions, weights in folds:
        other = load(weights, "cpu")
        if other.config != model.config:
            raise ConfigError(
                f"the weights {weights} have another configuration than those to be calibrated; "
                "train all of them with the same settings."
            )
        refuse_others(predictions, weights, other)
        left, _ = unseen(other, files, unrelated)
        objects = {file.name: file.obj for file in left if file.obj is not None}
        names = [name for name in PredictionFolder(predictions).names() if name in objects]
        refuse_planes(predictions, names)
        for name in names:
            if name in tasks:
                raise ConfigError(
                    f"the cell {name} was predicted in {tasks[name][0]} and in {predictions}; each "
                    "cell belongs to one fold."
                )
            tasks[name] = predictions, name, objects[name]
    return fit_intervals(_measured(list(tasks.values()), jobs, progress))


def refuse_others(predictions: Path, weights: Path, model: Model) -> None:
    """Refuse predictions of another model.

    Raises
    ------
    ConfigError
        If the shapes were drawn with other weights.
    """
    if PredictionFolder(predictions).settings.get("model") != fingerprint(model.network):
        raise ConfigError(
            f"the shapes in {predictions} were not predicted with the weights {weights}."
        )


def refuse_planes(predictions: Path, names: Collection[str]) -> None:
    """Refuse predictions from further planes: their errors are smaller than those of one section.

    Raises
    ------
    ConfigError
        If one of these cells was predicted from more than its section.
    """
    for row in PredictionFolder(predictions).rows():
        if row["name"] in names and (row.get("sections") or "1") != "1":
            raise ConfigError(
                f"{row['name']} in {predictions} was predicted from {row['sections']} known "
                "planes; predict the cells from their sections alone to calibrate, without "
                "planes.csv."
            )


def _measured(
    tasks: Sequence[tuple[Path, str, Path]], jobs: int | None, progress: Progress
) -> list[KnownCell]:
    count = progress.counter("Measuring", len(tasks))
    known = []
    for cell in map_in_processes(_measure, tasks, jobs):
        known.append(cell)
        count()
    return known


def _measure(task: tuple[Path, str, Path]) -> KnownCell:
    predictions, name, path = task
    folder = opened(predictions)
    grid = folder.grid(name)
    drawn = [shape_values(sample) for sample in folder.samples(name)]
    try:
        shape = read_numbers(path) if grid is None else read_framed_obj(path, grid)
        true = shape_values(as_body(shape, str(path)))
    except ArrayError as error:
        raise FileError(str(error)) from error
    return KnownCell(name, drawn, shape_values(folder.probability(name) > 0.5), true)


def with_intervals(weights: Weights, intervals: Intervals) -> Weights:
    """Give weights that state these intervals."""
    return replace(weights, about={**weights.about, "intervals": intervals.to_dict()})


def unseen(
    model: Model, files: Sequence[CellFiles], unrelated: Collection[str] = ()
) -> tuple[list[CellFiles], tuple[str, ...]]:
    """Leave out the cells that had a part in the model: in its training, or before.

    Parameters
    ----------
    model : Model
        Whose weights tell these cells by name, and those of the weights that it began with.
    files : sequence of CellFiles
        Cells.
    unrelated : collection of str
        Data sets that it was trained on and that share no cell with these; see `seen_cells`.

    Returns
    -------
    left : list of CellFiles
        The others.
    remarks : tuple of str
        Sentences on what was left out, and on what the weights do not tell.

    Raises
    ------
    ConfigError
        If none is left, or the weights do not name all cells that they were trained on.
    """
    if "training_cells" not in model.about:
        told = "The weights do not list their training cells; none of these must be among them."
        return list(files), (told,)
    seen, remarks = seen_cells(model.about, unrelated)
    left = [file for file in files if file.name not in seen]
    if not left:
        raise ConfigError(
            "the model or its initial weights were trained on all of these cells; calibrate it "
            "on others, or train with a validation part."
        )
    out = len(files) - len(left)
    if out:
        told = f"{out} of {len(files)} cells are skipped, because the model was trained on them."
        remarks = (*remarks, told)
    return left, remarks


def lacks(model: Model) -> list[str]:
    """Say in sentences what the model cannot state of its predictions; nothing if it has all."""
    told = []
    if model.config.deterministic:
        told.append("The model predicts one shape per cell, without uncertainty.")
    elif model.intervals is None:
        told.append(
            "The model is not calibrated, so the tables have no intervals, only the range "
            "of the samples; calibrate it with dispr calibrate on at least 9 cells with known "
            "shapes that it was not trained on, such as its validation cells."
        )
    if familiarity_of(model.about) is None:
        told.append(
            "The weights contain no statistics of the training cells, so unusual cells get "
            f"no warning; dispr train stores these statistics if there are at least {FEWEST} "
            "training cells."
        )
    return told


def too_few(training: int, validation: int) -> list[str]:
    """Say in sentences what comes of too few cells to train on and to validate with.

    Parameters
    ----------
    training, validation : int
        Numbers of cells.
    """
    told = []
    least = fewest_cells(LEVEL)
    if validation < least:
        told.append(
            f"{validation} validation cells are too few for dispr calibrate, which needs {least}: "
            "predictions will have no intervals, only the range of the samples."
        )
    if training < FEWEST:
        told.append(
            f"{training} training cells are too few for the familiarity test, which needs "
            f"{FEWEST}: predictions will not warn about cells unlike the training cells."
        )
    return told

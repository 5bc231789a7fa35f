"""Predict, measure and mesh the cells of a field, cell after cell, so that it can be stopped."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from dispr.cells.arrays import SIZE
from dispr.cells.framing import joined
from dispr.errors import FileError
from dispr.familiarity.reference import familiarity_of
from dispr.familiarity.traits import describe_all
from dispr.labelled.field.meshes import placed_mesh
from dispr.labelled.field.place import FieldVolume, PlacedShape, placed_likelihood, placed_shape
from dispr.labelled.field.predict import canonical_crops
from dispr.labelled.field.prepare import FieldCell, PreparedField, prepare_field
from dispr.labelled.field.table import Row, field_rows, shape_columns, unit_of, voxel_edge
from dispr.morphology.ellipsoid import ellipsoid_volume
from dispr.napari_plugin.layers import (
    LayerData,
    World,
    disagreement_layer,
    labels_layer,
    numbers_layer,
    surface_layer,
)
from dispr.prediction.model import Model, load
from dispr.prediction.prediction import Prediction
from dispr.prediction.section import cell_digest
from dispr.prediction.settings import PredictionSettings
from dispr.surface.mesh import Mesh

Report = Callable[[float, int], Any]
"""Called with how many cells are done, parts of one included, and of how many."""


@dataclass(frozen=True, eq=False)
class Job:
    """What to predict.

    Attributes
    ----------
    image, labels : ndarray
        (Y, X), as for `dispr.predict_field`.
    name : str
        Of the image, which the names of layers end with.
    world : World
        Where the image lies in the viewer.
    pixel_size : float or None
        Edge of a pixel in um.
    ensemble, seed : int
        As for `dispr.predict_field`.
    weights : Path or None
        Weights of a model; None for those shipped with the package.
    source : str
        What tells the image from others, which may have its name.
    """

    image: np.ndarray
    labels: np.ndarray
    name: str = "image"
    world: World = dataclasses.field(default_factory=World)
    pixel_size: float | None = None
    ensemble: int = 5
    seed: int = 0
    weights: Path | None = None
    source: str = ""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of it.

    Attributes
    ----------
    layers : tuple
        Layer data: label volume, where the samples differ, surfaces, numbers; none without a cell.
    rows : tuple of dict
        The table of the cells that are done or refused, in order of their labels.
    done, total : int
        Cells that were predicted, and that were to be.
    notes : tuple of str
        What to know of the whole field.
    name, source : str
        Of the image, as in `Job`.
    """

    layers: tuple[LayerData, ...]
    rows: tuple[Row, ...]
    done: int
    total: int
    notes: tuple[str, ...] = ()
    name: str = "image"
    source: str = ""


Crops = tuple[np.ndarray, np.ndarray]
"""Images and masks of the cells, both (N, 64, 64) uint8."""

Placed = tuple[PlacedShape, PlacedShape]
"""A cell in its place: where most samples have it, and where any has."""


Kept = OrderedDict[tuple[str, int, int], np.ndarray]
"""Samples as bits, by what the network saw of the cell, their number and the seed."""

_KEPT: WeakKeyDictionary[Model, Kept] = WeakKeyDictionary()
MOST_KEPT = 1000
"""Cells whose samples are kept in memory, of five shapes 0.16 MB each."""


class Stopped(Exception):
    """The user wants no more."""


def run(
    job: Job,
    report: Report | None = None,
    stopped: Callable[[], bool] | None = None,
    model: Model | None = None,
) -> Outcome:
    """Predict the cells of a field.

    Parameters
    ----------
    job : Job
        What to predict.
    report : callable, optional
        See `Report`.
    stopped : callable, optional
        Asked after each step of the network, and before each cell: true ends the work, and what
        is done until then is the outcome.
    model : Model, optional
        Instead of the weights of the job.

    Raises
    ------
    DisprError
        If the arrays, a setting or the weights cannot be used.
    """
    chosen = model or load_cached(job.weights)
    field = prepare_field(
        job.image,
        job.labels,
        pixel_size=job.pixel_size,
        trained=chosen.frame,
        name=job.name,
    )
    cells = field.predictable
    known: dict[int, dict[str, Any]] = {}
    done: list[Placed] = []
    meshes: dict[int, Mesh] = {}
    # All cells count for the depth, so that those of a stopped run stand where they would.
    depth = max(cell.square.edge for cell in cells)
    crops = canonical_crops(field)
    looks = _looks(chosen, cells, crops)
    try:
        found = _predictions(chosen, field, crops, job, report, stopped)
        for cell, one, mask, prediction in zip(cells, *crops, found, strict=True):
            if prediction.consensus.any():
                mesh = prediction.mesh()
                meshes[cell.label] = placed_mesh(mesh, cell.square, depth, field.pixel_size)
            told = (cell.warning, looks[cell.label].get("warning", ""))
            prediction = replace(prediction, warning=joined(*told))
            recognised = chosen.recognise(one, mask, prediction.warning)
            edge = voxel_edge(cell, field.pixel_size)
            ellipsoid = ellipsoid_volume(mask)
            measures = shape_columns(prediction, edge, ellipsoid, unit_of(field.pixel_size))
            known[cell.label] = {
                "measures": measures,
                "recognised": recognised,
                **looks[cell.label],
            }
            done.append(_place(cell, prediction.probability))
            if report:
                report(len(done), len(cells))
            if stopped and stopped() and len(done) < len(cells):
                break
    except Stopped:
        pass
    volume = FieldVolume([shape for shape, _ in done], _size(field), depth)
    labels = volume.array() if done else np.empty(0)
    rows = field_rows(field.cells, field.pixel_size, known, volume.overlaps())
    layers = _layers(field, labels, done, meshes, rows, job)
    return Outcome(
        tuple(layers),
        tuple(rows),
        len(done),
        len(cells),
        field.notes,
        job.name,
        job.source,
    )


def _size(field: PreparedField) -> tuple[int, int]:
    height, width = field.image.shape
    return height, width


def load_cached(weights: Path | None) -> Model:
    """Load a model, unless it is that of the last time.

    Raises
    ------
    FileError
        If the file is missing or holds no weights.
    """
    if weights is None:
        return _load(None, 0)
    try:
        return _load(weights, weights.stat().st_mtime_ns)
    except OSError as error:
        raise FileError(f"{weights} does not exist; choose a weights file.") from error


@lru_cache(maxsize=1)
def _load(weights: Path | None, changed: int) -> Model:
    return load(weights)


def _place(cell: FieldCell, probability: np.ndarray) -> Placed:
    # Not the samples are kept, which take a hundred times as much memory.
    return (
        placed_shape(cell.label, cell.square, probability),
        placed_likelihood(cell.label, cell.square, probability),
    )


def _predictions(
    model: Model,
    field: PreparedField,
    crops: Crops,
    job: Job,
    report: Report | None,
    stopped: Callable[[], bool] | None,
) -> Iterator[Prediction]:
    """Predict cell after cell; lengths are um, or pixels of the field.

    Cells that this model has drawn before, as of a job that was stopped, are not drawn again.
    """
    images, masks = crops
    shapes = model.samples_of(job.ensemble)
    share = 1 / (shapes * model.evaluations())
    kept = _KEPT.setdefault(model, OrderedDict())
    pairs = zip(images, masks, strict=True)
    keys = [(cell_digest(image, mask), shapes, job.seed) for image, mask in pairs]
    todo = [i for i, key in enumerate(keys) if key not in kept]
    new = set(todo)  # two cells may look the same
    progress = float(len(keys) - len(todo))

    def step(count: int) -> None:
        nonlocal progress
        progress += count * share
        if stopped and stopped():
            raise Stopped
        if report:
            report(min(progress, len(images)), len(images))

    sizes = [voxel_edge(cell, field.pixel_size) for cell in field.predictable]
    drawn = model.predict_each(
        images[todo],
        masks[todo],
        # So that up to five samples of a cell are computed at once, and no other cell's.
        PredictionSettings(job.ensemble, job.seed, batch_size=min(shapes, 5)),
        voxel_sizes=[sizes[i] for i in todo],
        on_step=step,
    )
    try:
        for i, key in enumerate(keys):
            if i in new:
                prediction = next(drawn)
                if not model.config.deterministic:
                    kept[key] = np.packbits(prediction.samples)
            else:
                bits = np.unpackbits(kept[key]).reshape(shapes, SIZE, SIZE, SIZE)
                samples = bits.astype(bool)
                mean = samples.mean(axis=0, dtype=np.float32)
                prediction = Prediction(samples, mean, model.intervals, sizes[i])
            yield prediction
    finally:
        while len(kept) > MOST_KEPT:
            kept.popitem(last=False)


def _looks(model: Model, cells: Sequence[FieldCell], crops: Crops) -> dict[int, dict[str, Any]]:
    """Say by label how like the training cells each cell is; nothing where that is not known."""
    reference = familiarity_of(model.about)
    if reference is None:
        return {cell.label: {} for cell in cells}
    looks = describe_all(*crops)
    scores = reference.score_looks(looks)
    return {
        cell.label: {
            "familiarity": round(float(score), 3),
            "warning": reference.warning_of(seen),
        }
        for cell, seen, score in zip(cells, looks, scores, strict=True)
    }


def _layers(
    field: PreparedField,
    labels: np.ndarray,
    done: list[Placed],
    meshes: dict[int, Mesh],
    rows: list[Row],
    job: Job,
) -> list[LayerData]:
    if not done:
        return []
    depth = len(labels)
    any_sample = FieldVolume([likely for _, likely in done], _size(field), depth)
    unit = "µm" if field.pixel_size is not None else "px"
    layers = [
        labels_layer(labels, rows, job.world, f"3D labels: {job.name}", visible=False),
        disagreement_layer(
            any_sample, job.world, f"samples that differ, %: {job.name}", visible=False
        ),
    ]
    name = f"surfaces by spread, {unit}: {job.name}"
    surfaces = surface_layer(meshes, field.pixel_size or 1.0, depth, job.world, name)
    if surfaces is not None:
        layers.append(surfaces)
    predicted = [row for row in rows if row["label"] in meshes]
    return [*layers, numbers_layer(predicted, job.world, f"numbers: {job.name}")]

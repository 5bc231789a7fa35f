"""Predict a field in memory: arrays in, cells with their shapes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dispr.cells.arrays import as_image, as_mask
from dispr.cells.framing import joined
from dispr.labelled.field.place import FieldVolume, placed_shape
from dispr.labelled.field.prepare import FieldCell, PreparedField, prepare_field
from dispr.labelled.field.table import Row, field_rows, shape_columns, unit_of, voxel_edge
from dispr.measurements.columns import short_rows
from dispr.morphology.ellipsoid import ellipsoid_volume
from dispr.prediction.model import Model, load
from dispr.prediction.prediction import Prediction
from dispr.prediction.settings import PredictionSettings


@dataclass(frozen=True, eq=False)
class FieldPrediction:
    """The cells of a field and their plausible 3D shapes; returned by `predict_field`.

    Attributes
    ----------
    cells : tuple of FieldCell
        The predicted cells, in the order of their labels, with position, square of the field and
        warning.
    predictions : tuple of Prediction
        The shapes of each cell, 64 x 64 x 64 voxels. They have a voxel size in um if the pixel size
        is known.
    refused : tuple of FieldCell
        Cells that could not be predicted, with the reason.
    pixel_size : float or None
        Edge of a pixel of the field in um.
    shape : (int, int)
        Rows and columns of the field.
    ellipsoids : tuple of int
        Volume of the ellipsoid fitted to the mask of each cell, in voxels of its shapes.
    notes : tuple of str
        Notes on the whole field.
    """

    cells: tuple[FieldCell, ...]
    predictions: tuple[Prediction, ...]
    refused: tuple[FieldCell, ...]
    pixel_size: float | None
    shape: tuple[int, int]
    ellipsoids: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def label_volume(self) -> np.ndarray:
        """Return a label volume with the consensus shapes at the positions of their cells.

        Returns
        -------
        ndarray
            (Z, Y, X), uint16 or uint32: the labels, in cubic voxels of the pixel size. The imaged
            section is plane Z // 2. See `FieldVolume` for cells that overlap.
        """
        return self._volume().array()

    def table(self, *, wide: bool = False) -> list[Row]:
        """Measure the cells.

        Parameters
        ----------
        wide : bool
            Return all measures, with mean and standard deviation of the samples; otherwise the main
            measures with their intervals.

        Returns
        -------
        list of dict
            A row for each cell: label, position, warning, the measures of `Prediction.measure`, and
            the volume of the ellipsoid fitted to its mask. Lengths are in um, or in pixels of the
            field if the pixel size is unknown.
        """
        found = {}
        shapes = zip(self.cells, self.predictions, self.ellipsoids, strict=True)
        for cell, prediction, ellipsoid in shapes:
            edge = voxel_edge(cell, self.pixel_size)
            measures = shape_columns(prediction, edge, ellipsoid, unit_of(self.pixel_size))
            found[cell.label] = {
                "measures": measures,
                "warning": prediction.warning,
                "recognised": prediction.recognised,
            }
        volume = self._volume()
        for _ in volume.planes():
            pass
        cells = sorted((*self.cells, *self.refused), key=lambda cell: cell.label)
        rows = field_rows(cells, self.pixel_size, found, volume.overlaps())
        return rows if wide else short_rows(rows)

    def _volume(self) -> FieldVolume:
        shapes = [
            placed_shape(cell.label, cell.square, prediction.probability)
            for cell, prediction in zip(self.cells, self.predictions, strict=True)
        ]
        return FieldVolume(shapes, self.shape)


def predict_field(
    image: Any,
    labels: Any = None,
    *,
    model: Model | None = None,
    pixel_size: float | None = None,
    frame: str | float = "auto",
    ensemble: int = 5,
    seed: int = 0,
    sampler: str | None = None,
    steps: str | int | None = None,
    batch_size: int | None = None,
    on_step: Callable[[int], None] | None = None,
) -> FieldPrediction:
    """Predict 3D shapes of the cells of a field of view.

    Each cell gets the same shapes as from `Model.predict` of its crop. All shapes are kept in
    memory, 2.5 MB per cell with five samples; `dispr.labelled.field.folder` writes them to files
    instead.

    Parameters
    ----------
    image : array-like
        (Y, X), grey values of any real type.
    labels : array-like, optional
        (Y, X), an integer for each cell, 0 for the background. Without labels, a simple
        segmentation is used (`dispr.labelled.field.segment`), which is meant for a first look.
    model : Model, optional
        Model to use. Default: the shipped model.
    pixel_size : float, optional
        Edge of a pixel in um.
    frame : "auto", "field", "cell" or float
        Size of the square around each cell that the model sees (`dispr.cells.frame`); a number is
        its edge in um.
    ensemble, seed, sampler, steps, batch_size, on_step
        As for `Model.predict`.

    Raises
    ------
    ArrayError
        If an array cannot be used, or no cell is labelled.
    ConfigError
        If a setting is invalid.
    """
    settings = PredictionSettings(ensemble, seed, sampler, steps, batch_size, pixel_size, frame)
    chosen = model or load()
    field = prepare_field(image, labels, pixel_size=pixel_size, frame=frame, trained=chosen.frame)
    cells = field.predictable
    images, masks = canonical_crops(field)
    predictions = chosen.predict_each(
        images,
        masks,
        settings,
        voxel_sizes=[
            None if field.pixel_size is None else voxel_edge(cell, field.pixel_size)
            for cell in cells
        ],
        on_step=on_step,
    )
    warnings = [
        joined(cell.warning, odd)
        for cell, odd in zip(cells, chosen.unlike(images, masks), strict=True)
    ]
    height, width = field.image.shape
    return FieldPrediction(
        tuple(cells),
        tuple(
            replace(prediction, warning=warning, recognised=chosen.recognise(one, mask, warning))
            for prediction, warning, one, mask in zip(
                predictions, warnings, images, masks, strict=True
            )
        ),
        tuple(cell for cell in field.cells if cell.refused),
        field.pixel_size,
        (height, width),
        tuple(ellipsoid_volume(mask) for mask in masks),
        field.notes,
    )


def canonical_crops(field: PreparedField) -> tuple[np.ndarray, np.ndarray]:
    """Give what the model sees of the cells of a field: images and masks, uint8, (N, 64, 64)."""
    crops = [field.crop(cell) for cell in field.predictable]
    return (
        np.stack([as_image(image) for image, _ in crops]),
        np.stack([as_mask(mask) for _, mask in crops]),
    )

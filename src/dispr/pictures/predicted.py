"""What a panel shows of a predicted cell, read from its files."""

from __future__ import annotations

from pathlib import Path

from dispr.cells.folder import CellFiles
from dispr.cells.read import read_framed, read_framed_obj
from dispr.pictures.panel import PanelRow
from dispr.prediction.files import PredictionFolder
from dispr.scores.shape import binarise, iou


def predicted_row(predictions: Path, file: CellFiles) -> PanelRow:
    """Read the row of a panel: section, predicted shapes, and the truth where there is one.

    Beside it stand the volume of the consensus, that of the truth, and the IoU of both; in µm³
    where the files state the size of their voxels, else in voxels.

    Parameters
    ----------
    predictions : Path
        Folder that `dispr predict` wrote.
    file : CellFiles
        One of its cells.

    Raises
    ------
    FileError
        If a file is missing or cannot be read.
    """
    drawn = PredictionFolder(predictions)
    cell = read_framed(file, drawn.square(file.name))
    samples = drawn.samples(file.name)
    probability = drawn.probability(file.name)
    truth = None if file.obj is None else binarise(read_framed_obj(file.obj, drawn.grid(file.name)))
    spacing = drawn.spacing(file.name)
    edge = None if spacing is None else spacing[2]
    unit = 1.0 if edge is None else edge**3
    voxels = float((probability > 0.5).sum())
    note = f"{file.group}\n" if file.group else ""
    note += f"{voxels * unit:,.0f} {'voxels' if edge is None else 'µm³'}"
    if truth is not None:
        note += f"\ntruth {truth.sum() * unit:,.0f}\nIoU {iou(probability > 0.5, truth):.2f}"
    return PanelRow(
        *(file.name, cell.image, cell.mask, samples, probability, truth, note), voxel_size=edge
    )

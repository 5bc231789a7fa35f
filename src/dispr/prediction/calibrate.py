"""Fit a model's intervals to cells whose shape is known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from dispr.cells.folder import CellFiles
from dispr.cells.prepare import occupancy
from dispr.cells.read import read_cell
from dispr.errors import ConfigError
from dispr.model.calibration import Calibration, fewest_cells, fit_calibration, refuse_few
from dispr.morphology.voxels import surface, volume
from dispr.prediction.familiarity import FEWEST, familiarity_of
from dispr.prediction.model import Model
from dispr.prediction.seen import seen_cells

ENSEMBLE = 5
LEVEL = 0.9
"""Share of cells whose true value the intervals shall hold, as all that states them says."""


def calibrate(
    model: Model,
    files: Sequence[CellFiles],
    *,
    seed: int = 0,
    on_progress: Callable[[int], Any] | None = None,
) -> Calibration:
    """Predict cells with known shapes and fit the intervals of volume and surface to them.

    Parameters
    ----------
    model : Model
        A diffusion model.
    files : sequence of CellFiles
        Cells with objects, which the model was not trained on.
    seed : int
        Of the samples.
    on_progress : callable, optional
        Called with 1 after each cell.

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
    measures = {"volume": volume, "surface": surface}
    samples: dict[str, list[list[float]]] = {quantity: [] for quantity in measures}
    truth: dict[str, list[float]] = {quantity: [] for quantity in measures}
    predictions = model.predict_each(
        np.stack([cell.image for cell in cells]),
        np.stack([cell.mask for cell in cells]),
        ensemble=ENSEMBLE,
        seed=seed,
    )
    for cell, prediction in zip(cells, predictions, strict=True):
        assert cell.obj is not None  # read_cell has refused a cell without
        body = occupancy(cell.obj)[0, 0].numpy() > 0.5
        for quantity, measure in measures.items():
            samples[quantity].append([measure(sample) for sample in prediction.samples])
            truth[quantity].append(measure(body))
        if on_progress:
            on_progress(1)
    return fit_calibration(samples, truth, LEVEL)


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
        told = "The weights do not name their training cells; none of these must be among them."
        return list(files), (told,)
    seen, remarks = seen_cells(model.about, unrelated)
    left = [file for file in files if file.name not in seen]
    if not left:
        raise ConfigError(
            "the model was trained on all of these cells, or began with weights that were; "
            "calibrate it on others, or train with a validation part."
        )
    out = len(files) - len(left)
    if out:
        told = f"{out} of {len(files)} cells are left out: they had a part in the model's training."
        remarks = (*remarks, told)
    return left, remarks


def lacks(model: Model) -> list[str]:
    """Say in sentences what the model cannot state of its predictions; nothing if it has all."""
    told = []
    if model.config.deterministic:
        told.append("The model gives one shape for each cell, without any uncertainty.")
    elif model.config.calibration is None:
        told.append(
            "The model is not calibrated, so the tables have no 90 % intervals, only the range of "
            "the samples; fit them with dispr calibrate to 9 or more known cells that it has not "
            "seen, such as its validation cells."
        )
    if familiarity_of(model.about) is None:
        told.append(
            "Nothing is known of the looks of the model's training cells, so other kinds of cells "
            f"get no warning; dispr train keeps this with weights from {FEWEST} training cells on."
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
            "predictions will state no 90 % intervals, only the range of the samples."
        )
    if training < FEWEST:
        told.append(
            f"{training} training cells are too few to tell what is unlike them, which takes "
            f"{FEWEST}: predictions will give no warning of other kinds of cells."
        )
    return told

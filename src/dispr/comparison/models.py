"""The model of the predictions that are compared, and predictions that are made first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispr.cells.folder import CellFiles
from dispr.comparison.inputs import Given, PredictedCell, of_several_planes
from dispr.errors import ConfigError
from dispr.intervals.rules import Intervals
from dispr.prediction.files import SETTINGS, PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import Model, load
from dispr.prediction.settings import PredictionSettings
from dispr.progress import Progress

SAME = ("model", "precision", "ensemble", "sampler", "steps", "drawing")
"""Settings that all predictions of a comparison must share."""


def predict_conditions(
    model: Model,
    given: tuple[Given, Given],
    out: Path,
    settings: PredictionSettings,
    progress: Progress,
) -> tuple[Given, Given]:
    """Predict folders of cells, to `predictions/a` and `predictions/b` in the folder `out`."""
    found = []
    for one, place in zip(given, places(out), strict=True):
        files = [cell for cell in one.cells if isinstance(cell, CellFiles)]
        predict_folder(model, files, place, settings, progress=progress.within(one.label))
        rows = {row["name"]: row for row in PredictionFolder(place).rows()}
        cells = [
            PredictedCell(
                place,
                file.name,
                row.get("warning") or "",
                file.group,
                several=of_several_planes(row),
            )
            for file in files
            if (row := rows.get(file.name)) is not None
        ]
        found.append(Given(one.label, "predictions", cells))
    return found[0], found[1]


def places(out: Path) -> tuple[Path, Path]:
    """Give the folders that cells of two conditions are predicted to, in the folder `out`."""
    return out / "predictions" / "a", out / "predictions" / "b"


def drawing_of(given: tuple[Given, Given]) -> dict[str, Any]:
    """Give the record of the predictions, whose settings must be the same in all folders.

    Raises
    ------
    ConfigError
        If they differ.
    """
    folders = dict.fromkeys(
        cell.folder for one in given for cell in one.cells if isinstance(cell, PredictedCell)
    )
    first, *others = folders
    settings = PredictionFolder(first).settings
    for folder in others:
        also = PredictionFolder(folder).settings
        for name in SAME:
            if also.get(name) != settings.get(name):
                raise ConfigError(
                    f"{first} and {folder} were predicted with different settings ({name}); "
                    "predict both in the same way."
                )
    return settings


def settings_of(drawing: dict[str, Any]) -> PredictionSettings:
    """Give the settings to predict further cells with, in the same way."""
    return PredictionSettings(
        drawing.get("ensemble", 5),
        drawing.get("seed", 0),
        drawing.get("sampler") or None,
        drawing.get("steps") or None,
    )


def model_of(
    given: tuple[Given, Given],
    drawing: dict[str, Any],
    weights: Path | None,
    needed: bool,
    device: str,
) -> tuple[Model | None, Intervals | None]:
    """Give the model of predictions, if it is needed, and its intervals with calibration cells.

    Parameters
    ----------
    given : (Given, Given)
        Conditions of predicted cells.
    drawing : dict
        The record of their prediction.
    weights : Path, optional
        Of the model, where they are given.
    needed : bool
        Whether further cells are to be predicted.
    device : str
        Where.

    Raises
    ------
    ConfigError
        If the weights are of another model.
    """
    first = next(cell for cell in given[0].cells if isinstance(cell, PredictedCell))
    intervals = PredictionFolder(first.folder).intervals()
    kept = intervals is not None and intervals.known is not None
    if kept and not needed and weights is None:
        return None, intervals
    from dispr.model.weights import fingerprint

    model = load(weights, device, drawing.get("precision", "fp32"))
    if fingerprint(model.network) != drawing.get("model"):
        if weights is None and not needed:
            return None, intervals
        raise ConfigError(
            f"{first.folder / SETTINGS} is of another model than {weights or 'the shipped one'}; "
            "give its weights by --weights."
        )
    return model, model.intervals if weights is not None or not kept else intervals

"""Which cells the model of a prediction was trained on; a leak is refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispr.errors import ConfigError, FileError
from dispr.model.seen import seen_cells
from dispr.prediction.files import SETTINGS, PredictionFolder, is_prediction
from dispr.study.folds import Fold, Split


@dataclass(frozen=True)
class Predictions:
    """A folder of predictions, and what its model knows.

    Attributes
    ----------
    folder : Path
        As `dispr predict` writes it.
    seen : frozenset of str
        The cells that the model was trained on, and that the models it began with were.
    model : str
        Fingerprint of the model.
    remarks : tuple of str
        Sentences on what the weights do not tell.
    """

    folder: Path
    seen: frozenset[str]
    model: str
    remarks: tuple[str, ...] = ()

    def refuse_leak(self, fold: Fold) -> None:
        """Raise ConfigError if the model saw a cell that the fold tests."""
        both = sorted(self.seen & set(fold.test))
        if both:
            raise ConfigError(
                f"{self.folder} was predicted by a model that was trained on {len(both)} of the "
                f"{len(fold.test)} test cells of fold {fold.number} (repeat {fold.repeat}), such "
                f"as {both[0]}; train one model per fold without its test cells, or use only "
                "cells that the model was not trained on (--unseen)."
            )


def read_predictions(
    folder: Path, weights: Path | None = None, unrelated: Collection[str] = ()
) -> Predictions:
    """Find out which cells the model of a prediction folder was trained on.

    Its record, `prediction.json`, holds the fingerprint of the model; the weights with this
    fingerprint hold the names of the cells. If not given, these are `weights.safetensors` in the
    folder, or those shipped with the package; weights of another model, or that do not name their
    training cells, are refused (ConfigError). `unrelated` as for `seen_cells`.
    """
    known = drawing_of(folder)["model"]
    from dispr.model.weights import fingerprint
    from dispr.prediction.model import load

    own = folder / "weights.safetensors"
    path = weights or (own if own.is_file() else None)
    model = load(path, device="cpu")
    if fingerprint(model.network) != known:
        raise ConfigError(
            f"{folder} was predicted by another model than {path or 'the shipped one'}; give its "
            "weights by --weights."
        )
    seen, remarks = seen_cells(model.about, unrelated)
    return Predictions(folder, seen, known, remarks)


def drawing_of(folder: Path) -> dict[str, Any]:
    """Say what drew the shapes of a prediction folder: model (a fingerprint), sampler and steps.

    FileError is raised for a folder without this record.
    """
    settings = PredictionFolder(folder).settings
    if "model" not in settings:
        raise FileError(
            f"{folder / SETTINGS} does not state which model made these shapes; predict them with "
            "dispr predict."
        )
    return {name: settings.get(name) for name in ("model", "sampler", "steps")}


def predictions_by_fold(
    folder: Path,
    split: Split,
    weights: Path | None = None,
    unrelated: Collection[str] = (),
) -> dict[str, Predictions]:
    """Find the predictions that each fold may use, and refuse those that leak.

    Parameters
    ----------
    folder : Path
        One folder of predictions for all folds, or a folder with one for each fold, named
        "repeat_0_fold_3", or "fold_3" where there is one repeat.
    split : Split
        The folds.
    weights : Path, optional
        A file, the model of all; or a folder with `fold_3.safetensors`, or runs
        `fold_3/weights.safetensors`, under the same names as the predictions.
    unrelated : collection of str
        As for `seen_cells`.

    Returns
    -------
    dict of str to Predictions
        By `Fold.key`.

    Raises
    ------
    FileError
        If a folder or weights are missing.
    ConfigError
        If a model saw a test cell of its fold, or is not that of the predictions.
    """
    if is_prediction(folder):
        one = read_predictions(folder, _one_file(weights), unrelated)
        found = {fold.key: one for fold in split}
    else:
        alone = len(split.folds) == 1
        found = {}
        for fold in split:
            names = [fold.key, f"fold_{fold.number}"] if alone else [fold.key]
            part = next((folder / name for name in names if (folder / name).is_dir()), None)
            if part is None:
                raise FileError(
                    f"{folder} contains neither predictions (probability/NAME.tif) nor the folder "
                    f"{names[-1]} with those of a fold; run dispr predict first."
                )
            found[fold.key] = read_predictions(part, _weights_of(weights, part.name), unrelated)
    for fold in split:
        found[fold.key].refuse_leak(fold)
    return found


def leave_out_seen(names: Iterable[str], predictions: Predictions) -> list[str]:
    """Leave out the cells that the model was trained on; ConfigError if none is left."""
    left = [name for name in names if name not in predictions.seen]
    if not left:
        raise ConfigError(
            f"the model of {predictions.folder} was trained on all of these cells, so none are "
            "left for testing."
        )
    return left


def _one_file(weights: Path | None) -> Path | None:
    if weights is not None and weights.is_dir():
        raise ConfigError(
            f"{weights} is a folder, but there is only one folder of predictions for all folds; "
            "give the weights file of its model."
        )
    return weights


def _weights_of(weights: Path | None, name: str) -> Path | None:
    if weights is None or not weights.is_dir():
        return weights
    for path in (weights / f"{name}.safetensors", weights / name / "weights.safetensors"):
        if path.is_file():
            return path
    raise FileError(f"{weights} has neither {name}.safetensors nor {name}/weights.safetensors.")

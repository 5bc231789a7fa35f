"""One precision for a run: "auto" is settled once, and then by the record of the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dispr.errors import ConfigError
from dispr.model.device import PRECISIONS, check_precision
from dispr.prediction.files import SETTINGS, PredictionFolder
from dispr.prediction.model import Model
from dispr.progress import SILENT, Progress


def settled(
    model: Model,
    folders: Sequence[Path],
    progress: Progress = SILENT,
    *,
    apart: bool = False,
    elsewhere: bool = False,
) -> Model:
    """Give a model that computes a run in one precision, on whichever machines it is resumed.

    A model with a given precision is given back. With "auto", a run that has begun goes on in the
    precision of its record, and another is computed in what suits the device.

    Parameters
    ----------
    model : Model
        The model; it is not changed.
    folders : sequence of Path
        The folders of predictions that belong to the run.
    progress : Progress
        Told of the precision where it was chosen here.
    apart : bool
        The run is a part whose other parts are computed on machines that are not known: these agree
        on fp32 alone.
    elsewhere : bool
        Other machines compute, which see for themselves what they can.

    Raises
    ------
    ConfigError
        If the run was begun in a precision that the device cannot compute in.
    FileError
        If a record is damaged.
    """
    if not model.automatic:
        return model
    begun = _begun(folders)
    if begun is None:
        chosen = "fp32" if apart else model.precision
        told = ""
        if apart and chosen != model.precision:
            told = (
                f" as a part of a run; {model.precision} is faster on this device: give "
                f"--precision {model.precision} to all parts if it is on all of their machines"
            )
        progress.remark(f"Computing in {chosen}{told}.")
        return model.in_precision(chosen)
    folder, chosen = begun
    told = ""
    if not elsewhere:
        if chosen == "fp16" and model.device.type == "cpu":
            raise ConfigError(
                f"the predictions in {folder} were begun in fp16, which needs a GPU; resume them "
                "on one, or choose another folder."
            )
        if chosen == "bf16" and check_precision("auto", model.device) != chosen:
            told = ", which this device computes slowly"
    progress.remark(f"Computing in {chosen}, as the predictions in {folder} were begun{told}.")
    return model.in_precision(chosen)


def _begun(folders: Sequence[Path]) -> tuple[Path, str] | None:
    """Find a folder that has shapes, and the precision that they were drawn in."""
    for folder in folders:
        if not (folder / SETTINGS).is_file():
            continue
        drawn = PredictionFolder(folder)
        precision = drawn.settings.get("precision")
        if precision in PRECISIONS and drawn.has_shapes():
            return folder, precision
    return None

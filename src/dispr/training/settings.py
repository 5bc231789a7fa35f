"""The settings of a run, and whether a run that is taken up has the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from dispr.cells.dataset import CellDataset
from dispr.model.config import to_dict
from dispr.model.weights import Weights
from dispr.records import changes
from dispr.training.config import TrainingConfig

# Settings that may differ when a run is taken up again: they do not change what a step does.
FREE = {
    "steps",
    "log_interval",
    "save_interval",
    "keep_every",
    "microbatch",
    "validation_interval",
    "validation_cells",
    "validation_samples",
    "validation_sampler",
    "validation_steps",
}

CONTENTS = "contents_of_cells"
"""The setting that tells whether cells were changed; checkpoints of earlier versions lack it."""

WHOLE_RUN = "that of steps"
"""In place of `lr_anneal_steps` where the learning rate falls over the whole run, however long."""


def contents(datasets: Iterable[CellDataset]) -> str:
    """Give the SHA-256 of what a run learns from and is validated on, cell by cell."""
    digest = hashlib.sha256()
    for dataset in datasets:
        for cell in dataset:
            for array in (cell.image, cell.mask, cell.obj):
                digest.update(b"" if array is None else array.tobytes())
    return digest.hexdigest()


def training_settings(training: TrainingConfig) -> dict[str, Any]:
    """Give what must be the same when a run is taken up."""
    settings = {key: value for key, value in to_dict(training).items() if key not in FREE}
    if training.lr_anneal_steps == training.steps:
        settings["lr_anneal_steps"] = WHOLE_RUN
    return settings


def start_of(initial: Weights | str | None) -> dict[str, str] | None:
    """Describe what a run begins with: the name of the file and the SHA-256 of its parameters.

    Parameters
    ----------
    initial : Weights or str or None
        Weights; the name of a file that is gone; None for fresh weights.
    """
    if initial is None:
        return None
    if isinstance(initial, str):
        return {"weights": initial, "sha256": ""}
    return {"weights": Path(initial.path).name, "sha256": _digest(initial.state)}


def _digest(state: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def difference(before: Mapping[str, Any], step: int, now: Mapping[str, Any], steps: int) -> str:
    """Describe the first difference between the settings of a run and those it is taken up with.

    Parameters
    ----------
    before : mapping
        What the checkpoint says.
    step : int
        Steps that are done.
    now : mapping
        What is asked for.
    steps : int
        Steps that are asked for.

    Returns
    -------
    str
        Empty if there is none.
    """
    before = {**before, "training": dict(before["training"])}
    # Earlier versions wrote the number of steps here.
    whole = now["training"]["lr_anneal_steps"] == WHOLE_RUN
    if whole and before["training"].get("lr_anneal_steps") in (step, steps):
        before["training"]["lr_anneal_steps"] = WHOLE_RUN
    before.setdefault(CONTENTS, now.get(CONTENTS))
    start = _other_start(before["start"], now["start"]) if "start" in before else ""
    was, is_now = ({k: v for k, v in part.items() if k != "start"} for part in (before, now))
    other = {**dict.fromkeys(was), **is_now}
    return start or next(iter(changes(was, other)), "")


def _other_start(before: Mapping[str, str] | None, now: Mapping[str, str] | None) -> str:
    was, is_now = (
        part["weights"] or "other weights" if part else "fresh weights" for part in (before, now)
    )
    if before is None or now is None:
        return "" if before == now else f"it started from {was}, not {is_now}"
    if now["sha256"] not in ("", before["sha256"]):
        return f"it started from {was}, and {is_now} is different"
    return "" if now["sha256"] or was == is_now else f"it started from {was}, not from {is_now}"

"""Join the parts of a prediction that several machines made, and copy cells between stores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from dispr.checksums import guard
from dispr.errors import ConfigError, FileError
from dispr.failures import TABLE as FAILURES
from dispr.failures import Failures, read_failures
from dispr.files import make_folder
from dispr.locks import hold
from dispr.prediction.files import SETTINGS, PredictionFolder
from dispr.prediction.prediction import Prediction
from dispr.progress import SILENT, Progress
from dispr.records import changes, taken_up
from dispr.shards import MOST_NAMED, folders_of_parts, lacking, named, names_record

NOT_COMPARED = ("made", "inputs", "dispr", "store", "cells", "squares", "voxel_sizes_um")
"""What records of the parts of one prediction may differ in."""


@dataclass(frozen=True)
class Parts:
    """The parts of a prediction.

    Attributes
    ----------
    folders : tuple of PredictionFolder
        The parts.
    where : dict of str to PredictionFolder
        The part that each cell is in, by name, in order of the names.
    failures : Failures
        Cells that failed in their part.
    """

    folders: tuple[PredictionFolder, ...]
    where: dict[str, PredictionFolder]
    failures: Failures

    @property
    def settings(self) -> dict[str, Any]:
        """What all parts were predicted with."""
        record = self.folders[0].settings
        inputs = {k: v for k, v in record["inputs"].items() if k != "shard"}
        return {**record, "inputs": inputs}


def find_parts(folders: Sequence[Path], names: Collection[str] | None = None) -> Parts:
    """Look at the parts of a prediction, and make sure that they are one whole.

    Parameters
    ----------
    folders : sequence of Path
        Folders that `dispr predict --shard` wrote, or folders that hold these.
    names : collection of str, optional
        The cells of the inputs, so that those that are missing can be named.

    Raises
    ------
    FileError
        If a folder holds no prediction, or cells are missing, or are in two parts; it names them.
    ConfigError
        If parts were predicted with other settings, another model, or from other inputs.
    """
    found = [PredictionFolder(path) for path in _expanded(folders)]
    first = found[0]
    for other in found[1:]:
        changed = changes(_compared(first), _compared(other))
        if changed:
            raise ConfigError(
                f"{other.path} was predicted with other settings than {first.path} "
                f"({', '.join(changed)}); predict it again with the same."
            )
    where: dict[str, PredictionFolder] = {}
    failures = Failures()
    doubled: list[str] = []
    for folder in found:
        for name in folder.shapes.names():
            if name in where:
                doubled.append(f"{name} ({where[name].path} and {folder.path})")
            where[name] = folder
        failures.found += read_failures(folder.path / FAILURES)
    failures.found = sorted({f.name: f for f in failures.found if f.name not in where}.values())
    if doubled:
        raise FileError(
            f"{named(doubled, 'cell is', 'cells are')} there twice; leave one part out."
        )
    there = [*where, *failures.names]
    stated = first.settings["inputs"]
    if names_record(there if names is None else names)["names"] != stated["names"]:
        if names is not None:
            raise ConfigError(
                "the data do not hold the same cells as when they were predicted; name others with "
                "--data, or predict all parts again."
            )
        raise FileError(_missing(found, len(there), stated))
    missing = sorted(set(names or ()) - set(there))
    if missing:
        more = _missing(found, len(there), stated)
        raise FileError(f"{named(missing, 'cell is', 'cells are')} missing. {more}")
    return Parts(tuple(found), dict(sorted(where.items())), failures)


def inputs_of(folders: Sequence[Path]) -> dict[str, Any]:
    """Give what the first of some parts says of its inputs."""
    inputs = PredictionFolder(_expanded(folders)[0]).settings.get("inputs", {})
    return inputs if isinstance(inputs, dict) else {}


def gather(parts: Parts, out: Path, store: str = "", progress: Progress = SILENT) -> int:
    """Write the parts of a prediction as one; a run that was interrupted goes on.

    Parameters
    ----------
    parts : Parts
        The parts.
    out : Path
        Folder to write.
    store : "files" or "zarr", optional
        As for `predict_folder`; as the first part if not given.
    progress : Progress
        Told of each cell (`dispr.progress`).

    Returns
    -------
    int
        How many cells there are.

    Raises
    ------
    FileError
        If a file cannot be read or written.
    ConfigError
        If the folder holds another prediction.
    """
    settings = parts.settings
    if store:
        settings["store"] = store
    with hold(out):
        count = copy_cells(parts.where, out, settings, progress)
        parts.failures.write(out / FAILURES)
    return count


def chosen_cells(names: Sequence[str], wanted: str) -> list[str]:
    """Choose cells by their names.

    Parameters
    ----------
    names : sequence of str
        All there are.
    wanted : str
        Names with commas between, in which * stands for any text; empty for all.

    Raises
    ------
    ConfigError
        If there is no such cell.
    """
    patterns = [part.strip() for part in wanted.split(",") if part.strip()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigError(f'there is no cell "{pattern}"; cells are called {names[0]}, ...')
    if not patterns:
        return list(names)
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def copy_cells(
    where: Mapping[str, PredictionFolder],
    out: Path,
    settings: Mapping[str, Any],
    progress: Progress = SILENT,
) -> int:
    """Copy cells to another folder, in the store that its settings state.

    Parameters
    ----------
    where : mapping of str to PredictionFolder
        Where each cell is, by name.
    out : Path
        Folder to write. Cells that are there already are kept.
    settings : mapping
        Its record.
    progress : Progress
        Told of each cell.
    """
    compared = {k: v for k, v in settings.items() if k not in NOT_COMPARED or k == "store"}
    taken_up(out / SETTINGS, "predictions", compared, {"store": "files"})
    make_folder(out)
    guard(out)
    PredictionFolder(out).write_settings(dict(settings))
    target = PredictionFolder(out)
    target.adopt()
    ensemble = int(settings["ensemble"])
    count = progress.counter("Copying", len(where))
    todo = []
    for name, folder in where.items():
        before, entry = target.cells.get(name) or {}, folder.cells.get(name) or {}
        same = before.get("digest") == entry.get("digest") is not None
        if same and target.shapes.has(name, ensemble):
            count()
        else:
            todo.append(name)
    target.shapes.plan(todo)
    try:
        for name in todo:
            _copy(name, where[name], target)
            count()
    finally:
        target.shapes.flush()
        target.cells.compact()
        target.write_table(sorted(target.shapes.names()))
    return len(where)


def _copy(name: str, source: PredictionFolder, target: PredictionFolder) -> None:
    entry = {k: v for k, v in (source.cells.get(name) or {}).items() if k not in ("slot", "shapes")}
    samples = source.samples(name)
    spacing = source.spacing(name)
    prediction = Prediction(
        samples,
        source.probability(name),
        voxel_size=None if spacing is None else spacing[0],
        grey=source.shapes.grey(name, len(samples)),
    )
    target.shapes.finish(name, prediction, entry)


def _compared(folder: PredictionFolder) -> dict[str, Any]:
    record = folder.settings
    inputs = record.get("inputs", {})
    if not isinstance(inputs, dict) or "names" not in inputs:
        raise FileError(
            f"{folder.path} does not say which cells it is a part of; predict it again."
        )
    kept = {k: v for k, v in record.items() if k not in NOT_COMPARED}
    return {**kept, "names_of_the_cells": inputs["names"]}


def _expanded(folders: Sequence[Path]) -> list[Path]:
    """Give the folders of predictions among some folders, and among those inside them."""
    return folders_of_parts(folders, SETTINGS, "predictions", "predict")


def _missing(found: Sequence[PredictionFolder], count: int, stated: Mapping[str, Any]) -> str:
    """Say how many cells are missing, and which parts."""
    shards = [str(folder.settings["inputs"].get("shard", "")) for folder in found]
    text = f"{stated['cells'] - count} of {stated['cells']} cells are not there"
    absent = lacking(shards)
    if absent:
        return f"{text}: there is no shard {', '.join(absent[:MOST_NAMED])}; predict it."
    return f"{text}; run the shards again, which resume, or name the data with --data for a list."

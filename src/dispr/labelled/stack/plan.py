"""What is decided before the first cell is cut, and the record by which a later run goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.folder import SPLITS, parts
from dispr.checksums import files_digest
from dispr.errors import ConfigError, FileError
from dispr.failures import Failures
from dispr.labelled.find import FieldFiles
from dispr.labelled.stack.classes import Classes
from dispr.labelled.stack.cut import frame_of
from dispr.labelled.stack.frame import FRAME_UM, as_frame, choose_frame
from dispr.labelled.stack.split import split_stacks
from dispr.labelled.stack.survey import Survey, label_file, survey_stack
from dispr.progress import Progress
from dispr.records import begin, taken_up
from dispr.shards import Shard

RECORD = "stacks.json"

WHOLE = "1/1"
"""What stands for the shard of a run that is not cut up."""

VERSION = 2
"""To be raised whenever the same stacks give other cells than before."""


@dataclass(frozen=True)
class StackSettings:
    """What is chosen for all stacks.

    Attributes
    ----------
    channel : int or str, optional
        Channel of the stacks: its number, from 0, or its name.
    voxel_size : tuple of float, optional
        Edges of a voxel along Z, Y and X in um, instead of what the files say.
    frame : str or float
        Edge of the cube that a cell is shown in, in um, or "auto" (`dispr.labelled.stack.frame`).
    test_fraction : float
        Share of the cells that go to `test`, by whole stacks.
    seed : int
        Chooses the stacks for testing.
    least_volume : float
        Smallest volume of a cell in um3.
    """

    channel: int | str | None = None
    voxel_size: tuple[float, ...] | None = None
    frame: str | float = "auto"
    test_fraction: float = 0.2
    seed: int = 0
    least_volume: float = 0.0

    def __post_init__(self) -> None:
        as_frame(self.frame)
        split_stacks({}, self.test_fraction)
        if self.seed < 0:
            raise ConfigError(f"the seed must be a whole number of at least 0, not {self.seed}.")


@dataclass(frozen=True)
class Plan:
    """What is decided before the first cell is cut.

    Attributes
    ----------
    frame : float
        Edge of the frame in um.
    splits : mapping of str to str
        "train" or "test" for each stack that can be read.
    """

    frame: float
    splits: Mapping[str, str]


def make_plan(
    stacks: Sequence[FieldFiles],
    out: Path,
    settings: StackSettings,
    classes: Classes,
    shard: Shard | None,
    failures: Failures,
    progress: Progress,
) -> Plan:
    """Decide on frame and split, or take up what an earlier run decided.

    Stacks that cannot be read take no part in it. It is the same on all machines of a run.

    Parameters
    ----------
    stacks, out, settings, classes, shard, failures
        As for `dispr.labelled.stack.folder.prepared`.
    progress : Progress
        Told of the stacks, and of what a user must know of them.

    Raises
    ------
    FileError
        If the labels of no stack can be read, or `out` holds other cells.
    ConfigError
        If `out` holds cells of other stacks or settings.
    """
    digests: dict[str, str] = {}
    for files in stacks:
        with failures.of(files.name, stack_files(files)):
            digests[files.name] = files_digest([files.image, label_file(files)])
    run = {
        "version": VERSION,
        "settings": json.loads(json.dumps(asdict(settings))),
        "classes": [[*key, kind] for key, kind in sorted(classes.items())],
        "stacks": {files.name: digests.get(files.name, "") for files in stacks},
    }
    part: dict[str, Any] = {} if shard is None else {"shard": str(shard)}
    before = take_up(out, {**run, "shard": WHOLE, **part})
    known = None if before is None else _plan_of(before, out / RECORD)
    surveys: dict[str, Survey] = {}
    todo = [
        files
        for files in stacks
        if files.name in digests and (known is None or files.name not in known.splits)
    ]
    count = progress.counter("Looking", len(todo))
    for files in todo:
        with failures.of(files.name, stack_files(files)):
            surveys[files.name] = survey_stack(
                files, settings.voxel_size, settings.least_volume, settings.channel
            )
        count()
    if known is not None:
        if surveys:
            raise ConfigError(
                f"{next(iter(surveys))} could not be read when the cells in {out} were planned, "
                "and now can; choose another folder, since frame and split are those of all stacks."
            )
        return known
    failures.raise_if_none_left(len(surveys))
    plan = _decide(surveys, settings, classes, progress)
    for files in stacks:
        if files.name in surveys:
            frame_of(plan.frame, surveys[files.name].spacing, str(files.image))
    decided = {"frame_um": plan.frame, "splits": dict(plan.splits)}
    if shard is not None:
        part["labels"] = {name: len(survey.labels) for name, survey in surveys.items()}
    begin(out / RECORD, {**run, **part, **decided})
    return plan


def take_up(out: Path, run: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the record of a folder that holds cells of stacks; None where it is new.

    Raises
    ------
    FileError, ConfigError
        If it holds other cells, or those of a run with other settings.
    """
    before = taken_up(out / RECORD, "cells of stacks", run, {"shard": WHOLE})
    if before is None and out.exists() and parts(out):
        raise FileError(
            f"{out} is not a new folder; choose a new folder for the cells of these stacks."
        )
    return before


def stack_files(files: FieldFiles) -> list[Path]:
    """List the files of a stack."""
    return [files.image, *([] if files.labels is None else [files.labels])]


def _decide(
    surveys: Mapping[str, Survey], settings: StackSettings, classes: Classes, progress: Progress
) -> Plan:
    for name, survey in surveys.items():
        for told in survey.notes:
            progress.note(told)
        if not survey.labels:
            progress.note(f"{name} has no labelled cell.")
        if survey.from_mask:
            progress.note(
                f"the labels of {name} are a mask; each connected component is treated as a cell."
            )
    for stack, label in classes:
        if stack in surveys and label not in surveys[stack].labels:
            raise FileError(
                f"the table of classes contains label {label} of {stack}, which does not exist."
            )
    if not any(survey.labels for survey in surveys.values()):
        raise FileError(
            "no cell is labelled in any stack; labels must be positive numbers, and "
            "0 is the background."
        )
    frame = as_frame(settings.frame)
    if frame is None:
        whole = [extent for survey in surveys.values() for extent in survey.whole]
        frame = choose_frame(whole)
        if frame != FRAME_UM:
            usual = float(np.median([max(extent[1:]) for extent in whole]))
            progress.note(
                f"the median cell is {usual:.3g} um long, unlike the red blood cells that the "
                f"shipped model was trained on, so the frame is {frame:g} um instead of "
                f"{FRAME_UM:g}; check the voxel size."
            )
    counts = {name: len(survey.whole) for name, survey in surveys.items()}
    splits = split_stacks(counts, settings.test_fraction, settings.seed)
    if len(set(splits.values())) == 1 and 0 < settings.test_fraction < 1:
        progress.note(
            "cells of a stack stay together, so all are used for training and none for testing."
        )
    return Plan(frame, splits)


def _plan_of(record: Mapping[str, Any], path: Path) -> Plan:
    """Give what an earlier run decided."""
    frame, splits = record.get("frame_um"), record.get("splits")
    if (
        not isinstance(frame, (int, float))
        or isinstance(frame, bool)
        or not isinstance(splits, dict)
        or not splits.keys() <= record["stacks"].keys()
        or any(split not in SPLITS for split in splits.values())
    ):
        raise FileError(
            f"{path} is damaged: the frame or the split is missing; choose another folder."
        )
    return Plan(float(frame), splits)

"""Where the parts of a study are, and the record of what it compares."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispr.cells.folder import CellFiles
from dispr.checksums import files_digest
from dispr.records import begin as begin_record
from dispr.records import taken_up
from dispr.study.settings import Plan

RECORD = "study.json"


@dataclass(frozen=True)
class Places:
    """Where the parts of a study are, in its folder.

    Attributes
    ----------
    root : Path
        The folder.
    """

    root: Path

    @property
    def simulated(self) -> Path:
        """Simulated cells to begin the training with."""
        return self.root / "simulated"

    @property
    def cells(self) -> Path:
        """Simulated cells that the study is made on where there is no data set."""
        return self.root / "cells"

    def pretrained(self, method: str) -> Path:
        """Give the run on the simulated cells."""
        return self.root / "pretrained" / method

    def split(self, scheme: str) -> Path:
        """Give the file of the folds."""
        return self.root / scheme / "folds.csv"

    def models(self, scheme: str, method: str) -> Path:
        """Give the folder of the runs `fold_0`, ... and finished models of all folds."""
        return self.root / scheme / "models" / method

    def weights(self, scheme: str, method: str, fold: int) -> Path:
        """Give the finished model of a fold."""
        return self.models(scheme, method) / f"fold_{fold}.safetensors"

    def predictions(self, scheme: str, method: str) -> Path:
        """Give the folder of the shapes of all folds, in `fold_0`, ..."""
        return self.root / scheme / "predictions" / method

    def scores(self, scheme: str, method: str, fold: int) -> Path:
        """Give the scores of the test cells of a fold."""
        return self.root / scheme / "scores" / f"{method}_fold_{fold}.csv"

    def classification(self, scheme: str) -> Path:
        """Give the folder that `dispr classify` writes."""
        return self.root / scheme / "classification"


def begin(places: Places, plan: Plan, files: Sequence[CellFiles], started_from: str) -> None:
    """Claim the folder, or make sure that it holds the same study.

    Schemes and methods may be added later, and what is classified may change: their parts stand by
    themselves. The cells are the same if their files are, byte by byte.

    Raises
    ------
    ConfigError
        If the folder holds another study.
    FileError
        If it cannot be written to, or a cell's file cannot be read.
    """
    settings: dict[str, Any] = {
        **dataclasses.asdict(plan),
        "cells": _digest(files),
        "started_from": started_from,
    }
    for free in ("schemes", "methods", "features", "classifiers", "published"):
        del settings[free]
    path = places.root / RECORD
    if taken_up(path, "a study", settings) is None:
        begin_record(path, settings)


def _digest(files: Sequence[CellFiles]) -> str:
    """Give a checksum of the cells: their names, images, masks and objects."""
    cells = sorted(files, key=lambda file: file.name)
    paths = [path for file in cells for path in (file.image, file.mask, file.obj) if path]
    return files_digest(paths, "\n".join(file.name for file in cells))

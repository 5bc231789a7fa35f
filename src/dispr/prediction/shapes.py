"""Predicted shapes as TIFF files, several for each cell."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dispr.cells.metadata import read_voxel_size
from dispr.cells.spacing import Spacing
from dispr.checksums import check, files_digest
from dispr.errors import FileError
from dispr.files import read_tiff, write_tiff
from dispr.journal import Entry, Journal
from dispr.names import key
from dispr.prediction.prediction import Prediction

SHAPE = (64, 64, 64)


class Shapes(Protocol):
    """Where the shapes of a prediction are. What reads raises FileError where that fails."""

    def names(self) -> list[str]:
        """List the cells that have shapes, by name."""

    def is_empty(self) -> bool:
        """Tell whether there is nothing of any cell."""

    def has(self, name: str, count: int, grey: bool = False) -> bool:
        """Tell whether a cell has `count` samples, and their occupancies if these are wanted."""

    def write(
        self,
        name: str,
        samples: np.ndarray,
        probability: np.ndarray,
        voxel_size: float | None = None,
        grey: np.ndarray | None = None,
    ) -> None:
        """Write the shapes of a cell."""

    def finish(self, name: str, prediction: Prediction | None, entry: dict[str, Any]) -> None:
        """Write the shapes of a cell, if given, and then what is known of it."""

    def plan(self, names: Sequence[str]) -> None:
        """Take note of the cells that are about to be predicted, in this order."""

    def tasks(self, names: Sequence[str], most: int) -> list[list[str]]:
        """Share planned cells out to processes that write at the same time, up to `most` each."""

    def accept(self, entries: Mapping[str, Entry]) -> None:
        """Take over the entries of cells whose shapes another process has written."""

    def leave(self, name: str) -> None:
        """Take note that one of these failed."""

    def flush(self) -> None:
        """Write what was finished, but kept back."""

    def recover(self) -> None:
        """Take over what a killed run had finished, but kept back."""

    def remove(self, name: str, count: int) -> None:
        """Remove the shapes of a cell, of up to `count` samples."""

    def count(self, name: str) -> int:
        """Count the samples of a cell."""

    def sample(self, name: str, k: int) -> np.ndarray:
        """Read a sample of a cell, bool, (64, 64, 64)."""

    def probability(self, name: str) -> np.ndarray:
        """Read the ensemble mean of a cell, float32, (64, 64, 64), 0 to 1."""

    def grey(self, name: str, count: int) -> np.ndarray | None:
        """Read the occupancies of a cell's samples, (K, 64, 64, 64); None unless all are there."""

    def spacing(self, name: str) -> Spacing | None:
        """Give the size of a cell's voxels in um; None if it is not known."""

    def digest(self, name: str, about: str = "") -> str:
        """Give a checksum of a cell's samples and probability, and of what else it depends on."""

    def check(self, name: str, count: int) -> None:
        """Refuse the shapes of a cell if they were damaged since they were written."""

    def where(self, name: str) -> Path:
        """Name the file that a cell's shapes are in, for messages."""


class TiffShapes:
    """Shapes as files: `samples/NAME_K.tif`, `probability/NAME.tif` and `grey/NAME_K.tif`.

    Parameters
    ----------
    path : Path
        The folder of the prediction.
    cells : Journal
        Where the entries of finished cells are.
    stated : int
        Samples that each cell has, by the record; 0 if it does not say.
    """

    def __init__(self, path: Path, cells: Journal, stated: int = 0) -> None:
        self.path, self.cells, self.stated = path, cells, stated

    def sample_path(self, name: str, k: int) -> Path:
        """Give the file of sample k of a cell."""
        return self.path / "samples" / f"{name}_{k}.tif"

    def probability_path(self, name: str) -> Path:
        """Give the file of a cell's ensemble mean."""
        return self.path / "probability" / f"{name}.tif"

    def grey_path(self, name: str, k: int) -> Path:
        """Give the file of the occupancies that sample k of a cell was decided from."""
        return self.path / "grey" / f"{name}_{k}.tif"

    def names(self) -> list[str]:
        """List the cells that have shapes, by name."""
        return sorted(
            key(path.stem)
            for path in (self.path / "probability").glob("*.tif")
            if not path.name.startswith(".")
        )

    def is_empty(self) -> bool:
        """Tell whether there is nothing of any cell."""
        return not any(any((self.path / part).glob("*.tif")) for part in ("samples", "probability"))

    def has(self, name: str, count: int, grey: bool = False) -> bool:
        """Tell whether a cell has `count` samples, and their occupancies if these are wanted."""
        paths = [self.probability_path(name), *(self.sample_path(name, k) for k in range(count))]
        if grey:
            paths += [self.grey_path(name, k) for k in range(count)]
        return all(path.is_file() for path in paths)

    def write(
        self,
        name: str,
        samples: np.ndarray,
        probability: np.ndarray,
        voxel_size: float | None = None,
        grey: np.ndarray | None = None,
    ) -> None:
        """Write the shapes of a cell; the probability last, as the sign that all are there."""
        spacing = None if voxel_size is None else (voxel_size,) * 3
        for k, values in enumerate(() if grey is None else grey):
            write_tiff(self.grey_path(name, k), values.astype(np.float32), spacing)
        for k, sample in enumerate(samples):
            write_tiff(self.sample_path(name, k), sample.astype(np.uint8) * 255, spacing)
        write_tiff(self.probability_path(name), probability.astype(np.float32), spacing)

    def finish(self, name: str, prediction: Prediction | None, entry: dict[str, Any]) -> None:
        """Write the shapes of a cell, if given, and then what is known of it."""
        if prediction is not None:
            voxel_size = prediction.voxel_size
            self.write(
                name, prediction.samples, prediction.probability, voxel_size, prediction.grey
            )
        self.cells.append({name: entry})

    def plan(self, names: Sequence[str]) -> None:
        """Do nothing: each cell has files of its own."""

    def tasks(self, names: Sequence[str], most: int) -> list[list[str]]:
        """Share planned cells out to processes that write at the same time, up to `most` each."""
        return [list(names[i : i + most]) for i in range(0, len(names), most)]

    def accept(self, entries: Mapping[str, Entry]) -> None:
        """Take over the entries of cells whose shapes another process has written."""
        self.cells.append(entries)

    def leave(self, name: str) -> None:
        """Do nothing: each cell has files of its own."""

    def flush(self) -> None:
        """Do nothing: nothing is kept back."""

    def recover(self) -> None:
        """Do nothing: nothing is kept back."""

    def remove(self, name: str, count: int) -> None:
        """Remove the shapes of a cell, of up to `count` samples."""
        self.probability_path(name).unlink(missing_ok=True)
        for k in range(count):
            self.grey_path(name, k).unlink(missing_ok=True)
            self.sample_path(name, k).unlink(missing_ok=True)

    def count(self, name: str) -> int:
        """Count the samples of a cell: as many as the record says, or as there are."""
        known = self._numbers.get(name, set()) if not self.stated else set()
        count = max(max(known, default=0) + 1, self.stated)
        for k in range(count):
            if not os.path.isfile(self.sample_path(name, k)):
                raise FileError(
                    f"{self.sample_path(name, k)} does not exist; predict the cell again."
                )
        return count

    @cached_property
    def _numbers(self) -> dict[str, set[int]]:
        """Numbers of the samples that are there, by cell."""
        numbers: dict[str, set[int]] = {}
        folder = self.path / "samples"
        for path in folder.iterdir() if folder.is_dir() else ():
            match = re.fullmatch(r"(.+)_(\d+)\.tif", key(path.name))
            if match is not None:
                numbers.setdefault(match[1], set()).add(int(match[2]))
        return numbers

    def sample(self, name: str, k: int) -> np.ndarray:
        """Read a sample of a cell, bool, (64, 64, 64).

        Occupied is what exceeds half of a file's maximum, so that shapes that another program wrote
        as 0 and 1 are read as well as those of 0 and 255.
        """
        volume = _read(self.sample_path(name, k))
        return np.asarray(volume > volume.max() / 2)

    def probability(self, name: str) -> np.ndarray:
        """Read the ensemble mean of a cell, float32, (64, 64, 64), 0 to 1."""
        return _read(self.probability_path(name)).astype(np.float32)

    def grey(self, name: str, count: int) -> np.ndarray | None:
        """Read the occupancies of a cell's samples, (K, 64, 64, 64); None unless all are there."""
        paths = [self.grey_path(name, k) for k in range(count)]
        return np.stack([_read(path) for path in paths]) if all(map(Path.is_file, paths)) else None

    def spacing(self, name: str) -> Spacing | None:
        """Read the size of a cell's voxels in um; None if it is not known."""
        return read_voxel_size(self.probability_path(name)).spacing

    def digest(self, name: str, about: str = "") -> str:
        """Give a checksum of a cell's samples and probability, and of what else it depends on."""
        samples = [self.sample_path(name, k) for k in range(self.count(name))]
        return files_digest([self.probability_path(name), *samples], about)

    def check(self, name: str, count: int) -> None:
        """Refuse the shapes of a cell if they were damaged since they were written."""
        for path in (
            self.probability_path(name),
            *(self.sample_path(name, k) for k in range(count)),
        ):
            check(path)

    def where(self, name: str) -> Path:
        """Name the file that a cell's shapes are in, for messages."""
        return self.probability_path(name)


def _read(path: Path) -> np.ndarray:
    volume = read_tiff(path)
    if volume.shape != SHAPE:
        raise FileError(
            f"{path} has the shape {volume.shape}, not 64 x 64 x 64; predict the cell again."
        )
    return volume

"""The files of a folder of predictions: where they are, and how they are read and written."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.metadata import read_voxel_size
from dispr.cells.spacing import Spacing
from dispr.cells.square import Grid, Square, whole_square
from dispr.errors import ConfigError, FileError
from dispr.files import read_tiff, write_tiff
from dispr.intervals.rules import Intervals, intervals_of
from dispr.names import key
from dispr.records import read_csv, read_json, write_json

SHAPE = (64, 64, 64)
TABLE = "predictions.csv"
SETTINGS = "prediction.json"
"""The table of the cells, and the record of what they were predicted with."""

NUMBERS = (
    *("samples", "seed", "frame_y_px", "frame_x_px", "frame_px", "familiarity", "voxel_size_um"),
    *(f"ellipsoid_volume_{unit}" for unit in ("voxels", "um3")),
    *(f"volume{s}_{u}" for s in ("", "_mean", "_sd", "_low", "_high") for u in ("voxels", "um3")),
    *(f"boundary{end}_voxels" for end in ("", "_low", "_high")),
)
"""Columns of the table that hold numbers, where they are there and not empty."""

AGAIN = "remove it and predict again"
MOST_SAMPLES = 10**6


class PredictionFolder:
    """A folder of predictions, read and written.

    It holds for each cell NAME its samples `samples/NAME_K.tif`, their mean `probability/NAME.tif`
    and, where they were asked for, the occupancies `grey/NAME_K.tif`; one table,
    `predictions.csv`, and one record, `prediction.json`. All methods that read raise `FileError`
    where a file is missing, damaged or something else.

    Parameters
    ----------
    path : path
        The folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

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
        """List the predicted cells by name; a folder without any is refused."""
        names = sorted(
            key(path.stem)
            for path in self.probability_path("x").parent.glob("*.tif")
            if not path.name.startswith(".")
        )
        if not names:
            raise FileError(
                f"{self.path} contains no predictions (probability/NAME.tif); run dispr predict "
                "first."
            )
        return names

    def has_shapes(self) -> bool:
        """Tell whether there is any shape."""
        return any(any((self.path / part).glob("*.tif")) for part in ("samples", "probability"))

    def write(
        self,
        name: str,
        samples: np.ndarray,
        probability: np.ndarray,
        voxel_size: float | None = None,
        grey: np.ndarray | None = None,
    ) -> None:
        """Write the shapes of a cell; the probability last, as the sign that all are there.

        Parameters
        ----------
        name : str
            Name of the cell.
        samples : ndarray
            bool, (K, 64, 64, 64); written as uint8, 0 and 255.
        probability : ndarray
            float, (64, 64, 64), 0 to 1; written as float32.
        voxel_size : float, optional
            Edge of a voxel in um, kept in the metadata of the files as ImageJ keeps it.
        grey : ndarray, optional
            float, (K, 64, 64, 64), 0 to 1: what the samples were decided from; written as float32.

        Raises
        ------
        FileError
            If a file cannot be written.
        """
        spacing = None if voxel_size is None else (voxel_size,) * 3
        for k, values in enumerate(() if grey is None else grey):
            write_tiff(self.grey_path(name, k), values.astype(np.float32), spacing)
        for k, sample in enumerate(samples):
            write_tiff(self.sample_path(name, k), sample.astype(np.uint8) * 255, spacing)
        write_tiff(self.probability_path(name), probability.astype(np.float32), spacing)

    def remove(self, name: str, count: int) -> None:
        """Remove the shapes of a cell, of up to `count` samples."""
        self.probability_path(name).unlink(missing_ok=True)
        for k in range(count):
            self.grey_path(name, k).unlink(missing_ok=True)
            self.sample_path(name, k).unlink(missing_ok=True)

    def sample_paths(self, names: Collection[str]) -> dict[str, list[Path]]:
        """List the files of the samples of some cells, by name and in order.

        A cell must have some, and as many as its others and the record say.
        """
        numbers: dict[str, set[int]] = {name: set() for name in names}
        folder = self.path / "samples"
        for path in folder.iterdir() if folder.is_dir() else ():
            match = re.fullmatch(r"(.+)_(\d+)\.tif", key(path.name))
            if match is not None and match[1] in numbers:
                numbers[match[1]].add(int(match[2]))
        stated = int(self.settings.get("ensemble", 0))
        found = {}
        for name, known in numbers.items():
            count = max(max(known, default=0) + 1, stated)
            missing = next((k for k in range(count) if k not in known), None)
            if missing is not None:
                raise FileError(
                    f"{self.sample_path(name, missing)} does not exist; predict the cell again."
                )
            found[name] = [self.sample_path(name, k) for k in range(count)]
        return found

    def samples(self, name: str) -> np.ndarray:
        """Read all shapes of a cell, bool, (K, 64, 64, 64).

        Occupied is what exceeds half of a file's maximum, so that shapes that another program wrote
        as 0 and 1 are read as well as those of 0 and 255.
        """
        volumes = [_read(path) for path in self.sample_paths([name])[name]]
        return np.stack([volume > volume.max() / 2 for volume in volumes])

    def probability(self, name: str) -> np.ndarray:
        """Read the ensemble mean of a cell, float32, (64, 64, 64), 0 to 1."""
        return _read(self.probability_path(name)).astype(np.float32)

    def has_grey(self, name: str, count: int) -> bool:
        """Tell whether the occupancies of `count` samples of a cell are there."""
        return all(self.grey_path(name, k).is_file() for k in range(count))

    def grey(self, name: str, count: int) -> np.ndarray | None:
        """Read the occupancies of a cell's samples, (K, 64, 64, 64); None unless all are there."""
        if not self.has_grey(name, count):
            return None
        return np.stack([_read(self.grey_path(name, k)) for k in range(count)])

    def finished(self, name: str, count: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Read samples and probability of a cell; None unless `count` samples and it are there."""
        paths = [self.probability_path(name), *(self.sample_path(name, k) for k in range(count))]
        if not all(path.is_file() for path in paths):
            return None
        return np.stack([_read(path) > 127 for path in paths[1:]]), self.probability(name)

    def spacing(self, name: str) -> Spacing | None:
        """Read the size of a cell's voxels in um; None if it is not known."""
        return read_voxel_size(self.probability_path(name)).spacing

    def square(self, name: str) -> Square | None:
        """Give the part of a cell's crop that its shape stands on; None if it is not recorded.

        In pixels of the crop: the shape's 64 x 64 columns fill it.
        """
        found = self._place(name)
        return None if found is None else found[0]

    def grid(self, name: str) -> Grid | None:
        """Give where a shape stands on the grid of a 3D cell that fills its crop.

        Returns
        -------
        (float, float, float) or None
            First row, first column and edge of the shape's square in voxels of the 3D cell; None
            where the two stand on one grid, as all shapes of earlier versions do.
        """
        found = self._place(name)
        if found is None:
            return None
        square, whole = found[0], whole_square(found[1])
        if square == whole:
            return None
        scale = SHAPE[1] / whole.edge
        return (square.y - whole.y) * scale, (square.x - whole.x) * scale, square.edge * scale

    def _place(self, name: str) -> tuple[Square, tuple[int, int]] | None:
        place = self.settings.get("squares", {}).get(name)
        if place is None:
            return None
        y, x, edge, (height, width) = place
        return Square(y, x, edge), (height, width)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The record, `prediction.json`; empty if there is none.

        It holds the settings that the shapes were drawn with; `cells`, a checksum of each cell's
        input; `voxel_sizes_um`; `squares`; `intervals`, those of the model. The last three are
        absent from records of earlier versions.
        """
        path = self.path / SETTINGS
        if not path.is_file():
            return {}
        remedy = "predict to another folder"
        record = read_json(path, remedy=remedy)
        parts = [record.get(key, {}) for key in ("cells", "voxel_sizes_um", "squares")]
        ensemble = record.get("ensemble", 1)
        if not (
            all(isinstance(part, dict) for part in parts)
            and isinstance(record.get("model", ""), str)
            and isinstance(ensemble, int)
            and 0 < ensemble <= MOST_SAMPLES
            and all(isinstance(digest, str) for digest in parts[0].values())
            and all(size is None or _is_size(size) for size in parts[1].values())
            and all(_is_place(place) for place in parts[2].values())
        ):
            raise FileError(f"{path} is damaged; {remedy}.")
        return record

    def write_settings(self, record: dict[str, Any]) -> None:
        """Write the record."""
        write_json(self.path / SETTINGS, record)
        self.__dict__.pop("settings", None)

    def rows(self) -> list[dict[str, str]]:
        """Read the rows of `predictions.csv`; none if it is not there."""
        path = self.path / TABLE
        if not path.is_file():
            return []
        rows = read_csv(path, ["name"], numbers=NUMBERS, unique="name", remedy=AGAIN)
        # Earlier versions called the boundary surface.
        old = re.compile(r"^surface(\w*_voxels)$")
        return [{old.sub(r"boundary\1", name): row[name] for name in row} for row in rows]

    def intervals(self) -> Intervals | None:
        """Give what the intervals of the measures are made by; None if none were fitted."""
        try:
            return intervals_of(self.settings)
        except ConfigError as error:
            raise FileError(f"{self.path / SETTINGS} is damaged: {error}") from error


def _is_place(place: Any) -> bool:
    return (
        isinstance(place, list)
        and len(place) == 4
        and isinstance(place[3], list)
        and len(place[3]) == 2
        and all(isinstance(n, int) and abs(n) < 2**31 for n in (*place[:3], *place[3]))
        and min(place[2], *place[3]) > 0
    )


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _read(path: Path) -> np.ndarray:
    volume = read_tiff(path)
    if volume.shape != SHAPE:
        raise FileError(f"{path} has the shape {volume.shape}, not 64 x 64 x 64.")
    return volume

"""A folder of predictions, read and written: its shapes, its table and its record."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.spacing import Spacing
from dispr.cells.square import Grid, Square, whole_square
from dispr.errors import ConfigError, FileError
from dispr.files import write_csv
from dispr.intervals.rules import Intervals, intervals_of
from dispr.journal import Journal
from dispr.prediction.shapes import SHAPE, Shapes, TiffShapes
from dispr.records import read_csv, read_json, write_json

TABLE = "predictions.csv"
PARQUET = "predictions.parquet"
SETTINGS = "prediction.json"
CELLS = "cells.jsonl"
"""The table of the cells, and that of packed ones; the record of what they were predicted with; and
what is known of each cell, an entry as soon as its shapes are written (`dispr.journal`)."""

NUMBERS = (
    *("samples", "seed", "frame_y_px", "frame_x_px", "frame_px", "familiarity", "voxel_size_um"),
    *(f"ellipsoid_volume_{unit}" for unit in ("voxels", "um3")),
    *(f"volume{s}_{u}" for s in ("", "_mean", "_sd", "_low", "_high") for u in ("voxels", "um3")),
    *(f"boundary{end}_voxels" for end in ("", "_low", "_high")),
    *("sections", "plane_distance", "fragment_share", "class_probability", "sde_score"),
)
"""Columns of the table that hold numbers, where they are there and not empty."""

AGAIN = "remove it and predict again"
MOST_SAMPLES = 10**6


class PredictionFolder:
    """A folder of predictions, read and written.

    It holds the shapes of each cell, as files (`dispr.prediction.shapes`) or packed
    (`dispr.prediction.packed`); one table, `predictions.csv` or `predictions.parquet`; one record,
    `prediction.json`; and `cells.jsonl`, with a line for each cell. All methods that read raise
    `FileError` where a file is missing, damaged or something else.

    Parameters
    ----------
    path : path
        The folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @cached_property
    def shapes(self) -> Shapes:
        """Where the shapes are."""
        return make_shapes(self.path, self.settings, self.cells)

    @cached_property
    def cells(self) -> Journal:
        """What is known of each finished cell.

        By name: `digest`, a checksum of what the network saw of it; `source`, of its files;
        `square`, the part of its crop that it was shown in; `voxel_size_um`; `row`, its row of the
        table, and `mark`, a checksum of what that depends on beside the shapes. Cells whose shapes
        are gone have an empty entry.
        """
        return Journal(self.path / CELLS, _is_entry)

    def names(self) -> list[str]:
        """List the predicted cells by name; a folder without any is refused."""
        names = self.shapes.names()
        if not names:
            raise FileError(
                f"{self.path} contains no predictions (probability/NAME.tif); run dispr predict "
                "first."
            )
        return names

    def has_shapes(self) -> bool:
        """Tell whether there is any shape."""
        return not self.shapes.is_empty()

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
            bool, (K, 64, 64, 64); as files written as uint8, 0 and 255.
        probability : ndarray
            float, (64, 64, 64), 0 to 1; as a file written as float32.
        voxel_size : float, optional
            Edge of a voxel in um, kept in the metadata of the files as ImageJ keeps it.
        grey : ndarray, optional
            float, (K, 64, 64, 64), 0 to 1: what the samples were decided from; written as float32.

        Raises
        ------
        FileError
            If a file cannot be written.
        """
        self.shapes.write(name, samples, probability, voxel_size, grey)

    def samples(self, name: str) -> np.ndarray:
        """Read all shapes of a cell, bool, (K, 64, 64, 64)."""
        return np.stack([self.shapes.sample(name, k) for k in range(self.shapes.count(name))])

    def probability(self, name: str) -> np.ndarray:
        """Read the ensemble mean of a cell, float32, (64, 64, 64), 0 to 1."""
        return self.shapes.probability(name)

    def spacing(self, name: str) -> Spacing | None:
        """Give the size of a cell's voxels in um; None if it is not known."""
        return self.shapes.spacing(name)

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
        entry = self.cells.get(name) or {}
        place = entry.get("square") or self.settings.get("squares", {}).get(name)
        if place is None:
            return None
        y, x, edge, (height, width) = place
        return Square(y, x, edge), (height, width)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The record, `prediction.json`; empty if there is none.

        It holds the settings that the shapes were drawn with; `intervals`, those of the model;
        `made`, by which commands; `inputs`, of which cells. Records of earlier versions hold what
        is now in `cells.jsonl`: `cells`, a checksum of each cell's input; `voxel_sizes_um`;
        `squares`.
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

    def adopt(self) -> None:
        """Take over what a record of an earlier version says of cells, to write to the folder."""
        known = self.settings.get("cells", {})
        if not len(self.cells) and known:
            rows = {row["name"]: row for row in self.rows()}
            squares = self.settings.get("squares", {})
            sizes = self.settings.get("voxel_sizes_um", {})
            self.cells.append(
                {
                    name: {
                        "digest": known.get(name),
                        "voxel_size_um": sizes.get(name),
                        "square": squares.get(name),
                        "row": rows.get(name),
                    }
                    for name in {**known, **rows}
                }
            )
        self.shapes.recover()

    def write_table(self, names: Sequence[str]) -> None:
        """Write the table, of those of some cells that have a row."""
        rows = Rows(self, names)
        if self.settings.get("store") == "zarr":
            from dispr.parquet import write_parquet

            write_parquet(self.path / PARQUET, rows)
        elif rows:
            write_csv(self.path / TABLE, rows)
        else:
            (self.path / TABLE).unlink(missing_ok=True)

    def rows(self) -> list[dict[str, str]]:
        """Read the rows of the table as texts.

        Cells that a killed run finished, but did not get to write to the table, are listed too.
        """
        path = self.path / TABLE
        rows: list[dict[str, str]] = []
        if path.is_file():
            rows = read_csv(path, ["name"], numbers=NUMBERS, unique="name", remedy=AGAIN)
        # Earlier versions called the boundary surface.
        old = re.compile(r"^surface(\w*_voxels)$")
        rows = [{old.sub(r"boundary\1", name): row[name] for name in row} for row in rows]
        listed = {row["name"] for row in rows}
        others = Rows(self, sorted(name for name in self.cells if name not in listed))
        return rows + [{k: str(v) for k, v in row.items()} for row in others]

    def intervals(self) -> Intervals | None:
        """Give what the intervals of the measures are made by; None if none were fitted."""
        try:
            return intervals_of(self.settings)
        except ConfigError as error:
            raise FileError(f"{self.path / SETTINGS} is damaged: {error}") from error


def _is_entry(entry: dict[str, Any]) -> bool:
    size, slot = entry.get("voxel_size_um"), entry.get("slot", 0)
    texts = {**entry.get("shapes", {}), **{k: entry.get(k, "") for k in ("digest", "source")}}
    return (
        isinstance(entry.get("row") or {}, dict)
        and (size is None or _is_size(size))
        and (entry.get("square") is None or _is_place(entry["square"]))
        and isinstance(slot, int)
        and 0 <= slot < 2**40
        and all(isinstance(text, str) for text in texts.values() if text is not None)
    )


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


class Rows(Sequence[dict[str, Any]]):
    """Rows of the table of a prediction, read one by one as they are asked for.

    Parameters
    ----------
    folder : PredictionFolder
        Where they are.
    names : sequence of str, optional
        Of which cells, in which order; all that have one if not given.
    """

    def __init__(self, folder: PredictionFolder, names: Sequence[str] | None = None) -> None:
        self._cells = folder.cells
        given = sorted(self._cells) if names is None else names
        self._names = [name for name in given if (self._cells.get(name) or {}).get("row")]

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self._cells[name]["row"] for name in self._names[i]]
        return self._cells[self._names[i]]["row"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self._cells[name]["row"] for name in self._names)


def make_shapes(path: Path, settings: dict[str, Any], cells: Journal) -> Shapes:
    """Give where the shapes of a prediction are, by its record."""
    if settings.get("store") == "zarr":
        from dispr.prediction.packed import PackedShapes

        return PackedShapes(path, settings, cells)
    return TiffShapes(path, cells, int(settings.get("ensemble", 0)))


def open_predictions(path: str | os.PathLike[str]) -> PredictionFolder:
    """Open a folder that `dispr predict` wrote, whether as files or packed.

    Parameters
    ----------
    path : path
        The folder.

    Returns
    -------
    PredictionFolder
        Its methods `names`, `samples`, `probability`, `spacing` and `rows` read what is there, cell
        by cell.

    Raises
    ------
    FileError
        If it is not a folder of predictions.
    """
    if not is_prediction(Path(path)):
        raise FileError(f"{path} contains no predictions; give a folder that dispr predict wrote.")
    return PredictionFolder(path)


def is_prediction(path: Path) -> bool:
    """Tell whether a folder holds predicted shapes."""
    return (path / "probability").is_dir() or (
        (path / SETTINGS).is_file() and (path / CELLS).is_file()
    )


def opened(path: Path) -> PredictionFolder:
    """Open a folder of predictions to read it; the one opened before, where nothing was written."""
    stats = [file.stat() if file.is_file() else None for file in (path / CELLS, path / SETTINGS)]
    return _opened(path, *((s.st_mtime_ns, s.st_size, s.st_ino) if s else None for s in stats))


@lru_cache(maxsize=2)
def _opened(path: Path, *state: Any) -> PredictionFolder:
    return PredictionFolder(path)

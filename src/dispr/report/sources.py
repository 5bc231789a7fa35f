"""Find what a report shows: predicted cells, their sections, truths, warnings and intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dispr.cells.folder import CellFiles, find_cells, tiff_files
from dispr.errors import FileError
from dispr.measurements.folder import TABLE as MEASURED
from dispr.measurements.folder import read_record
from dispr.measurements.inputs import Item, contents, find_items, with_intervals
from dispr.prediction.files import AGAIN, TABLE, PredictionFolder
from dispr.recognition.red_cells import COLUMNS
from dispr.records import read_csv

CROPS, FIELD_TABLE = "cells", "cells.csv"
"""Where the prediction of a field of view has its cells, their table, and all their measures."""


def recognised_in(row: Mapping[str, str]) -> dict[str, Any]:
    """Read the columns of a cell's class in a row of a table, which may lack them."""
    name, *numbers = COLUMNS
    return {name: row.get(name) or "", **{other: _number(row.get(other)) for other in numbers}}


@dataclass(frozen=True)
class Source:
    """Where all of one cell is.

    Attributes
    ----------
    folder : Path
        The prediction.
    item : Item
        Its files, and the intervals of its measures.
    section : CellFiles or None
        Image and mask, where they are known.
    truth : Path or None
        The true shape, where it is known.
    familiarity : float or None
        Share of training cells that are more unusual; see `dispr.familiarity.statistics`.
    recognised : mapping
        Columns of its class (`dispr.recognition.red_cells.COLUMNS`): numbers, or None where there
        are none.
    warning : str
        What is odd about the cell, or about its place in a field of view.
    pixels : float or None
        Edge of a voxel in pixels of the field of view that the cell is from.
    place : (x, y) or None
        Its middle in the field, in pixels.
    measured : mapping or None
        Its row of the measurements that are in the folder, if they are of these shapes.
    """

    folder: Path
    item: Item
    section: CellFiles | None = None
    truth: Path | None = None
    familiarity: float | None = None
    warning: str = ""
    pixels: float | None = None
    place: tuple[float, float] | None = None
    measured: Mapping[str, str] | None = None
    recognised: Mapping[str, Any] = field(default_factory=lambda: recognised_in({}))

    @property
    def name(self) -> str:
        """Name of the cell."""
        return self.item.name


def find_sources(
    predictions: Path, data: Path | None = None, split: str | None = None
) -> list[Source]:
    """List the cells of a prediction with all that is known of them.

    Parameters
    ----------
    predictions : Path
        Folder that `dispr predict` wrote.
    data : Path, optional
        The data set that was predicted, with or without objects, or a folder of objects. By
        default the crops in the prediction of a field of view, where it is one.
    split : "train" or "test", optional
        Part of the data set.

    Raises
    ------
    FileError
        If a file or folder is missing, the data hold none of the cells, or two of one name.
    """
    items = find_items(predictions)
    if items[0].kind != "predictions":
        raise FileError(
            f"{predictions} contains no predictions (probability/NAME.tif); run dispr predict "
            "first."
        )
    if data is None and (predictions / CROPS / "image").is_dir():
        data = predictions / CROPS
    items = with_intervals(items, predictions, PredictionFolder(predictions).intervals())
    sections, truths = ({}, {}) if data is None else _known(data, split)
    if data is not None and not any(item.name in {**sections, **truths} for item in items):
        raise FileError(
            f"{data} contains none of the cells of {predictions}; give the data set that was "
            "predicted."
        )
    table = {**_table(predictions / TABLE), **_table(predictions / FIELD_TABLE)}
    measured, made_from = _table(predictions / MEASURED), read_record(predictions)
    found = [
        _source(predictions, item, sections, truths, table.get(item.name, {})) for item in items
    ]
    return [
        replace(source, measured=measured[source.name])
        if source.name in measured and made_from.get(source.name, ("",))[0] == contents(source.item)
        else source
        for source in found
    ]


def _source(
    predictions: Path,
    item: Item,
    sections: Mapping[str, CellFiles],
    truths: Mapping[str, Path],
    row: Mapping[str, str],
) -> Source:
    x, y = _number(row.get("x_px")), _number(row.get("y_px"))
    return Source(
        predictions,
        item,
        sections.get(item.name),
        truths.get(item.name),
        _number(row.get("familiarity")),
        row.get("warning") or "",
        _number(row.get("voxel_px")),
        None if x is None or y is None else (x, y),
        recognised=recognised_in(row),
    )


def _known(data: Path, split: str | None) -> tuple[dict[str, CellFiles], dict[str, Path]]:
    """Give sections and objects by name of cell."""
    loose = tiff_files(data)
    if loose and split is None:
        return {}, {name: paths[0] for name, paths in loose.items()}
    sections: dict[str, CellFiles] = {}
    for cell in find_cells(data, split=split):
        if cell.name in sections:
            raise FileError(
                f"{data} has a cell {cell.name} in train and in test; use --split to select the "
                "part that was predicted."
            )
        sections[cell.name] = cell
    return sections, {name: cell.obj for name, cell in sections.items() if cell.obj}


def _table(path: Path) -> dict[str, dict[str, str]]:
    """Read the rows of a table of cells by name; none if it is not there."""
    if not path.is_file():
        return {}
    return {row["name"]: row for row in read_csv(path, ["name"], unique="name", remedy=AGAIN)}


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None

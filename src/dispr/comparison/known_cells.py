"""Cells of known 3D shape: which condition each is of, and how the model predicts it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from dispr.cells.folder import CellFiles, find_cells
from dispr.cells.groups import CELL, GROUP
from dispr.comparison.inputs import Given, PredictedCell
from dispr.errors import ConfigError, FileError
from dispr.model.seen import seen_cells
from dispr.names import key
from dispr.prediction.files import PredictionFolder, opened
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import Model
from dispr.prediction.settings import PredictionSettings
from dispr.progress import SILENT, Progress
from dispr.tables import read_table


class KnownCell(NamedTuple):
    """A cell of known shape.

    Attributes
    ----------
    file : CellFiles
        Its files.
    condition : 0 or 1
        The condition that it is of.
    is_listed : bool
        Whether it was found by its name among the predicted cells of the condition.
    """

    file: CellFiles
    condition: int
    is_listed: bool


def find_known(data: Path, given: tuple[Given, Given], groups: Path | None) -> list[KnownCell]:
    """Find cells of known shape, and tell which condition each is of.

    By the sub-folder of `data` that it is in, if that is called as a condition; else by the table
    of groups; else by its name, if one of the conditions has a cell of this name. Other cells are
    passed over.

    Parameters
    ----------
    data : Path
        A data set with objects.
    given : (Given, Given)
        The conditions.
    groups : Path, optional
        A table with the columns cell and group.

    Raises
    ------
    FileError
        If the data cannot be read, or a cell is there twice.
    ConfigError
        If no cell is of a condition, or one could be of both.
    """
    cells = find_cells(data, need_obj=True)
    if len({cell.name for cell in cells}) < len(cells):
        raise FileError(f"{data} has cells of one name in train and in test; name one of these.")
    labels = {one.label: i for i, one in enumerate(given)}
    names = [{cell.name for cell in one.cells} for one in given]
    table = {} if groups is None else _groups(groups)
    found = []
    for cell in cells:
        group = cell.group if cell.group in labels else table.get(cell.name, "")
        among = [i for i in (0, 1) if cell.name in names[i]]
        if group in labels:
            found.append(KnownCell(cell, labels[group], False))
        elif len(among) == 2:
            raise ConfigError(
                f"{cell.name} of {data} is the name of a cell in both conditions; put the known "
                f"cells in sub-folders {given[0].label} and {given[1].label}."
            )
        elif among:
            found.append(KnownCell(cell, among[0], True))
    if not found:
        raise ConfigError(
            f"it is not clear which condition the cells of {data} are of; put them in sub-folders "
            f"called {given[0].label} and {given[1].label}, name them as predicted cells, or list "
            "them in a table by --groups."
        )
    return found


def _groups(path: Path) -> dict[str, str]:
    found = {}
    for row in read_table(path, (CELL, GROUP)):
        name = next(row.values[column] for column in CELL if column in row.values)
        found[key(name)] = next(row.values[column] for column in GROUP if column in row.values)
    return found


def unseen(
    model: Model, known: Sequence[KnownCell], unrelated: Collection[str] = ()
) -> tuple[list[KnownCell], list[str]]:
    """Leave out the cells that the model was trained on, for it knows their shapes.

    Returns
    -------
    left : list of KnownCell
        The others.
    remarks : list of str
        Sentences on what was left out, and on what the weights do not tell.

    Raises
    ------
    ConfigError
        If none is left, or the weights do not name all their training cells.
    """
    if "training_cells" not in model.about:
        return list(known), [
            "The weights do not list their training cells; none of the known cells must be among "
            "them."
        ]
    seen, remarks = seen_cells(model.about, unrelated)
    # Cells of groups that share a name are called GROUP_NAME; their files are not.
    left = [k for k in known if not {k.file.name, k.file.image.stem} & seen]
    if not left:
        raise ConfigError(
            "the model was trained on all of the known cells, so they do not tell how it errs; "
            "give others."
        )
    told = list(remarks)
    if len(left) < len(known):
        told.append(
            f"{len(known) - len(left)} of {len(known)} known cells are skipped, because the model "
            "was trained on them."
        )
    return left, told


def predict_known(
    model: Model,
    known: Sequence[KnownCell],
    given: tuple[Given, Given],
    out: Path,
    settings: PredictionSettings,
    progress: Progress = SILENT,
) -> list[KnownCell]:
    """Predict the known cells as the cells of the conditions were.

    Returns
    -------
    list of KnownCell
        The same; `is_listed` tells now whether the very same section is among the predicted ones.

    Raises
    ------
    ConfigError
        If a cell with the name of a predicted one has another section.
    """
    files = [replace(cell.file, group="") for cell in known]
    predict_folder(model, files, out, settings, progress=progress)
    drawn = PredictionFolder(out)
    places: list[Mapping[str, PredictedCell]] = [
        {c.name: c for c in one.cells if isinstance(c, PredictedCell)} for one in given
    ]
    found = []
    for cell in known:
        names = (cell.file.name, cell.file.image.stem)
        place = next(
            (places[cell.condition][n] for n in names if n in places[cell.condition]), None
        )
        seen = (drawn.cells.get(cell.file.name) or {}).get("digest")
        before = None if place is None else _digest(place)
        if cell.is_listed and seen != before:
            raise ConfigError(
                f"{cell.file.name} of the known cells has another section than the predicted cell "
                "of this name; give the data set that was predicted, or put the known cells in "
                f"sub-folders {given[0].label} and {given[1].label}."
            )
        found.append(cell._replace(is_listed=before is not None and seen == before))
    return found


def _digest(cell: PredictedCell) -> str | None:
    return (opened(cell.folder).cells.get(cell.name) or {}).get("digest")

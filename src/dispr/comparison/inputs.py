"""What is compared: two conditions, each a folder of predictions, a folder of cells, or a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dispr.cells.folder import CellFiles, find_cells, folders_of
from dispr.cells.groups import read_groups
from dispr.comparison.tables import MeasuredCell, read_measured
from dispr.errors import ConfigError, FileError
from dispr.names import missing
from dispr.prediction.files import PredictionFolder, is_prediction

Kind = Literal["predictions", "cells", "table"]


@dataclass(frozen=True)
class PredictedCell:
    """A cell of a folder of predictions.

    Attributes
    ----------
    folder : Path
        The folder.
    name : str
        Its name there.
    warning : str
        What to beware of.
    group, field : str
        Its group in the table of the prediction; the field of view that it is from. Empty for none.
    several : bool
        Whether further planes were known than its section.
    """

    folder: Path
    name: str
    warning: str = ""
    group: str = ""
    field: str = ""
    several: bool = False


AnyCell = PredictedCell | CellFiles | MeasuredCell


@dataclass(frozen=True)
class Given:
    """A condition as it is given.

    Attributes
    ----------
    label : str
        What it is called.
    kind : "predictions", "cells" or "table"
        Of what kind its cells are.
    cells : sequence
        The cells: `PredictedCell`, `CellFiles` or `MeasuredCell`.
    """

    label: str
    kind: Kind
    cells: Sequence[AnyCell]


def find_conditions(
    a: Path, b: Path | None, labels: Sequence[str] | None = None, groups: Path | None = None
) -> tuple[Given, Given]:
    """Find the cells of two conditions.

    Parameters
    ----------
    a, b : Path
        Folders of predictions (also one with such folders of fields of view in it), folders of
        cells, or tables of `dispr measure`; both of one kind. Without `b`, the conditions are two
        groups of the cells of `a`.
    labels : (str, str), optional
        What the conditions are called, or the groups of `a`, in this order. By default their
        folders or tables, or the groups where there are two.
    groups : Path, optional
        Table of the groups of cells of `a`, where `b` is not given.

    Raises
    ------
    FileError
        If a folder or table is missing, or there are no cells.
    ConfigError
        If the conditions are of two kinds, or it is not clear which groups are meant.
    """
    if labels is not None and (len(labels) != 2 or len(set(labels)) != 2 or "" in labels):
        raise ConfigError("two conditions have two different names; give them as A,B.")
    if b is None:
        return _groups_of(a, labels, groups)
    if a.resolve() == b.resolve():
        raise ConfigError(f"{a} is given twice; give two conditions.")
    names = labels or _labels(a, b)
    found = [Given(name, *_cells(path)) for name, path in zip(names, (a, b), strict=True)]
    if found[0].kind != found[1].kind:
        raise ConfigError(
            f"{a} and {b} are not alike: give two folders of predictions, two folders of cells, "
            "or two tables."
        )
    return found[0], found[1]


def _groups_of(path: Path, labels: Sequence[str] | None, table: Path | None) -> tuple[Given, Given]:
    kind, cells = _cells(path)
    if table is not None:
        known = read_groups(table, [cell.name for cell in cells])
        of = [known[cell.name] for cell in cells]
    else:
        of = [cell.group for cell in cells]
    names = sorted(set(of) - {""})
    if labels is None and len(names) != 2:
        what = f"the groups {', '.join(names[:6])}" if names else "no groups of cells"
        raise ConfigError(
            f"{path} has {what}; name two of them by --conditions A,B, list them in a table by "
            "--groups, or give the folders of two conditions."
        )
    chosen = labels or names
    for name in chosen:
        if name not in names:
            raise ConfigError(
                f"{path} has no cells of the group {name}; its groups are "
                f"{', '.join(names[:6]) or 'not given'}."
            )
    a, b = (
        Given(name, kind, [cell for cell, group in zip(cells, of, strict=True) if group == name])
        for name in chosen
    )
    return a, b


def _cells(path: Path) -> tuple[Kind, Sequence[AnyCell]]:
    if not path.exists():
        raise missing(path)
    if path.is_file():
        return "table", read_measured(path)
    if is_prediction(path):
        return "predictions", _predicted(path)
    fields = [folder for folder in folders_of(path) if is_prediction(folder)]
    if fields:
        return "predictions", [cell for folder in fields for cell in _predicted(folder, True)]
    cells = find_cells(path)
    names = [cell.name for cell in cells]
    if len(set(names)) < len(names):
        raise FileError(f"{path} has cells of one name in train and in test; name one of these.")
    return "cells", cells


def _predicted(folder: Path, is_field: bool = False) -> list[PredictedCell]:
    drawn = PredictionFolder(folder)
    rows = {row["name"]: row for row in drawn.rows()}
    found = []
    for name in drawn.names():
        row = rows.get(name, {})
        warning, group = (row.get(key) or "" for key in ("warning", "group"))
        field = folder.name if is_field else ""
        found.append(PredictedCell(folder, name, warning, group, field, of_several_planes(row)))
    return found


def of_several_planes(row: Mapping[str, str]) -> bool:
    """Tell whether further planes of a predicted cell were known than its section, by its row."""
    return row.get("sections", "") not in ("", "1")


def _labels(a: Path, b: Path) -> tuple[str, str]:
    """Call two paths by as many of their last parts as it takes to tell them apart."""
    whole = [(path.with_suffix("") if path.is_file() else path).absolute().parts for path in (a, b)]
    for count in range(1, max(map(len, whole)) + 1):
        short = ["/".join(parts[-count:]) for parts in whole]
        if short[0] != short[1]:
            return short[0], short[1]
    return a.name, b.name

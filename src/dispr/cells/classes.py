"""Class, type and number of a cell from its file name."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

CLASSES = ("SDE", "cell_clusters", "keratocytes", "knizocytes", "multilobate", "acanthocytes")
"""The six published classes; SDE are spherocytes, stomatocytes, discocytes and echinocytes."""

_CLASS_OF_TYPE = {
    "-1.00_spherocyte": "SDE",
    "-0.67_stomatocyte_II": "SDE",
    "-0.33_stomatocyte_I": "SDE",
    "0.00_discocyte": "SDE",
    "0.33_echinocyte_I": "SDE",
    "0.67_echinocyte_II": "SDE",
    "1.00_echinocyte_III": "SDE",
    "A_cell_clusters": "cell_clusters",
    "B_keratocytes": "keratocytes",
    "C_knizocytes": "knizocytes",
    "D_multilobate_cells": "multilobate",
    "E_acanthocytes": "acanthocytes",
}

TYPES = tuple(_CLASS_OF_TYPE)
"""The twelve published types: the part of a file name before the number."""


def class_of_type(name: str) -> str | None:
    """Give the class of a published type; None for other texts."""
    return _CLASS_OF_TYPE.get(name)


def score_of_type(name: str) -> float:
    """Give the score of a type of SDE cells, -1 to 1: spherocyte to echinocyte III; else NaN."""
    return float(name.split("_")[0]) if _CLASS_OF_TYPE.get(name) == "SDE" else math.nan


_NUMBERED = re.compile(r"(?P<type>.+?)(?P<number>\d{6})")


@dataclass(frozen=True)
class CellName:
    """What a cell's name says.

    Attributes
    ----------
    name : str
        The file name without its folder and extension.
    type : str
        The part before the six digits, such as "0.00_discocyte"; the whole name without digits.
    cell_class : str or None
        One of `CLASSES`; None if the type is not a published one.
    number : int or None
        The six digits; None if the name does not end in exactly six.
    """

    name: str
    type: str
    cell_class: str | None
    number: int | None


def parse_name(name: str) -> CellName:
    """Take a cell's name apart; any name will do.

    Parameters
    ----------
    name : str
        A file name with or without .tif or .tiff, for example "0.00_discocyte000144".
    """
    name = re.sub(r"\.tiff?$", "", name, flags=re.IGNORECASE)
    match = _NUMBERED.fullmatch(name)
    # More than six digits are a number of another kind, such as a date.
    if match is None or match["type"][-1].isdigit():
        return CellName(name, name, None, None)
    kind = match["type"]
    return CellName(name, kind, _CLASS_OF_TYPE.get(kind), int(match["number"]))

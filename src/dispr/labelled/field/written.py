"""Read back what `dispr predict` wrote of a field of view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispr.errors import ConfigError, FileError
from dispr.labelled.field.folder import RECORD, TABLE
from dispr.labelled.selection import Selection
from dispr.records import read_csv, read_json

REMEDY = "predict the field again to another folder"


def read_field_record(folder: Path) -> dict[str, Any]:
    """Read what `dispr predict` records of a field, `field.json`.

    Returns
    -------
    dict
        With `image`, its path as seen from the folder; `channel`, `plane`, `time` and `scene`,
        where these were chosen; and `pixel_size_um`, or None.

    Raises
    ------
    FileError
        If it is missing or damaged.
    """
    record = read_json(folder / RECORD, remedy=REMEDY)
    image, size = record.get("image"), record.get("pixel_size_um")
    chosen = [(key, record.get(key)) for key in ("channel", "plane", "time", "scene")]
    for key, value, right in (
        ("image", image, isinstance(image, str) and "\0" not in image),
        *((key, value, _is_choice(key, value)) for key, value in chosen),
        ("pixel_size_um", size, isinstance(size, (int, float)) and size > 0),
    ):
        if value is not None and (not right or isinstance(value, bool)):
            raise FileError(f'{folder / RECORD} is damaged: it states a wrong "{key}"; {REMEDY}.')
    return record


def _is_choice(key: str, value: Any) -> bool:
    """Tell whether a record's choice of a section is one that can be made."""
    if isinstance(value, bool):
        return False
    try:
        Selection(**{key: value})
    except ConfigError:
        return False
    return isinstance(value, int) or (isinstance(value, str) and key != "time")


def read_field_rows(folder: Path) -> list[dict[str, str]]:
    """Read the table of a field's cells, `cells.csv`, as texts; none where there is no file.

    Raises
    ------
    FileError
        If it is damaged.
    """
    path = folder / TABLE
    if not path.is_file():
        return []
    place = ("y_px", "x_px")
    rows = read_csv(
        path,
        ("name", *place),
        numbers=place,
        whole=("label", "frame_px"),
        unique="label",
        remedy=REMEDY,
    )
    if not all(row[column] for row in rows for column in ("name", *place)):
        raise FileError(f"{path} is damaged: a cell has no name or position; {REMEDY}.")
    return rows

"""Tables that people make, as spreadsheets and other programs save them."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dispr.arguments import as_whole
from dispr.errors import ConfigError, FileError, read_error
from dispr.limits import largest_text, raise_it
from dispr.names import missing

SEPARATORS = ",;\t|"
"""What may stand between two values of a row."""

NO_VALUE = ("", "na", "n/a", "#n/a", "nan", "<na>", "null", "none", "-")
"""What R, pandas and spreadsheets write where a value is missing, in small letters."""


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes
    ----------
    where : str
        The file and the line, for errors.
    values : dict of str to str
        Values by the name of their column, in small letters; empty where a value is missing.
    """

    where: str
    values: dict[str, str]

    def whole(self, column: str) -> int:
        """Give a whole number, also one that was saved as 1.0 or 1,0.

        Raises
        ------
        FileError
            If it is none.
        """
        text = self.values[column]
        try:
            return as_whole(text.replace(",", "."), column)
        except ConfigError as error:
            raise FileError(
                f'{self.where}: the {column} "{text}" is not a whole number.'
            ) from error


def read_table(path: str | os.PathLike[str], columns: Sequence[Sequence[str]]) -> list[Row]:
    """Read a table that a user made.

    Parameters
    ----------
    path : path
        CSV with a heading, in UTF-8, or in UTF-16 as spreadsheets save "Unicode text". Commas,
        semicolons, tabs or bars part the values, whichever the heading has most of. Capitals in
        the heading and blanks about values do not matter; empty rows are passed over.
    columns : sequence of sequence of str
        The names of columns that it must have: of each group at least one.

    Returns
    -------
    list of Row
        In the order of the file.

    Raises
    ------
    FileError
        If the file cannot be read, lacks a column, or a row has more values than the heading.
    """
    path = Path(path)
    lines = _text(path).splitlines()
    start = 0
    separator = ""
    if lines and lines[0].strip().lower().startswith("sep="):  # an instruction to Excel
        separator, start = lines[0].strip()[4:5], 1
    while start < len(lines) and not lines[start].strip():
        start += 1
    heading = lines[start] if start < len(lines) else ""
    separator = separator or max(SEPARATORS, key=heading.count)
    try:
        found = list(
            csv.reader(lines[start:], delimiter=separator, skipinitialspace=True, strict=True)
        )
    except csv.Error as error:
        raise FileError(
            f"{path} cannot be read as CSV ({error}); save the table as CSV in UTF-8."
        ) from error
    names = [name.strip().lower() for name in (found[0] if found else [])]
    while names and not names[-1]:  # a separator at the end of each row
        names.pop()
    lacking = [" or ".join(group) for group in columns if not set(group) & set(names)]
    if lacking:
        has = ", ".join(f'"{name}"' for name in names[:6]) or "no heading"
        raise FileError(
            f"{path} must have the columns {', '.join(' or '.join(g) for g in columns)}, named in "
            f"its first line, but has {has}{', ...' if len(names) > 6 else ''}."
        )
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise FileError(f'{path} has two columns "{twice[0]}"; remove or rename one.')
    rows = []
    for line, values in enumerate(found[1:], start + 2):
        cells = ["" if v.strip().lower() in NO_VALUE else v.strip() for v in values]
        if not any(cells):
            continue
        if any(cells[len(names) :]):
            raise FileError(
                f"{path}, line {line} has {len(cells)} values for {len(names)} columns; put values "
                f'that contain "{separator}" into quotation marks.'
            )
        cells += [""] * (len(names) - len(cells))
        rows.append(Row(f"{path}, line {line}", dict(zip(names, cells, strict=False))))
    return rows


def _text(path: Path) -> str:
    if not path.exists():
        raise missing(path)
    try:
        if path.stat().st_size > largest_text():
            raise FileError(f"{path} is too large for a table; name the table, or {raise_it()}.")
        raw = path.read_bytes()
    except OSError as error:
        raise read_error(path, error) from error
    if raw[:2] == b"PK" or raw[:4] == b"\xd0\xcf\x11\xe0":
        raise FileError(f"{path} is a workbook of a spreadsheet; save the table as CSV in UTF-8.")
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not in UTF-8; save the table as CSV in UTF-8.") from error
    if "\0" in text:
        raise FileError(f"{path} cannot be read as CSV; save the table as CSV in UTF-8.")
    return text

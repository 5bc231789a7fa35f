"""The classes of labelled cells, from a table, and the file names that say them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from dispr.cells.classes import CLASSES, TYPES, parse_name
from dispr.errors import FileError

Classes = Mapping[tuple[str, int], str]
"""The type of cells, by stack and label."""

_CLASS_OF_TYPE = {kind: parse_name(f"{kind}000000").cell_class for kind in TYPES}


def read_classes(path: Path) -> dict[tuple[str, int], str]:
    """Read a table of classes.

    Parameters
    ----------
    path : Path
        CSV with the columns stack, label, and type or class. A type is a published one, with or
        without the code before it ("0.00_discocyte", "discocyte"); a class is a published one of a
        single type ("keratocytes"); any other word is a type of your own.

    Returns
    -------
    dict
        The type of each (stack, label); cells without one are left out.

    Raises
    ------
    FileError
        If the file cannot be read, lacks a column, or a row cannot be understood.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), list(reader.fieldnames or [])
    except FileNotFoundError as error:
        raise FileError(f"{path} does not exist; check the name.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path} cannot be read as CSV; save the table as CSV in UTF-8.") from error
    kind = next((name for name in ("type", "class") if name in columns), None)
    if kind is None or "stack" not in columns or "label" not in columns:
        raise FileError(f"{path} must have the columns stack, label, and type or class.")
    found: dict[tuple[str, int], str] = {}
    for line, row in enumerate(rows, start=2):
        text = (row[kind] or "").strip()
        if not text:
            continue
        try:
            key = (row["stack"] or "").strip(), int(row["label"])
        except (TypeError, ValueError) as error:
            raise FileError(
                f'{path}, line {line}: the label "{row["label"]}" is no whole number.'
            ) from error
        value = as_type(text, f"{path}, line {line}")
        if found.setdefault(key, value) != value:
            raise FileError(
                f"{path}, line {line}: label {key[1]} of stack {key[0]} has another type above; "
                "keep one of the rows."
            )
    return found


def as_type(text: str, name: str = "the type") -> str:
    """Give the type that a word of a table means, as it stands in file names.

    Raises
    ------
    FileError
        If it is a class of several types, or cannot be part of a file name.
    """
    word = re.sub(r"\s+", "_", text.strip())
    for kind in TYPES:
        if word.lower() in (kind.lower(), kind.partition("_")[2].lower()):
            return kind
    for cell_class in CLASSES:
        if word.lower() == cell_class.lower():
            kinds = [kind for kind, its in _CLASS_OF_TYPE.items() if its == cell_class]
            if len(kinds) == 1:
                return kinds[0]
            raise FileError(
                f"{name}: {cell_class} is a class of several types; name the type, such as "
                f"{kinds[3]}."
            )
    if not re.fullmatch(r"[\w+-][\w.+-]*", word):
        raise FileError(f'{name}: "{text}" cannot be part of a file name; use letters and digits.')
    # The six digits that follow would not be told from its own.
    return f"{word}_" if word[-1].isdigit() else word


def check_stacks(classes: Classes, stacks: Iterable[str], path: Path) -> None:
    """Make sure that all stacks of a table are at hand.

    Raises
    ------
    FileError
        If one is not.
    """
    known = set(stacks)
    for stack, _ in classes:
        if stack not in known:
            raise FileError(
                f'{path} has the stack "{stack}", which is not among the stacks; they are called '
                f"{', '.join(sorted(known)[:3])}{', ...' if len(known) > 3 else ''}."
            )


class Names:
    """Give names to cells, stack by stack.

    Cells of a type are numbered from 1; between stacks one number is left out, so that no run of
    consecutive numbers, which splits keep together, is of two stacks. Cells without a type are
    named after their stack and label, which tells no class.

    Parameters
    ----------
    taken : iterable of str
        Names that were given before.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._last: dict[str, int] = {}
        for name in self._taken:
            parsed = parse_name(name)
            if parsed.number is not None:
                last = self._last.get(parsed.type, 0)
                self._last[parsed.type] = max(last, parsed.number)
        self._stack = ""
        self._begun: set[str] = set()

    def give(self, stack: str, label: int, kind: str | None) -> str:
        """Name the next cell.

        Raises
        ------
        FileError
            If there would be two cells of a name, or too many of a type.
        """
        if stack != self._stack:
            self._stack, self._begun = stack, set()
        name = f"{stack}_{label:06d}" if kind is None else self._numbered(kind)
        if name in self._taken:
            raise FileError(f"two cells would be called {name}; rename the type or the stack.")
        self._taken.add(name)
        return name

    def _numbered(self, kind: str) -> str:
        last = self._last.get(kind, 0)
        number = last + (2 if last and kind not in self._begun else 1)
        self._begun.add(kind)
        self._last[kind] = number
        if number > 999_999:
            raise FileError(f"there are too many cells of the type {kind} to be numbered.")
        return f"{kind}{number:06d}"

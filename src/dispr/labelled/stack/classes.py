"""The classes of labelled cells, from a table, and the file names that say them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from dispr.cells.classes import CLASSES, TYPES, parse_name
from dispr.errors import ConfigError, FileError
from dispr.labelled.beside import SUFFIXES, stem_of
from dispr.names import key
from dispr.tables import read_table

Classes = Mapping[tuple[str, int], str]
"""The type of cells, by stack and label."""

_CLASS_OF_TYPE = {kind: parse_name(f"{kind}000000").cell_class for kind in TYPES}


def read_classes(path: Path) -> dict[tuple[str, int], str]:
    """Read a table of classes.

    Parameters
    ----------
    path : Path
        CSV with the columns stack, label, and type or class (`dispr.tables.read_table`). The stack
        is the name of its file, with or without extension. A type is a published one, with or
        without the code before it ("0.00_discocyte", "discocyte"); a class is a published one of a
        single type ("keratocytes"); either in the singular or the plural. Any other word is a type
        of your own.

    Returns
    -------
    dict
        The type of each (stack, label); cells without one are left out.

    Raises
    ------
    FileError
        If the file cannot be read, lacks a column, or a row cannot be understood.
    """
    found: dict[tuple[str, int], str] = {}
    for row in read_table(path, (("stack",), ("label",), ("type", "class"))):
        text = row.values.get("type") or row.values.get("class")
        if not text:
            continue
        cell = _stack_named(row.values["stack"]), row.whole("label")
        value = as_type(text, row.where)
        if found.setdefault(cell, value) != value:
            raise FileError(
                f"{row.where}: label {cell[1]} of stack {cell[0]} has a different type in an "
                "earlier row; keep one of the rows."
            )
    return found


def _stack_named(text: str) -> str:
    """Give the name of a stack that a table names by its file."""
    text = key(re.split(r"[\\/]", text)[-1])
    return stem_of(text) if text.lower().endswith((*SUFFIXES, ".ome")) else text


def as_type(text: str, name: str = "the type") -> str:
    """Give the type that a word of a table means, as it stands in file names.

    Raises
    ------
    FileError
        If it is a class of several types, or cannot be part of a file name.
    """
    word = re.sub(r"\s+", "_", text.strip())
    plain = _singular(word)
    for kind in TYPES:
        if plain in (_singular(kind), _singular(kind.partition("_")[2])):
            return kind
    for cell_class in CLASSES:
        if plain == _singular(cell_class):
            kinds = [kind for kind, its in _CLASS_OF_TYPE.items() if its == cell_class]
            if len(kinds) == 1:
                return kinds[0]
            raise FileError(
                f"{name}: {cell_class} is a class with several types; give the type, such as "
                f"{kinds[3]}."
            )
    several = [kind for kind in TYPES if _singular(kind.partition("_")[2]).startswith(plain + "_")]
    if len(several) > 1:
        raise FileError(
            f'{name}: "{text}" can be any of the types {", ".join(several)}; give the full name '
            "of the type."
        )
    if not re.fullmatch(r"[\w+-][\w.+-]*", word):
        raise FileError(f'{name}: "{text}" cannot be part of a file name; use letters and digits.')
    # The six digits that follow would not be told from its own.
    return f"{word}_" if word[-1].isdigit() else word


def _singular(word: str) -> str:
    """Give a type or class in small letters, without hyphens and the s of the plural."""
    word = word.lower()
    return (word[:1] + word[1:].replace("-", "_")).removesuffix("s")


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
                f'{path} has the stack "{stack}", which is unknown; the stacks are '
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
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}
        self.take(taken)
        self._stack = ""
        self._begun: set[str] = set()

    def take(self, names: Iterable[str]) -> None:
        """Take note of names that cells of the next stack were given before."""
        for name in names:
            self._taken.add(name)
            parsed = parse_name(name)
            if parsed.number is not None:
                last = self._last.get(parsed.type, 0)
                self._last[parsed.type] = max(last, parsed.number)

    def give(self, stack: str, label: int, kind: str | None) -> str:
        """Name the next cell.

        Raises
        ------
        ConfigError
            If there would be two cells of a name, or too many of a type.
        """
        if stack != self._stack:
            self._stack, self._begun = stack, set()
        name = f"{stack}_{label:06d}" if kind is None else self._numbered(kind)
        if name in self._taken:
            raise ConfigError(
                f"two cells would have the name {name}; rename the type or the stack."
            )
        self._taken.add(name)
        return name

    def _numbered(self, kind: str) -> str:
        last = self._last.get(kind, 0)
        number = last + (2 if last and kind not in self._begun else 1)
        self._begun.add(kind)
        self._last[kind] = number
        if number > 999_999:
            raise ConfigError(
                f"there are too many cells of the type {kind} for the six-digit "
                "numbers in file names."
            )
        return f"{kind}{number:06d}"

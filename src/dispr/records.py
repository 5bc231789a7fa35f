"""Records of runs: begin one, or take one up with the same settings; records and tables read back.

Records are JSON, tables CSV. Damaged ones are refused.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn

from dispr.checksums import check, guard
from dispr.errors import ConfigError, FileError, read_error
from dispr.files import atomic_path, make_folder
from dispr.limits import largest_table, largest_text, raise_it

DEEPEST = 50
"""Levels of lists and objects in a record."""

SEAL = "sha256"
"""Key of a record's own checksum."""

Kind = type | tuple[type, ...]
NUMBER: Kind = (int, float)


BRIEF = 40
"""Characters of a setting that a message shows."""


def changes(
    before: Any, now: Any, name: str = "", absent: Mapping[str, Any] | None = None
) -> list[str]:
    """Say what differs between two settings.

    Parameters
    ----------
    before, now : Any
        Of mappings each key of `now` is compared; of mappings in these, all keys.
    name : str
        What they are called.
    absent : mapping, optional
        Settings that records of earlier versions do not state, with what they were.

    Returns
    -------
    list of str
        Such as "seed was 1 and is now 2", or "other cells" where they are long; empty if all is
        the same.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            change
            for key in ([*before, *(key for key in now if key not in before)] if name else now)
            for change in changes(
                before.get(key, (absent or {}).get(key)), now.get(key), f"{name}.{key}".lstrip(".")
            )
        ]
    if before == now:
        return []
    texts = [_brief(before), _brief(now)]
    if None in texts:
        return [f"different {name.replace('_', ' ')}"]
    return [f"{name} was {texts[0]} and is now {texts[1]}"]


def _brief(value: Any) -> str | None:
    """Give a setting as text; None for long ones, nested ones and checksums."""
    items = value if isinstance(value, (list, tuple)) else [value]
    text = ", ".join(map(str, items))
    nested = any(isinstance(item, (dict, list, tuple)) for item in items)
    long = len(text) > BRIEF or re.fullmatch(r"[0-9a-f]{16,}", text)
    return None if nested or long else text


def taken_up(
    path: Path, what: str, settings: Mapping[str, Any], absent: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Read the record of a folder, and refuse it where it is of a run with other settings.

    Parameters
    ----------
    path : Path
        The record.
    what : str
        What the folder holds, such as "predictions".
    settings : mapping
        What must be the same for the run to be taken up.
    absent : mapping, optional
        See `changes`.

    Returns
    -------
    dict or None
        The record; None where there is none.

    Raises
    ------
    ConfigError
        If the run had other settings.
    FileError
        If the record is damaged.
    """
    if path.parent.exists() and not path.parent.is_dir():
        raise FileError(f"{path.parent} is a file; name a folder.")
    if not path.is_file():
        return None
    before = read_json(path, remedy="choose another folder")
    changed = changes(before, json.loads(json.dumps(dict(settings))), absent=absent)
    if changed:
        raise ConfigError(
            f"{path.parent} contains {what} with other settings ({', '.join(changed)}); choose "
            "another folder, or use the same settings to resume."
        )
    guard(path.parent)
    return before


def begin(path: Path, record: Mapping[str, Any]) -> None:
    """Record a run in its folder, which from now on keeps checksums of what is written to it.

    Raises
    ------
    FileError
        If the folder cannot be made or written to.
    """
    make_folder(path.parent)
    guard(path.parent)
    write_json(path, record)


def read_json(
    path: str | os.PathLike[str],
    kinds: Mapping[str, Kind] | None = None,
    *,
    remedy: str = "remove it, or choose another folder",
) -> dict[str, Any]:
    """Read a JSON object.

    Parameters
    ----------
    path : path
        The file. Its checksum is compared where one was recorded (`dispr.checksums`), and so is
        its own, where it was written with a seal.
    kinds : mapping of str to type, optional
        Keys that it must have, and of which type; bool is not a number.
    remedy : str
        What to do about a damaged one.

    Raises
    ------
    FileError
        If it is missing, damaged, or holds something else.
    """
    path = Path(path)
    text = _read(path, remedy, largest_text())
    try:
        record = parse_json(text)
    except ValueError as error:
        raise FileError(f"{path} is damaged, or not a file of dispr: {error}; {remedy}.") from error
    seal = record.pop(SEAL, None)
    if seal is not None and seal != _seal(record):
        raise FileError(f"{path} is damaged, or was edited; {remedy}.")
    for key, kind in (kinds or {}).items():
        value = record.get(key)
        flag = isinstance(value, bool) and kind is not bool
        if key not in record or flag or not isinstance(value, kind):
            what = "lacks" if key not in record else "has an invalid value for"
            raise FileError(f'{path} is damaged: it {what} "{key}"; {remedy}.')
    return record


def parse_json(text: str | bytes, *, own: bool = True) -> dict[str, Any]:
    """Read a JSON object from text.

    Parameters
    ----------
    text : str or bytes
        The text.
    own : bool
        It is a file of dispr; other programs write NaN and Infinity too, which are read as None.

    Raises
    ------
    ValueError
        If it is none, is deeper than `DEEPEST`, has a key twice, or numbers that are not finite.
    """
    try:
        not_finite = _not_finite if own else _nothing
        record = json.loads(text, object_pairs_hook=_unique, parse_constant=not_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except MemoryError as error:
        raise ValueError("it does not fit in memory") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"invalid JSON in line {error.lineno}") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8 text") from error
    if not isinstance(record, dict):
        raise ValueError("it is not a JSON object")
    _check_values(record)
    return record


def write_json(
    path: str | os.PathLike[str], record: Mapping[str, Any], *, sealed: bool = False
) -> None:
    """Write a JSON object all or nothing.

    Parameters
    ----------
    path : path
        File to write.
    record : mapping
        What it holds.
    sealed : bool
        Add its own checksum, for a file that stands alone.
    """
    content = json.loads(json.dumps(record))
    if sealed:
        content[SEAL] = _seal(content)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_csv(
    path: str | os.PathLike[str],
    columns: Collection[str] = (),
    *,
    numbers: Collection[str] = (),
    whole: Collection[str] = (),
    unique: str = "",
    remedy: str = "create it again, or remove it",
) -> list[dict[str, str]]:
    """Read the rows of a table as texts.

    Parameters
    ----------
    path : path
        The file, UTF-8; its checksum is compared where one was recorded.
    columns : collection of str
        Columns that it must have.
    numbers : collection of str
        Columns that hold finite numbers or nothing, where they are there.
    whole : collection of str
        Columns that it must have, and that hold a whole number from 0 in every row.
    unique : str
        A column of which no value may stand in two rows, nor be empty.
    remedy : str
        What to do about a damaged one.

    Raises
    ------
    FileError
        If it is missing, damaged, or another table.
    """
    path = Path(path)
    text = _read(path, remedy, largest_table()).removeprefix("\ufeff")
    if "\0" in text:
        raise FileError(f"{path} is damaged: it contains zero bytes; {remedy}.")
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise FileError(f"{path} is damaged, or not a table: {error}; {remedy}.") from error
    lines = [line for line in lines if line]
    header = lines[0] if lines else []
    missing = [name for name in (*columns, *whole) if name not in header]
    if missing or len(set(header)) < len(header):
        what = f"lacks the column {missing[0]}" if missing else "has two columns with the same name"
        raise FileError(f"{path} is damaged, or another table: it {what}; {remedy}.")
    rows = []
    seen: set[str] = set()
    for line in lines[1:]:
        row = dict(zip(header, line, strict=False))
        what = f"the row {line[0]!r}" if line[0] else "a row without name"
        if len(line) != len(header):
            raise FileError(f"{path} is damaged: {what} has {len(line)} fields; {remedy}.")
        wrong = [name for name in numbers if row.get(name) and not _finite(row[name])]
        wrong += [name for name in whole if not _WHOLE.fullmatch(row[name])]
        if wrong:
            name = wrong[0]
            raise FileError(f"{path} is damaged: in {what}, {name} is {row[name]!r}; {remedy}.")
        if unique:
            value = row.get(unique, "")
            if not value or value in seen:
                raise FileError(f"{path} is damaged: {what} occurs twice; {remedy}.")
            seen.add(value)
        rows.append(row)
    return rows


def _read(path: Path, remedy: str, largest: int) -> str:
    try:
        if path.stat().st_size > largest:
            raise FileError(
                f"{path} is larger than any that dispr writes; {remedy}, or {raise_it()}."
            )
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise FileError(f"{path} does not exist; check the name.") from error
    except OSError as error:
        raise read_error(path, error) from error
    check(path)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is damaged: it is not UTF-8 text; {remedy}.") from error


_WHOLE = re.compile(r"[0-9]{1,15}")


def _finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a valid JSON number")


def _nothing(text: str) -> None:
    """Read NaN as nothing."""


def _check_values(record: Any) -> None:
    level = [record]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, float) and not math.isfinite(value):
                raise ValueError("a number is too large")
        if not inner:
            return
        level = inner
    raise ValueError("it is nested too deeply")


def _seal(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()

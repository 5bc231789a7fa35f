"""Parts of a run that several machines do, each some of the cells."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dispr.errors import ConfigError, FileError

Item = TypeVar("Item")

MOST_NAMED = 10
"""Cells that a message names."""


@dataclass(frozen=True)
class Shard:
    """One of several parts of a run.

    Attributes
    ----------
    number : int
        Its number, from 1.
    total : int
        How many there are.

    Raises
    ------
    ConfigError
        If there is no such part.
    """

    number: int
    total: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.total:
            raise ConfigError(
                f"shards are numbered from 1/N to N/N, such as 1/4 to 4/4; {self} is not one."
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"

    def of(self, items: Sequence[Item]) -> Sequence[Item]:
        """Choose the items of this part: every N-th, so that all parts take about as long."""
        return items[self.number - 1 :: self.total]

    def refuse_empty(self, count: int, what: str = "cells") -> None:
        """Refuse a part without cells, or without stacks of them.

        Raises
        ------
        ConfigError
            If there are more parts than cells.
        """
        if self.number > count:
            raise ConfigError(
                f"the shard {self} has no {what}: there are {count}; use fewer shards."
            )


def as_shard(text: str) -> Shard:
    """Read a part from text such as "2/8".

    Raises
    ------
    ConfigError
        If it is not one.
    """
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
    if match is None:
        raise ConfigError(f'a shard is written I/N, such as 2/8, not "{text}".')
    return Shard(int(match[1]), int(match[2]))


def lacking(shards: Collection[str]) -> list[str]:
    """List the parts of a run that are not among some, such as "3/4"; none where no total is known.

    Parameters
    ----------
    shards : collection of str
        Parts, such as "1/4"; empty texts of what is no part.
    """
    totals = {shard.partition("/")[2] for shard in shards if shard}
    if len(totals) != 1:
        return []
    (total,) = totals
    return [part for i in range(1, int(total) + 1) if (part := f"{i}/{total}") not in shards]


def folders_of_parts(given: Sequence[Path], record: str, what: str, command: str) -> list[Path]:
    """List the folders of parts among some folders, and among those inside them.

    Parameters
    ----------
    given : sequence of Path
        Folders that a command wrote with `--shard`, or folders that hold these.
    record : str
        The file that each part has.
    what, command : str
        What parts hold, and the command that wrote them, for messages.

    Raises
    ------
    FileError
        If a folder is missing, or holds no part.
    ConfigError
        If a part is named twice.
    """
    found: list[Path] = []
    for folder in given:
        if folder.is_file():
            raise FileError(f"{folder} is a file; name folders, or tables of dispr measure alone.")
        if not folder.is_dir():
            raise FileError(f"{folder} does not exist; check the name of the folder.")
        inner = [folder] if (folder / record).is_file() else sorted(folder.iterdir())
        chosen = [path for path in inner if (path / record).is_file()]
        if not chosen:
            raise FileError(f"{folder} holds no {what}; name what dispr {command} wrote.")
        found += chosen
    real = [path.resolve() for path in found]
    for path in found:
        if real.count(path.resolve()) > 1:
            raise ConfigError(f"{path} is named twice; leave one out.")
    return found


def named(items: Sequence[str], one: str, several: str) -> str:
    """Name some items of a list, with what is said of one, or of several, such as "is missing"."""
    more = f", ... ({len(items)} in all)" if len(items) > MOST_NAMED else ""
    return f"{', '.join(items[:MOST_NAMED])}{more}: {one if len(items) == 1 else several}"


def names_record(names: Iterable[str]) -> dict[str, Any]:
    """Give what the record of a part says of all cells of the run: how many, and a checksum."""
    known = sorted(set(names))
    digest = hashlib.sha256("\n".join(known).encode("utf-8", "surrogateescape")).hexdigest()
    return {"cells": len(known), "names": digest}

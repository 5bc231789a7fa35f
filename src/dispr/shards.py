"""Parts of a run that several machines do, each some of the cells."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from dispr.errors import ConfigError

Item = TypeVar("Item")


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

    def refuse_empty(self, count: int) -> None:
        """Refuse a part without cells.

        Raises
        ------
        ConfigError
            If there are more parts than cells.
        """
        if self.number > count:
            raise ConfigError(
                f"the shard {self} has no cells: there are {count}; use fewer shards."
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


def names_record(names: Iterable[str]) -> dict[str, Any]:
    """Give what the record of a part says of all cells of the run: how many, and a checksum."""
    known = sorted(set(names))
    digest = hashlib.sha256("\n".join(known).encode("utf-8", "surrogateescape")).hexdigest()
    return {"cells": len(known), "names": digest}

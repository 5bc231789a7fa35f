"""Progress of long work, of one part or several: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click

from dispr.cli.say import is_quiet

SECONDS = 30
"""Time between two lines of progress where there is no terminal."""

Item = TypeVar("Item")

FORMAT = "{l_bar}{bar}| {whole}/{total_fmt}{kind} [{elapsed}<{remaining}]"


class Bars:
    """One progress bar for each line of work, drawn one after the other.

    Work may be done in parts of a cell, which add up to a little more or less than whole cells. A
    bar moves with them, but never beyond its end, and its figure counts what is finished.

    Parameters
    ----------
    unit : str
        What is counted, such as "cells"; empty where each line of work counts something else.
    """

    def __init__(self, unit: str = "") -> None:
        self._bar: Any = None
        self._line: str | None = None
        self._unit = unit

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, line: str, done: float, total: float) -> None:
        """Move the bar of this line of work; begin it if another was shown."""
        if line != self._line:
            self.__exit__()
            self._bar, self._line = _bar(line, round(total), self._unit), line
        self._bar.update(min(round(done, 6), self._bar.total) - self._bar.n)

    def counter(self, total: int, line: str = "") -> Callable[..., None]:
        """Begin a bar, and give what moves it by as much as was done since the last call."""
        done = 0.0

        def count(more: float = 1.0) -> None:
            nonlocal done
            done += more
            self.show(line, done, total)

        self.show(line, 0, total)
        return count

    def note(self, text: str) -> None:
        """Write a note to the standard error stream, above the bar if there is one."""
        if is_quiet():
            return
        from tqdm import tqdm

        tqdm.write(f"Note: {text}", file=sys.stderr)


def counted(items: Sequence[Item], unit: str) -> Iterator[Item]:
    """Go through items with a bar that counts those that are done."""
    with Bars(unit) as bars:
        count = bars.counter(len(items))
        for item in items:
            yield item
            count()


def _bar(line: str, total: int, unit: str) -> Any:
    if is_quiet():
        return _Silent(total)
    if not is_terminal():
        return _Lines(line, total, unit)
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        """A bar that counts what is finished."""

        @property
        def format_dict(self) -> dict[str, Any]:
            known = dict(super().format_dict)
            kind = f" {unit}" if unit else ""
            return {**known, "whole": math.floor(known["n"] + 1e-3), "kind": kind}

    return Bar(total=total, desc=line or None, leave=bool(unit), bar_format=FORMAT)


def is_terminal() -> bool:
    """Tell whether somebody looks at the standard error stream."""
    return sys.stderr.isatty()


class _Silent:
    """What takes the place of a bar where nothing is to be shown."""

    def __init__(self, total: int) -> None:
        self.n, self.total = 0.0, total

    def update(self, more: float) -> None:
        self.n += more

    def close(self) -> None:
        """Do nothing."""


class _Lines(_Silent):
    """A line of text now and then, for files and schedulers."""

    def __init__(self, line: str, total: int, unit: str) -> None:
        super().__init__(total)
        self._what = " ".join(filter(None, (line, unit)))
        self._began = self._told = time.monotonic()

    def update(self, more: float) -> None:
        super().update(more)
        if time.monotonic() - self._told > SECONDS:
            self._tell()

    def close(self) -> None:
        if self._told > self._began:  # short work is told by its result
            self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        whole = math.floor(self.n + 1e-3)
        click.echo(f"{self._what}: {whole} of {self.total}", err=True)

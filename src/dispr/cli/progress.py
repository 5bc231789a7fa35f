"""Progress of long work, of one part or several: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import click

from dispr.cli.say import is_quiet
from dispr.progress import Progress

SECONDS = 30
"""Time between two lines of progress where there is no terminal."""

Item = TypeVar("Item")

FORMAT = "{l_bar}{bar}| {whole}/{total_fmt} [{elapsed}<{remaining}]"


class Bars(Progress):
    """One progress bar for each line of work, drawn one after the other.

    Work may be done in parts of a cell, which add up to a little more or less than whole cells. A
    bar moves with them, but never beyond its end, and its figure counts what is finished.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._line: str | None = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()

    def show(self, line: str, done: float, total: float) -> None:
        """Move the bar of this line of work; begin it if another was shown."""
        if line != self._line:
            self.__exit__()
            self._bar, self._line = _bar(line, round(total)), line
        self._bar.update(min(round(done, 6), self._bar.total) - self._bar.n)

    def note(self, text: str) -> None:
        """Write a note to the standard error stream, above the bar if there is one."""
        if is_quiet():
            return
        from tqdm import tqdm

        tqdm.write(f"Note: {text}", file=sys.stderr)

    def remark(self, text: str) -> None:
        """Write it as a note."""
        self.note(text)


def counted(items: Sequence[Item], line: str) -> Iterator[Item]:
    """Go through items with a bar that counts those that are done."""
    with Bars() as bars:
        count = bars.counter(line, len(items))
        for item in items:
            yield item
            count()


def _bar(line: str, total: int) -> Any:
    if is_quiet():
        return _Silent(total)
    if not is_terminal():
        return _Lines(line, total)
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        """A bar that counts what is finished."""

        @property
        def format_dict(self) -> dict[str, Any]:
            known = dict(super().format_dict)
            return {**known, "whole": math.floor(known["n"] + 1e-3)}

    return Bar(total=total, desc=line, leave=False, bar_format=FORMAT)


def is_terminal() -> bool:
    """Tell whether somebody looks at the standard error stream."""
    return sys.stderr.isatty()


class _Silent:
    """What takes the place of a bar where nothing is to be shown."""

    def __init__(self, total: int) -> None:
        self.n, self.total = 0.0, total

    def update(self, more: float) -> None:
        self.n += more

    def refresh(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class _Lines(_Silent):
    """A line of text now and then, for files and schedulers."""

    def __init__(self, line: str, total: int) -> None:
        super().__init__(total)
        self._line = line
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
        click.echo(f"{self._line}: {whole} of {self.total}", err=True)

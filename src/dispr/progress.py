"""How far long work is: told to one object, which shows it or does not."""

from __future__ import annotations

import warnings
from collections.abc import Callable


class Progress:
    """What long work tells of itself. This one shows nothing; others do (`dispr.cli.progress`).

    A method may raise KeyboardInterrupt, which stops the work; what is finished is kept.
    """

    def show(self, line: str, done: float, total: float) -> None:
        """Take note of how much of a line of work is done, such as 3.2 of 10 cells.

        Parameters
        ----------
        line : str
            What is done at present, such as "Predicting".
        done, total : float
            How much of it is done, and how much there is.
        """

    def note(self, text: str) -> None:
        """Take note of a sentence that a user must know; here, as a warning of Python."""
        warnings.warn(text, stacklevel=3)

    def remark(self, text: str) -> None:
        """Take note of a sentence on how the work is done, which need not be known."""

    def within(self, what: str) -> Progress:
        """Give what names the larger work that lines are part of, as in "fold 3: Predicting"."""
        return _Within(self, what)

    def counter(self, line: str, total: float) -> Callable[..., None]:
        """Begin a line of work; give what adds to how much of it is done, 1 if not told more."""
        done = 0.0

        def add(more: float = 1.0) -> None:
            nonlocal done
            done += more
            self.show(line, done, total)

        self.show(line, 0, total)
        return add


class _Within(Progress):
    def __init__(self, outer: Progress, what: str) -> None:
        self._outer, self._what = outer, what

    def show(self, line: str, done: float, total: float) -> None:
        self._outer.show(f"{self._what}: {line}", done, total)

    def note(self, text: str) -> None:
        self._outer.note(text)

    def remark(self, text: str) -> None:
        self._outer.remark(text)


SILENT = Progress()

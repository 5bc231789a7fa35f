"""Cells that fail: listed in a table, so that one of them does not stop all the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dispr.errors import ArrayError, DisprError, FileError, WriteError

TABLE = "failures.csv"
"""The table of a run, in the folder that it writes."""


class Failure(NamedTuple):
    """A cell, field of view or file that failed.

    Attributes
    ----------
    name : str
        Its name.
    file : str
        The file at fault, where one is.
    reason : str
        What is wrong, and what to do about it.
    """

    name: str
    file: str
    reason: str


def read_failures(path: Path) -> list[Failure]:
    """Read what failed from the table of an earlier run; nothing if there is no table.

    Raises
    ------
    FileError
        If it is damaged.
    """
    if not path.is_file():
        return []
    from dispr.records import read_csv

    rows = read_csv(path, Failure._fields, remedy="run the command again, which writes it anew")
    return [Failure(*(row[field] for field in Failure._fields)) for row in rows]


class Failures:
    """What failed in a run.

    Parameters
    ----------
    strict : bool
        Stop at the first.

    Attributes
    ----------
    found : list of Failure
        In the order of their occurrence.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self.found: list[Failure] = []

    def __len__(self) -> int:
        return len(self.found)

    @property
    def names(self) -> set[str]:
        """Names of what failed."""
        return {failure.name for failure in self.found}

    def add(self, name: str, files: Sequence[Path], error: DisprError | str) -> None:
        """Note that something failed; where the run is strict, raise the error instead.

        Parameters
        ----------
        name : str
            Its name.
        files : sequence of Path
            Its files; the one that the error speaks of is listed, or the first.
        error : DisprError or str
            What is wrong with it.
        """
        if self.strict:
            raise error if isinstance(error, DisprError) else FileError(error)
        text = str(error)
        named = [str(path) for path in files if str(path) in text]
        file = max(named, key=len) if named else str(files[0]) if files else ""
        self.found.append(Failure(name, file, text))

    @contextlib.contextmanager
    def of(self, name: str, files: Sequence[Path] = ()) -> Iterator[None]:
        """Note what fails in the block: input that cannot be read or used.

        Settings that are wrong are so for all cells, and end the run; so does a full disk.
        """
        try:
            yield
        except WriteError:
            raise
        except (FileError, ArrayError) as error:
            self.add(name, files, error)
        except MemoryError:
            self.add(name, files, "it does not fit the memory of this computer.")

    def raise_if_none_left(self, done: int) -> None:
        """Raise the first failure where nothing was done.

        Raises
        ------
        FileError
            Saying how many failed, if several did.
        """
        if self.found and not done:
            more = f" (All {len(self)} failed.)" if len(self) > 1 else ""
            raise FileError(self.found[0].reason + more)

    def write(self, path: Path) -> None:
        """Write the table; where nothing failed, remove that of an earlier run.

        Raises
        ------
        FileError
            If it cannot be written.
        """
        from dispr.files import write_csv

        if self.found:
            write_csv(path, [failure._asdict() for failure in sorted(self.found)])
        else:
            path.unlink(missing_ok=True)

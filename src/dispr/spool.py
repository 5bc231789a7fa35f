"""Results of a run that would fill the memory: kept on the disk until they are used."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from dispr.errors import write_error
from dispr.files import HALF_WRITTEN, make_folder


class Spool(Sequence[Any]):
    """A list of values of JSON in a file without a name, which ends with the program.

    Only where each value is, is kept in memory. Use it as a context manager.

    Parameters
    ----------
    folder : Path
        Where the file is: beside the results, whose disk has room for them.

    Raises
    ------
    FileError
        If the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends = [0]
        make_folder(folder)
        try:
            self._file = tempfile.TemporaryFile(dir=folder, prefix=HALF_WRITTEN)  # noqa: SIM115
        except OSError as error:
            raise write_error(folder, error) from error

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):  # what is no longer needed may find no room
            self._file.close()

    def append(self, value: Any) -> int:
        """Keep a value; give its length in bytes."""
        content = json.dumps(value).encode()
        try:
            self._file.seek(self._ends[-1])
            self._file.write(content)
        except OSError as error:
            raise write_error(self._folder, error) from error
        self._ends.append(self._ends[-1] + len(content))
        return len(content)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        k = range(len(self))[i]
        try:
            self._file.seek(self._ends[k])
            content = self._file.read(self._ends[k + 1] - self._ends[k])
        except OSError as error:  # what was written may wait for room until now
            raise write_error(self._folder, error) from error
        return json.loads(content)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

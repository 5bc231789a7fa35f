"""Progress bars for long work of several parts."""

from __future__ import annotations

import sys
from typing import Any


class Bars:
    """One progress bar for each line of work, drawn one after the other."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._line = ""

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, line: str, done: int, total: int) -> None:
        """Move the bar of this line of work; begin it if another was shown."""
        from tqdm import tqdm

        if line != self._line:
            self.__exit__()
            self._bar, self._line = tqdm(total=total, desc=line, leave=False), line
        self._bar.update(done - self._bar.n)

    def note(self, text: str) -> None:
        """Write a note to the standard error stream, above the bar if there is one."""
        from tqdm import tqdm

        tqdm.write(f"Note: {text}", file=sys.stderr)

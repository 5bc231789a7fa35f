"""How far a study is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Progress = Callable[[str, int, int], Any]
"""Called with a line of work, how much of it is done, and how much there is."""


def silent(line: str, done: int, total: int) -> None:
    """Say nothing."""


def counted(progress: Progress, line: str, total: int) -> Callable[..., None]:
    """Make a callable that adds to what is done of a line of work, 1 if not told how much."""
    done = 0.0

    def add(more: float = 1) -> None:
        nonlocal done
        done += more
        progress(line, round(done), total)

    return add

"""Errors that a user can act on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class DisprError(Exception):
    """A problem with the input, the settings or the environment.

    The message names the file or argument and how to correct it. The command line prints it without
    a traceback and exits with code 2.
    """


class FileError(DisprError):
    """A file cannot be read or written, or has invalid content."""


class ArrayError(DisprError):
    """An array has the wrong shape, type or values."""


class NoCellsError(ArrayError):
    """An image contains no cell that can be predicted."""


class ConfigError(DisprError):
    """A setting is invalid, or settings contradict one another."""


class DisprWarning(UserWarning):
    """What a user must know of a result that is there; the command line prints it as a line."""


@contextlib.contextmanager
def as_file_errors() -> Iterator[None]:
    """Turn errors of an array that was read from a file into errors of the file."""
    try:
        yield
    except ArrayError as error:
        raise FileError(str(error)) from error

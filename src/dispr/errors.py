"""Errors that a user can act on."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path


class DisprError(Exception):
    """A problem with the input, the settings or the environment.

    The message names the file or argument and how to correct it. The command line prints it without
    a traceback and exits with code 2.
    """


class FileError(DisprError):
    """A file cannot be read or written, or has invalid content."""


class WriteError(FileError):
    """A file cannot be written."""


class WorkerError(DisprError):
    """A process that worked for this one was ended from outside."""


class ArrayError(DisprError):
    """An array has the wrong shape, type or values."""


class NoCellsError(ArrayError):
    """An image contains no cell that can be predicted."""


class ConfigError(DisprError):
    """A setting is invalid, or settings contradict one another."""


class DisprWarning(UserWarning):
    """What a user must know of a result that is there; the command line prints it as a line."""


@contextlib.contextmanager
def as_file_errors(but: tuple[type[ArrayError], ...] = ()) -> Iterator[None]:
    """Turn errors of an array that was read from a file into errors of the file.

    Parameters
    ----------
    but : tuple of type
        Errors that stay as they are.
    """
    try:
        yield
    except but:
        raise
    except ArrayError as error:
        raise FileError(str(error)) from error


@contextlib.contextmanager
def as_damaged(message: str) -> Iterator[None]:
    """Turn whatever a package raises for a damaged file into one sentence about the file.

    Packages that read formats of others raise errors of many types. Our own, and a lack of memory,
    stay as they are.

    Raises
    ------
    FileError
        With the message.
    """
    try:
        yield
    except (DisprError, MemoryError):
        raise
    except Exception as error:
        raise FileError(message) from error


def read_error(path: Path | str, error: OSError) -> FileError:
    """Say in one sentence why a file could not be read."""
    return FileError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.")


def write_error(path: Path, error: OSError) -> WriteError:
    """Say in one sentence why a file could not be written."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
        return WriteError(f"Cannot write {path}: the disk is full; free some space and run again.")
    reason = (error.strerror or str(error)).lower()
    return WriteError(f"Cannot write {path}: {reason}; choose a folder that you can write to.")

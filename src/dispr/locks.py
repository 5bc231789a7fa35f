"""One writer at a time: what a command writes to is held until it ends, or dies."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from dispr.errors import ConfigError, FileError, write_error
from dispr.files import make_folder, sweep

LOCK = ".dispr-lock"
"""In a folder that is written to; of a file NAME it is `.NAME.dispr-lock` beside it."""

_held: dict[str, int] = {}
"""How often this process holds each lock."""


@contextlib.contextmanager
def hold(target: str | os.PathLike[str], *, folder: bool = True) -> Iterator[None]:
    """Hold a folder or a file, so that no other process writes to it.

    The lock is one of the operating system: it ends with this process, however that ends. The same
    process may hold it again inside. What dead processes left half-written in the folder is swept.

    Parameters
    ----------
    target : path
        What is written to.
    folder : bool
        Whether it is a folder.

    Raises
    ------
    ConfigError
        If another process holds it.
    FileError
        If the folder cannot be made or written to.
    """
    from filelock import FileLock, Timeout

    path = Path(os.path.abspath(target))
    lock = path / LOCK if folder else path.with_name(f".{path.name}{LOCK}")
    name = os.path.normcase(os.path.realpath(lock))
    if name in _held:
        _held[name] += 1
        try:
            yield
        finally:
            _held[name] -= 1
        return
    if folder and path.is_file():
        raise FileError(f"{path} is a file; name a folder.")
    made = _missing(lock.parent)
    make_folder(lock.parent)
    system = FileLock(lock, timeout=0, thread_local=False)
    about = lock.with_name(f"{lock.name}.json")
    try:
        system.acquire()
        about.write_text(json.dumps(_myself()), encoding="utf-8")
    except Timeout as error:
        raise ConfigError(
            f"{path} is in use by {_holder(about)}; wait until that has ended, or name another."
        ) from error
    except OSError as error:
        raise write_error(lock, error) from error
    _held[name] = 1
    try:
        sweep(lock.parent, deep=folder)
        yield
    finally:
        del _held[name]
        about.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # Windows removes no open file
            lock.unlink(missing_ok=True)
        system.release()
        with contextlib.suppress(OSError):
            lock.unlink(missing_ok=True)
        for parent in made:  # nothing was written
            with contextlib.suppress(OSError):
                parent.rmdir()


def holder(folder: Path) -> str:
    """Give what the lock of a folder says of the process that holds it; nothing if none does."""
    try:
        return (folder / f"{LOCK}.json").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _missing(folder: Path) -> list[Path]:
    """List the folders of a path that do not exist, the innermost first."""
    found = []
    while not folder.exists() and folder != folder.parent:
        found.append(folder)
        folder = folder.parent
    return found


def _myself() -> dict[str, Any]:
    return {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "command": shlex.join(["dispr", *sys.argv[1:]])[:200],
        "since": datetime.now().astimezone().isoformat(" ", "minutes"),
    }


def _holder(about: Path) -> str:
    try:
        found = json.loads(about.read_text(encoding="utf-8"))
        return (
            f"process {found['process']} on {found['host']} since {found['since']} "
            f"({found['command']})"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"

"""Checksums of the files that the program writes to a folder, so that damage is told when read.

A folder whose files are read back later holds `dispr_checksums.txt`, with a line for each file as
`sha256sum` writes it. All that `dispr.files.atomic_path` writes below it is recorded there, and
what is read back is compared. Files without a line, of earlier versions say, are read as they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path

from dispr.errors import FileError, read_error, write_error
from dispr.limits import largest_table, raise_it

NAME = "dispr_checksums.txt"

LEVELS = 4
"""How far above a file its folder's checksums may be, such as for OUT/train/image/NAME.tif."""

_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
BYTES = 32
"""Of a checksum."""

SHORT = 2**14
"""Bytes of a list to which a line that it has already is not added again."""

_known: dict[Path, tuple[int, int, int, dict[str, bytes]]] = {}
_lock = threading.Lock()

_kept_back: ContextVar[dict[str, str] | None] = ContextVar("kept_back", default=None)


@contextlib.contextmanager
def kept_back() -> Iterator[dict[str, str]]:
    """Collect the checksums of what is written in the block, instead of recording them.

    For processes that write to a folder together: one of them records all (`record_all`), since
    lines that several computers append to a file of a network may be lost.

    Yields
    ------
    dict of str to str
        Checksums by the names of the files in their folder.
    """
    found: dict[str, str] = {}
    token = _kept_back.set(found)
    try:
        yield found
    finally:
        _kept_back.reset(token)


def record_all(folder: Path, digests: Mapping[str, str]) -> None:
    """Record checksums of files of a folder that another process has written.

    Raises
    ------
    OSError
        If the list cannot be written.
    """
    lines = [f"{digest}  {name}\n" for name, digest in digests.items()]
    if lines and (folder / NAME).is_file():
        _append(folder / NAME, lines)


def _append(sums: Path, lines: list[str]) -> None:
    with open(sums, "ab") as file:
        file.write("".join(lines).encode("utf-8", "surrogateescape"))
        file.flush()
        os.fsync(file.fileno())


def guard(folder: str | os.PathLike[str]) -> None:
    """Record the checksums of what is written to a folder from now on.

    Raises
    ------
    FileError
        If the folder cannot be written to, or its checksums are damaged.
    """
    path = Path(folder) / NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            path.touch()
            return
        _sums(path)
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):  # a line that was cut short as a run was killed
            with open(path, "r+b") as file:
                file.truncate(whole)
    except OSError as error:
        raise write_error(path, error) from error


def record(path: Path, content: Path | bytes) -> None:
    """Record the checksum of a file that is about to be written, if its folder has checksums.

    The one before stays valid: if the program is killed before the file is replaced, the old one is
    still good.

    Parameters
    ----------
    path : Path
        The file.
    content : Path or bytes
        What it will hold, or the file that will take its place.
    """
    found = _place(path)
    if found is None:
        return
    sums, name = found
    digest = (
        file_digest(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()
    )
    if "\n" in name or "\r" in name:
        return
    collected = _kept_back.get()
    if collected is not None:
        collected[name] = digest
        return
    # Long lists are neither read nor kept: long runs write many files.
    if sums.stat().st_size < SHORT and _sums(sums).get(name, b"")[-BYTES:] == bytes.fromhex(digest):
        return
    _append(sums, [f"{digest}  {name}\n"])


def check(path: str | os.PathLike[str]) -> None:
    """Compare a file with its checksum, if one was recorded.

    Raises
    ------
    FileError
        If the file is not as the program wrote it, or the checksums are damaged.
    """
    path = Path(path)
    found = _place(path)
    if found is None:
        return
    sums, name = found
    known = _sums(sums).get(name)
    if known is None:
        return
    try:
        digest = file_digest(path)
    except OSError:  # for its reader to say
        return
    if bytes.fromhex(digest) not in (known[:BYTES], known[-BYTES:]):
        sums = sums if path.is_absolute() else Path(os.path.relpath(sums))
        raise FileError(
            f"{path} is damaged, or was changed by another program after dispr wrote it; create "
            f"it again, or, if you changed it on purpose, remove its line from {sums}."
        )


def _place(path: Path) -> tuple[Path, str] | None:
    """Find the checksums that a file belongs to, and its name in them."""
    whole = Path(os.path.abspath(path))
    for folder in whole.parents[:LEVELS]:
        sums = folder / NAME
        if sums.is_file() and sums != whole:
            return sums, whole.relative_to(folder).as_posix()
    return None


def _sums(path: Path) -> dict[str, bytes]:
    """Read checksums by the name of the file: the last of each, behind the one before it.

    What was read before is kept, and of long lists only what was written since is read.
    """
    try:
        with open(path, "rb") as file:
            about = os.fstat(file.fileno())
            with _lock:
                before = _known.get(path)
            inode, time, size, found = before or (0, 0, 0, {})
            if (time, size) == (about.st_mtime_ns, about.st_size) and inode == about.st_ino:
                return found
            if inode != about.st_ino or about.st_size <= size or size < SHORT:
                size, found = 0, {}  # it did not only grow, or is read soon
            if about.st_size > largest_table():
                raise FileError(f"{path} is larger than any that dispr writes; {raise_it()}.")
            file.seek(size)
            content = file.read()
    except OSError as error:
        raise read_error(path, error) from error
    whole = content[: content.rfind(b"\n") + 1]
    for line in whole.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        match = _LINE.fullmatch(line.rstrip("\r"))
        if match is None:
            raise FileError(
                f"{path} is damaged; check the files in its folder, and remove it to skip the "
                "check."
            )
        digest = bytes.fromhex(match[1])
        last = found.get(match[2], b"")[-BYTES:]
        if digest != last:
            found[match[2]] = last + digest
    with _lock:
        _known[path] = about.st_ino, about.st_mtime_ns, size + len(whole), found
    return found


def files_digest(paths: Iterable[Path], about: str = "") -> str:
    """Give one checksum of the contents of some files, in their order.

    Parameters
    ----------
    paths : iterable of Path
        The files; their names do not matter.
    about : str
        What else it depends on.

    Returns
    -------
    str
        16 hexadecimal digits.

    Raises
    ------
    FileError
        If one cannot be read.
    """
    found = hashlib.sha256(about.encode("utf-8", "surrogateescape"))
    for path in paths:
        try:
            found.update(bytes.fromhex(file_digest(path)))
        except OSError as error:
            raise read_error(path, error) from error
    return found.hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Give the SHA-256 of a file, 64 hexadecimal digits, however large it is.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()

"""Results that come in one by one: appended to a file, read back by name, never rewritten."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dispr.errors import write_error
from dispr.files import atomic_path, make_folder
from dispr.records import parse_json

Entry = dict[str, Any]


class Journal:
    """A file of entries, one a line: the name, what is known of it, and a checksum of the line.

    Name and content are JSON, with tabs between.

    Of two entries of one name the later one counts. Lines that are damaged, or were cut short when
    a run was killed, are left out. Only where each entry is, is kept in memory.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    is_valid : callable, optional
        Tells of an entry whether it is one; others are as those that are damaged.
    """

    def __init__(self, path: Path, is_valid: Callable[[Entry], bool] | None = None) -> None:
        self.path, self._is_valid = path, is_valid
        self._places: dict[str, int] = {}
        self._end = 0
        self._torn = self._waste = False
        try:
            with open(path, "rb") as file:
                for line in file:
                    found = _split(line)
                    self._waste |= found is None or found[0] in self._places
                    if found is not None:
                        self._places[found[0]] = self._end
                    self._torn = not line.endswith(b"\n")
                    self._end += len(line)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise write_error(path, error) from error

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        """Give the names, in the order in which they were first written."""
        return iter(self._places)

    def __getitem__(self, name: str) -> Entry:
        place = self._places[name]
        with open(self.path, "rb") as file:
            file.seek(place)
            found = _split(file.readline())
        try:
            entry = parse_json(found[1] if found else "")
        except ValueError as error:
            raise KeyError(name) from error
        if self._is_valid is not None and not self._is_valid(entry):
            raise KeyError(name)
        return entry

    def get(self, name: str) -> Entry | None:
        """Give the entry of a name; None if there is none."""
        try:
            return self[name]
        except KeyError:
            return None

    def append(self, entries: Mapping[str, Entry]) -> None:
        """Write entries, by name, and wait until they are on the disk.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        lines = [_line(name, entry) for name, entry in entries.items()]
        gap = b"\n" if self._torn else b""
        try:
            make_folder(self.path.parent)
            with open(self.path, "ab") as file:
                file.write(gap + b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise write_error(self.path, error) from error
        self._torn = False
        self._end += len(gap)
        for name, line in zip(entries, lines, strict=True):
            self._waste |= name in self._places
            self._places[name] = self._end
            self._end += len(line)

    def compact(self) -> None:
        """Leave out what later entries replaced, and what is damaged, if there is any.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        if not (self._places and self._waste):
            return
        places, end = {}, 0
        written = atomic_path(self.path, recorded=False)
        with written as temporary, open(temporary, "wb") as file:
            for name in self._places:
                entry = self.get(name)
                if entry is not None:
                    places[name] = end
                    end += file.write(_line(name, entry))
        self._places, self._end = places, end
        self._torn = self._waste = False


def _line(name: str, entry: Entry) -> bytes:
    content = f"{json.dumps(name)}\t{json.dumps(entry)}"
    return f"{content}\t{_checksum(content)}\n".encode()


def _split(line: bytes) -> tuple[str, str] | None:
    """Give the name and the content of a line; None of a damaged one."""
    content, _, digest = line.decode("utf-8", "replace").rstrip("\r\n").rpartition("\t")
    name, tab, entry = content.partition("\t")
    if not tab or digest != _checksum(content):
        return None
    try:
        known = json.loads(name)
    except (ValueError, RecursionError):
        return None
    return (known, entry) if isinstance(known, str) else None


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]

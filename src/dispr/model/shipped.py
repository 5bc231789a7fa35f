"""The weights that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispr.errors import FileError
from dispr.records import read_json

FOLDER = Path(__file__).parents[1] / "weights"
INDEX = FOLDER / "index.json"


def shipped_weights(name: str = "fast") -> tuple[Path, str]:
    """Give the file of shipped weights and the SHA-256 that it must have.

    Raises
    ------
    FileError
        If the package was installed without them.
    """
    try:
        entry = read_json(INDEX)[name]
    except (FileError, KeyError) as error:
        raise FileError(
            f"the weights {name} are not installed in {FOLDER}; install dispr again, or give "
            "other weights."
        ) from error
    return FOLDER / entry["file"], entry["sha256"]


def shipped_remarks(sha256: str) -> dict[str, Any]:
    """Give what is known of shipped weights that do not state it themselves.

    Parameters
    ----------
    sha256 : str
        Checksum of their file, wherever it lies.

    Returns
    -------
    dict
        `name` and `frame` as weights state them; empty for other files.
    """
    for name, entry in _entries(sha256).items():
        if "frame" in entry:
            return {"name": name, "frame": entry["frame"]}
    return {}


def shipped_intervals(sha256: str) -> dict[str, Any]:
    """Give the intervals of shipped weights that were calibrated again since they were written.

    Parameters
    ----------
    sha256 : str
        Checksum of their file, wherever it lies.

    Returns
    -------
    dict
        `intervals` as weights state them (`dispr.intervals.rules.Intervals.to_dict`); empty for
        other files.

    Raises
    ------
    FileError
        If the package was installed without them.
    """
    for entry in _entries(sha256).values():
        if "intervals" in entry:
            return {"intervals": read_json(FOLDER / entry["intervals"])}
    return {}


def _entries(sha256: str) -> dict[str, Any]:
    """Give what the index states of a file, by name; nothing of another file."""
    try:
        index = read_json(INDEX)
    except FileError:
        return {}
    return {name: entry for name, entry in index.items() if entry.get("sha256") == sha256}

"""What machines are told of a file: its media type, its size and its SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dispr.checksums import file_digest
from dispr.errors import read_error
from dispr.names import JPEG, PNG, TIFF

MEDIA_TYPES = {
    **dict.fromkeys(TIFF, "image/tiff"),
    **dict.fromkeys(PNG, "image/png"),
    **dict.fromkeys(JPEG, "image/jpeg"),
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".txt": "text/plain",
}
"""Media types by the ends of names (https://www.iana.org/assignments/media-types), the same on all
computers."""

UNKNOWN = "application/octet-stream"


@dataclass(frozen=True)
class Description:
    """What machines are told of a file.

    Attributes
    ----------
    media_type : str
        Such as "text/csv"; "application/octet-stream" where it is not known.
    size : int
        In bytes.
    sha256 : str
        64 hexadecimal digits.
    """

    media_type: str
    size: int
    sha256: str


def media_type(ending: str) -> str:
    """Give the media type of files by the end of their names, such as ".csv"."""
    return MEDIA_TYPES.get(ending.lower(), UNKNOWN)


def describe(path: Path) -> Description:
    """Describe a file to machines.

    Raises
    ------
    FileError
        If it cannot be read.
    """
    try:
        return Description(media_type(path.suffix), path.stat().st_size, file_digest(path))
    except OSError as error:
        raise read_error(path, error) from error

"""Names of files: which files of a folder count, and which names are the same."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from dispr.errors import FileError

TIFF = (".tif", ".tiff")
PNG = (".png",)
JPEG = (".jpg", ".jpeg")

MICROSCOPES = (".czi", ".nd2", ".lif")
"""Formats of microscopes, which other packages read."""

PICTURES = (*TIFF, *PNG, *JPEG)
"""Formats of images. JPEG changes values, so that masks and labels in it are refused."""

ROIS, POLYGONS = (".roi", ".zip"), (".geojson", ".json")

REGIONS = (*ROIS, *POLYGONS)
"""Formats of outlines in place of labels: regions of ImageJ; GeoJSON and COCO."""

LABELS = (
    *("cp_masks", "masks", "labels", "label", "lbl", "mask", "labelled", "labeled"),
    *("instances", "segmentation", "segmented", "seg", "object identities"),
)
"""What programs put behind the name of an image to name its labels; likelier ones first."""

_BEHIND = re.compile(rf"(.+?)[ _.-]+({'|'.join(LABELS)})", re.IGNORECASE)
_BEFORE = re.compile(
    r"(?:(?:count )?masks? of |segmentation of |(?:masks?|labels?|seg|segmentation)[ _-])(.+)",
    re.IGNORECASE,
)


def key(name: str) -> str:
    """Give a name in the form in which names are compared: composed Unicode (NFC).

    macOS and some programs keep accents as characters of their own, others do not; the names look
    alike.
    """
    return unicodedata.normalize("NFC", name)


def image_of(labels: str) -> tuple[str, int] | None:
    """Tell which image labels or a mask are of, by the habits of programs in naming them.

    Parameters
    ----------
    labels : str
        Name of a file without its extension, such as "a_cp_masks", "a.labels" or "Mask of a".

    Returns
    -------
    (str, int) or None
        Name of the image, and the rank of the habit, likelier ones first; None for other names.
    """
    match = _BEHIND.fullmatch(labels)
    if match:
        return match[1], LABELS.index(match[2].lower())
    match = _BEFORE.fullmatch(labels)
    return (match[1], len(LABELS)) if match else None


def printable(path: str | os.PathLike[str]) -> str:
    """Give a path as text that can be printed: bytes that are not UTF-8 become question marks."""
    return os.fspath(path).encode("utf-8", "replace").decode("utf-8")


def count_of(count: int, one: str, several: str = "") -> str:
    """Give a count with its word: "1 cell", "2 cells".

    Parameters
    ----------
    count : int
        How many.
    one, several : str
        What there is, of one and of others; the plural takes an s if not given.
    """
    return f"{count} {one if count == 1 else several or one + 's'}"


def some_of(names: Sequence[str]) -> str:
    """List the first three of many names."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def missing(path: str | os.PathLike[str]) -> FileError:
    """Make the error about a path where there is nothing, or a link to nothing."""
    if os.path.islink(path):
        return FileError(
            f"{printable(path)} is a link to {printable(os.readlink(path))}, which does not "
            "exist; download its content (git annex get, datalad get), or remove the link."
        )
    return FileError(f"{printable(path)} does not exist; check the name.")


ZARR = ".zarr"

ZARR_FILES = (".zattrs", ".zgroup", ".zarray", ".zmetadata", "zarr.json")
"""Files that say what a folder of Zarr holds."""


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is one of Zarr, such as an image in OME-Zarr."""
    try:
        if not path.is_dir():
            return False
        named = path.name.lower().endswith(ZARR)
        return named or any((path / name).is_file() for name in ZARR_FILES)
    except (OSError, ValueError):  # too long a name, or with zero bytes
        return False


def refuse_zarr(path: Path) -> None:
    """Refuse a folder that is an OME-Zarr, where only files are read.

    Raises
    ------
    FileError
        If it is one.
    """
    if is_zarr(path):
        raise FileError(
            f"{path} is an OME-Zarr, which is read as a field of view or stack only; save it as "
            "OME-TIFF."
        )


def visible_files(
    folder: Path, suffixes: Sequence[str], faults: list[str] | None = None
) -> list[Path]:
    """List the files of a folder that count, in order of their names.

    Hidden files (those of macOS that begin with "._" among them), folders and other formats are
    passed over.

    Parameters
    ----------
    folder : Path
        An existing folder.
    suffixes : sequence of str
        Extensions in small letters; capitals do not matter. With that of Zarr, folders of this name
        count too.
    faults : list of str, optional
        Receives a sentence for each file that cannot be used, instead of an error for the first.

    Raises
    ------
    FileError
        If there is a link to nothing, or a name that is not UTF-8, which no table could hold.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.name.lower().endswith(tuple(suffixes)):
            continue
        try:
            if not path.exists():
                raise missing(path)
            if printable(path.name) != path.name:
                raise FileError(f"{printable(path)} has a name that is not UTF-8; rename it.")
        except FileError as error:
            if faults is None:
                raise
            faults.append(str(error))
            continue
        if path.is_file() or (ZARR in suffixes and is_zarr(path)):
            found.append(path)
    return found


def same_file(path: Path) -> Path | None:
    """Find the file of a path, be its name written in another Unicode form or extension's case.

    Raises
    ------
    FileError
        If it is a link to nothing, or several files could be meant.
    """
    if path.exists():
        return path
    if path.is_symlink():
        raise missing(path)
    if not path.parent.is_dir():
        return None

    def folded(name: str) -> str:
        stem, suffix = os.path.splitext(key(name))
        return stem + suffix.lower()

    alike = [one for one in path.parent.iterdir() if folded(one.name) == folded(path.name)]
    if len(alike) > 1:
        raise FileError(f"{alike[0]} and {alike[1].name} have the same name; rename one of them.")
    if alike and not alike[0].exists():
        raise missing(alike[0])
    return alike[0] if alike else None

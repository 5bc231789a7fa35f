"""Download the published data set, resumable and checked against its hashes.

The record's file list, with an MD5 hash for each file, is asked of Zenodo; archives are unpacked.
"""

from __future__ import annotations

import hashlib
import os
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dispr.cells.download import ResumingDownload, get_json
from dispr.cells.folder import KINDS, LAYOUT, SPLITS
from dispr.cells.unpack import unzip
from dispr.errors import FileError

RECORD = "https://zenodo.org/api/records/7031924"
PAGE = "https://zenodo.org/records/7031924"

DEPTH = 4
"""How many folders deep the cells may lie in an archive."""


def fetch(
    destination: str | os.PathLike[str],
    base_url: str = RECORD,
    registry: Mapping[str, str] | None = None,
    progress: bool = False,
) -> Path:
    """Download and unpack a data set; what is already there is not downloaded again.

    Parameters
    ----------
    destination : path
        Folder for the downloaded files and what they unpack to. Archives stay, so that another run
        finds them; they may be deleted once their folder is there.
    base_url : str
        Address of a record in Zenodo's API; with `registry`, of any folder on a web server.
    registry : mapping or None
        Hash (as "md5:..." or "sha256:...") of each file to download; None to ask the record.
    progress : bool
        Whether to show progress on standard error.

    Returns
    -------
    Path
        The folder to name in training: the one that holds `train` and `test`, or `image` and
        `mask`.

    Raises
    ------
    FileError
        If the server cannot be reached or refuses, a file does not match its hash, an archive is
        damaged or unsafe, or no cells are found in what was downloaded.
    """
    destination = Path(destination)
    if registry is None:
        files = _record_files(base_url)
    else:
        files = {
            name: (f"{base_url.rstrip('/')}/{urllib.parse.quote(name)}", known_hash)
            for name, known_hash in registry.items()
        }
    for name, (_, known_hash) in files.items():
        _refuse_odd(name, known_hash, base_url)
    folders = []
    for name, (url, known_hash) in files.items():
        if not name.lower().endswith(".zip"):
            _retrieve(url, known_hash, destination, name, progress)
            continue
        folder = destination / Path(name).stem
        # Unpacking is all or nothing, so a folder that holds anything is whole.
        if not (folder.is_dir() and any(folder.iterdir())):
            unzip(_retrieve(url, known_hash, destination, name, progress), folder)
        folders.append(folder)
    # Archives of one part each (train.zip, or image.zip and mask.zip) make a set side by side.
    if not folders or any(folder.name in (*SPLITS, *KINDS) for folder in folders):
        folders = [destination]
    return find_layout(folders)


def find_layout(folders: Sequence[Path]) -> Path:
    """Find the nearest folder at or below the given ones that holds cells.

    Returns
    -------
    Path
        The folder with `train` or `test` holding `image` and `mask`, or with `image` and `mask`.

    Raises
    ------
    FileError
        If there is none within `DEPTH` levels.
    """
    level = list(folders)
    for _ in range(DEPTH):
        for candidate in level:
            if any(_holds_cells(base) for base in (candidate, *(candidate / s for s in SPLITS))):
                return candidate
        level = [path for parent in level for path in sorted(parent.iterdir()) if _is_plain(path)]
    names = [path for folder in folders for path in sorted(folder.iterdir())]
    shown = ", ".join(path.name for path in names[:5] if not path.name.startswith("."))
    raise FileError(
        f"{folders[0]} contains {shown or 'nothing'} after the download, but no folder of cells; "
        f"unpack the archives, and {LAYOUT}."
    )


def _is_plain(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not path.name.startswith(".")


def _holds_cells(folder: Path) -> bool:
    return all((folder / kind).is_dir() for kind in KINDS if kind != "obj")


def _refuse_odd(name: str, known_hash: str, source: str) -> None:
    """Refuse a file that would be written elsewhere, or that could not be checked."""
    if name in ("", ".", "..") or any(c in name for c in "/\\:"):
        raise FileError(f'{source} lists "{name}", which is not a valid file name; see {PAGE}.')
    algorithm, _, digest = known_hash.partition(":")
    if algorithm not in hashlib.algorithms_available or not digest:
        raise FileError(
            f'{source} gives "{known_hash}" for {name}, an unknown type of hash; '
            f"download it manually from {PAGE} and check it."
        )


def _record_files(url: str) -> dict[str, tuple[str, str]]:
    """Ask Zenodo for the files of a record: address and hash by name."""
    # Pooch lists them too, but waits without end and takes any answer of a server for a list.
    try:
        record = get_json(url)
    except FileError as error:
        if url != RECORD:
            raise
        raise FileError(f"{str(error)[:-1]}, or download manually from {PAGE}.") from error
    try:
        files = {
            _text(f["key"]): (_text(f["links"]["self"]), _text(f["checksum"]))
            for f in record["files"]
        }
    except (KeyError, TypeError) as error:
        raise FileError(
            f"{url} has an unexpected format; download the files manually from {PAGE}."
        ) from error
    if not files:
        raise FileError(f"{url} lists no files; see {PAGE}.")
    return files


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _retrieve(url: str, known_hash: str, folder: Path, name: str, progress: bool) -> Path:
    """Download one file with pooch, which checks the hash before the file gets its name."""
    import pooch

    # pooch announces each download; the progress bar does so better.
    pooch.get_logger().setLevel("WARNING")
    algorithm, _, digest = known_hash.partition(":")
    # The hash in its name keeps the part of an older version from being taken up.
    part = folder / f".{name}.{digest[:12]}.part"
    try:
        pooch.retrieve(
            url,
            known_hash=known_hash,
            fname=name,
            path=folder,
            downloader=ResumingDownload(part, label=name, progress=progress),
        )
    except ValueError as error:
        raise FileError(
            f"{url} does not match its {algorithm} hash and was removed; "
            "run again; if the error remains, the file on the server was changed or is damaged."
        ) from error
    except OSError as error:
        raise FileError(
            f"Cannot write {folder / name}: {(error.strerror or str(error)).lower()}; "
            "choose a writable folder with enough free space."
        ) from error
    return folder / name

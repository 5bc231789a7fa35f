"""Unpack an archive from elsewhere, safely and all or nothing."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from dispr.errors import FileError
from dispr.limits import largest_archive, raise_it

MOST_MEMBERS = 10**6
DEEPEST = 32
"""Most members of an archive, and folders in one another."""

BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compressions of which Python expands no more than is asked for."""


def unzip(archive: Path, folder: Path) -> None:
    """Unpack a zip archive into a folder that does not exist yet or is empty.

    An archive `cells.zip` with the one folder `cells` in it gives `folder`, not `folder/cells`.

    Raises
    ------
    FileError
        If the archive is damaged, encrypted, compressed otherwise than by Deflate, larger than is
        unpacked (`dispr.limits`) or than the free space, or has members that are links or lie
        outside of it. Nothing is left in that case.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            members = [m for m in file.infolist() if not m.filename.startswith("__MACOSX/")]
            _refuse_unsafe(archive, members)
            # On the same disk, so that the last step is a rename.
            with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder.parent) as temporary:
                target = Path(temporary) / "content"
                target.mkdir()
                for member in members:
                    file.extract(member, target)
                inner = list(target.iterdir())
                wrapped = len(inner) == 1 and inner[0].is_dir() and inner[0].name == folder.name
                if folder.is_dir():
                    folder.rmdir()  # an empty one; Windows does not rename onto it
                os.replace(inner[0] if wrapped else target, folder)
    except FileError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"{archive} cannot be unpacked to {folder}: {reason}.") from error
    except Exception as error:  # zipfile raises many types for a damaged archive
        raise FileError(
            f"{archive} is not a zip archive or damaged; delete it and run again."
        ) from error


def _refuse_unsafe(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_MEMBERS:
        raise FileError(f"{archive} has {len(members)} files, which is more than expected.")
    for member in members:
        name = member.filename
        if len(name) > 1000 or len(PurePosixPath(name).parts) > DEEPEST or not name.isprintable():
            raise FileError(f"{archive} contains a file with an invalid name; unpack it manually.")
        windows = PureWindowsPath(name)
        outside = name.startswith(("/", "\\")) or windows.drive or windows.is_absolute()
        if outside or ".." in windows.parts or ".." in PurePosixPath(name).parts:
            raise FileError(
                f'{archive} is not safe: its file "{name}" would be written outside of '
                "the target folder; do not unpack it."
            )
        if stat.S_ISLNK(member.external_attr >> 16):
            raise FileError(
                f'{archive} is not safe: its file "{name}" is a link; do not unpack it.'
            )
        if member.flag_bits & 1:
            raise FileError(f"{archive} is encrypted; unpack it manually.")
        if member.compress_type not in BOUNDED:
            raise FileError(
                f"{archive} uses a compression other than Deflate; unpack it manually, or "
                "compress it again."
            )
    # zipfile unpacks no more of a member than it declares, so the sum is a bound.
    size = sum(member.file_size for member in members)
    free = shutil.disk_usage(archive.parent).free
    if size > free:
        raise FileError(
            f"{archive} would unpack to {size / 1e9:.1f} GB, more than the {free / 1e9:.1f} GB "
            "that are free."
        )
    if size > largest_archive():
        raise FileError(
            f"{archive} would unpack to {size / 1e9:.1f} GB, more than the limit; {raise_it()}."
        )

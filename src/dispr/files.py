"""Read TIFF files of our own with clear errors; write any file all or nothing."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import logging
import math
import os
import shutil
import socket
import struct
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr import checksums
from dispr.errors import DisprError, FileError, write_error
from dispr.expansion import check_expansion
from dispr.limits import largest_image, largest_plane, raise_it
from dispr.zipped_planes import zipped_planes

HALF_WRITTEN = ".writing-"
"""What names of files and folders begin with until they are whole; their process follows."""


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], *, recorded: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it when the block ends without error.

    A reader sees the old file or the whole new one, never a part, also after a loss of power: the
    file is on the disk before it gets its name. The temporary file is removed when the block fails
    or is interrupted.

    Parameters
    ----------
    path : path
        File to write.
    recorded : bool
        Record its checksum where its folder has some; not of files that are appended to.

    Raises
    ------
    FileError
        If the folder cannot be written to or the disk is full.
    """
    target = Path(path)
    make_folder(target.parent)
    temporary = _half_written(target)
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        sync(temporary)
        if recorded:
            checksums.record(target, temporary)
        os.replace(temporary, target)
        sync(target.parent)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that replaces it when the block ends without error.

    As `atomic_path`, for a folder of files that are written in some other way.

    Raises
    ------
    FileError
        If it cannot be written to or the disk is full.
    """
    target = Path(path)
    make_folder(target.parent)
    temporary, before = _half_written(target), _half_written(target)
    try:
        temporary.mkdir()
        yield temporary
        for inner in temporary.rglob("*"):
            sync(inner)
        if target.exists():
            os.replace(target, before)
        os.replace(temporary, target)
        sync(target.parent)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        if before.exists() and not target.exists():
            os.replace(before, target)
        for folder in (temporary, before):
            shutil.rmtree(folder, ignore_errors=True)


def _half_written(target: Path) -> Path:
    """Choose a new name beside a path, by which `sweep` knows it.

    It is known before anything is made, so that an interruption at any moment can remove it.
    """
    mark = f"{HALF_WRITTEN}{os.getpid()}-{_host()}-{uuid.uuid4().hex[:12]}"
    return target.with_name(mark + target.suffix)


def _host() -> str:
    """Give a short word for this computer."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    folder = path.is_dir()
    if folder and os.name == "nt":  # which cannot
        return
    handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if not folder or error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def sweep(folder: Path, deep: bool = True) -> None:
    """Remove what processes that are dead left half-written in a folder, and in those inside it.

    Files and folders of other computers, which may be alive, are left for a day.
    """
    for place, folders, files in os.walk(folder):
        for name in [*files, *folders]:
            if name.startswith(HALF_WRITTEN):
                path = Path(place, name)
                with contextlib.suppress(OSError):
                    if _is_dead(path):
                        shutil.rmtree(path) if name in folders else path.unlink()
        folders[:] = [name for name in folders if deep and not name.startswith(HALF_WRITTEN)]


def _is_dead(path: Path) -> bool:
    process, host = [*path.name.removeprefix(HALF_WRITTEN).split("-"), ""][:2]
    if process.isdecimal() and host == _host():
        return not _is_alive(int(process))
    return time.time() - path.stat().st_mtime > 24 * 3600


def _is_alive(process: int) -> bool:
    if process == os.getpid():
        return True
    if os.name == "nt":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x100000, False, process)  # type: ignore[attr-defined]
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)  # type: ignore[attr-defined]
        return bool(handle)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def make_folder(path: str | os.PathLike[str]) -> None:
    """Make a folder and those above it, unless they are there.

    Raises
    ------
    FileError
        If it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(Path(path), error) from error


def read_tiff(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a TIFF file that this program wrote, as an array of its own shape and type.

    Files of others are for `dispr.images.read`, which looks at what they say of their pixels.

    Raises
    ------
    FileError
        If the file is missing, is not a TIFF file, is truncated, states more pixels than are read,
        or is compressed in a way that needs a package that is not installed.
    """
    path = Path(path)
    checksums.check(path)
    planes = zipped_planes(path)
    if planes is not None:
        check_size(path, planes.shape, planes.dtype.itemsize)
        volume = planes.read()
        if volume is not None:
            return volume
    # Not as OME-TIFF, which may name other files.
    with opened_tiff(path, is_ome=False, _multifile=False) as tiff:
        series = tiff.series[0]
        check_size(path, series.shape, np.dtype(series.dtype).itemsize)
        for page in series.pages:
            if page is not None:
                ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
                if max(ends, default=0) > tiff.filehandle.size:
                    raise damaged(path)
                check_expansion(path, page)
        array = series.asarray()
        if not array.size:
            raise damaged(path)
        return array


MOST_TAGS = 4096
"""Tags of a page of TIFF; tifffile takes more for the end of the file."""


def check_size(path: Path, shape: Sequence[int], itemsize: int) -> None:
    """Refuse what is too large to be read, by what its header says, before it is expanded.

    Parameters
    ----------
    path : Path
        The file.
    shape : sequence of int
        Lengths of its axes.
    itemsize : int
        Bytes of a value.

    Raises
    ------
    FileError
        If there are more bytes or more pixels in a plane than are read (`dispr.limits`). The plane
        is taken to be the two longest axes.
    """
    edges = sorted((int(n) for n in shape), reverse=True)[:2]
    bytes_ = math.prod(int(n) for n in shape) * itemsize
    if bytes_ > largest_image() or math.prod(edges) > largest_plane():
        size = " x ".join(str(n) for n in shape)
        most, edge = largest_image() / 2**30, math.isqrt(largest_plane())
        raise FileError(
            f"{path} states {size} values, {bytes_ / 2**30:.3g} GiB; at most {most:g} GiB, and "
            f"{edge:,} x {edge:,} pixels per plane, are allowed: crop it, or save it in parts; "
            f"{raise_it()}."
        )


@contextlib.contextmanager
def opened_tiff(path: Path, **options: Any) -> Iterator[Any]:
    """Open a TIFF file, and make sure that its list of pages comes to an end.

    Parameters
    ----------
    path : Path
        The file.
    **options
        For `tifffile.TiffFile`, which is given.

    Raises
    ------
    FileError
        As `tiff_errors`, here and in the block; or if its pages follow one another in a circle.
    """
    import tifffile

    with tiff_errors(path):
        _check_tags(path)
        with tifffile.TiffFile(path, **options) as tiff:
            _check_chain(path, tiff)
            yield tiff


_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value of a tag, by its type; 1 of the others."""


def _check_tags(path: Path) -> None:
    """Make sure that no tag claims more bytes than there are, which tifffile would ask for.

    What is no TIFF file, or ends too early, is left to tifffile.
    """
    with contextlib.suppress(struct.error), open(path, "rb") as file:
        whole = file.seek(0, os.SEEK_END)
        file.seek(0)
        order = ">" if file.read(2) == b"MM" else "<"
        big = struct.unpack(f"{order}H", file.read(2))[0] == 43
        counts, entries, offsets = (
            (f"{order}Q", f"{order}HHQ8x", f"{order}Q")
            if big
            else (f"{order}H", f"{order}HHI4x", f"{order}I")
        )
        file.seek(8 if big else 4)
        (offset,) = struct.unpack(offsets, file.read(struct.calcsize(offsets)))
        seen: set[int] = set()
        while offset and offset not in seen and offset < whole:
            seen.add(offset)
            file.seek(offset)
            (tags,) = struct.unpack(counts, file.read(struct.calcsize(counts)))
            if tags > MOST_TAGS:
                raise damaged(path)
            block = file.read(tags * struct.calcsize(entries))
            for _, kind, count in struct.iter_unpack(entries, block):
                if count * _SIZES.get(kind, 1) > whole:
                    raise damaged(path)
            (offset,) = struct.unpack(offsets, file.read(struct.calcsize(offsets)))


def _check_chain(path: Path, tiff: Any) -> None:
    """Follow the pages of a TIFF file; tifffile repeats those of a circle, without end or error."""
    form, handle = tiff.tiff, tiff.filehandle
    offset, seen = tiff.pages.first.offset, set()
    while offset:
        if offset in seen:
            raise FileError(f"{path} is damaged: its list of pages is circular; export it again.")
        seen.add(offset)
        handle.seek(offset)
        (tags,) = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
        if not 0 < tags <= MOST_TAGS:
            raise damaged(path)
        handle.seek(offset + form.tagnosize + tags * form.tagsize)
        (offset,) = struct.unpack(form.offsetformat, handle.read(form.offsetsize))


@contextlib.contextmanager
def tiff_errors(path: Path) -> Iterator[None]:
    """Turn what can go wrong while a TIFF file is read into an error that names the file.

    Raises
    ------
    FileError
        If the file is missing, is not a TIFF file, is truncated, does not fit the memory, or is
        compressed in a way that needs a package that is not installed.
    """
    try:
        with _truncation_seen() as truncated:
            yield
    except DisprError:
        raise
    except FileNotFoundError as error:
        raise FileError(f"{path} does not exist; check the name.") from error
    except IsADirectoryError as error:
        raise FileError(f"{path} is a folder; give a TIFF file.") from error
    except PermissionError as error:
        raise FileError(f"{path} cannot be read: permission denied.") from error
    except MemoryError as error:
        raise FileError(f"{path} does not fit in memory; crop it, or save it in parts.") from error
    except Exception as error:  # tifffile raises many types for a damaged file
        if needs_package(error):
            raise FileError(
                f"{path} uses a compression that needs another package; save it without "
                "compression, or install imagecodecs (pip install imagecodecs)."
            ) from error
        raise damaged(path) from error
    if truncated:
        raise damaged(path)


def needs_package(error: BaseException) -> bool:
    """Tell that tifffile cannot expand a file without a package that is not installed."""
    return isinstance(error, ImportError) or "imagecodecs" in str(error)


def damaged(path: Path) -> FileError:
    """Say that a TIFF file cannot be read."""
    return FileError(
        f"{path} cannot be read as TIFF: it is damaged, truncated or in another format; export it "
        "again."
    )


@contextlib.contextmanager
def _truncation_seen() -> Iterator[list[str]]:
    """Collect what tifffile only logs when pages of a stack are missing.

    A stack that was cut short is otherwise read as its first page, without an error.
    """
    messages: list[str] = []
    thread = threading.get_ident()

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            said = ("invalid page offset", "Missing data are zeroed")
            if record.thread == thread and any(words in text for words in said):
                messages.append(text)

    logger = logging.getLogger("tifffile")
    handler = Collect(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)


def write_tiff(
    path: str | os.PathLike[str],
    array: np.ndarray,
    spacing: tuple[float, float, float] | None = None,
) -> None:
    """Write an array (YX or ZYX) as a compressed TIFF file that ImageJ and Fiji open as a stack.

    Parameters
    ----------
    path : path
        File to write.
    array : ndarray
        (Y, X) or (Z, Y, X), uint8, uint16, uint32 or float32.
    spacing : (float, float, float), optional
        Edges of a voxel along Z, Y and X in um, kept in the metadata as ImageJ keeps them.

    Raises
    ------
    FileError
        If the file cannot be written or the disk is full.
    """
    import tifffile

    about: dict[str, Any] = {"axes": "ZYX" if array.ndim == 3 else "YX"}
    options: dict[str, Any] = {}
    if spacing is not None:
        z, y, x = spacing
        about["unit"] = "micron"
        if array.ndim == 3:
            about["spacing"] = z
        options["resolution"] = (1 / x, 1 / y)
    with atomic_path(path) as temporary:
        # ImageJ's own way knows no integers of 32 bits.
        imagej = array.dtype != np.uint32
        tifffile.imwrite(
            temporary, array, imagej=imagej, metadata=about, compression="zlib", **options
        )


def write_csv(path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as a CSV file whose columns are the keys of the rows, in order of appearance.

    They are gone through twice, so that no more than one need be in memory: give no iterator.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

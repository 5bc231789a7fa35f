"""The one way in for images, masks, labels, stacks and 3D objects in files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from pathlib import Path

import numpy as np

from dispr.checksums import check
from dispr.errors import ArrayError, FileError, as_damaged
from dispr.images.container import changed_by_jpeg
from dispr.images.jpeg import read_jpeg
from dispr.images.kinds import kind_of
from dispr.images.microscope import open_microscope
from dispr.images.omezarr import open_zarr
from dispr.images.png import read_header, read_png
from dispr.images.sizes import StatedSize
from dispr.images.source import Source
from dispr.images.tiff import open_tiff
from dispr.images.values import Use
from dispr.names import MICROSCOPES, PICTURES, is_zarr, missing, refuse_zarr

_kept: ContextVar[dict[tuple[Path, int | str | None], Source] | None] = ContextVar(
    "kept", default=None
)
"""The images that were opened in a block of `opened_once`, by file and scene."""


def read_pixels(
    path: str | os.PathLike[str], use: Use = "image", scene: int | str | None = None
) -> tuple[np.ndarray, str]:
    """Read the pixels of a TIFF, PNG or JPEG file, as they are meant.

    The container is looked at first. A file that holds several images, parts of one, or values
    whose meaning is uncertain is refused.

    Parameters
    ----------
    path : path
        TIFF, OME-TIFF, PNG or JPEG, whichever it is by its first bytes.
    use : "image" or "labels"
        Grey values, as viewers show them; or numbers: labels, masks, objects
        (`dispr.images.values`).
    scene : int or str, optional
        Which image of an OME-TIFF file of several: its number, from 0, or its name.

    Returns
    -------
    array : ndarray
        In the bytes' order of this computer; colours without opacity, grey pictures without
        colours.
    axes : str
        A letter for each axis: Y, X, Z, T, C (channels), S (colours), or "?" where the file does
        not say.

    Raises
    ------
    FileError
        If the file cannot be read or not be understood, or is too large
        (`dispr.files.check_size`).
    """
    path = existing(path)
    try:
        kind = kind_of(path)
        if kind != "TIFF" and scene not in (None, 0):
            raise FileError(f"{path} contains one image; omit --scene.")
        if kind == "PNG":
            return read_png(path, use)
        if kind == "JPEG":
            if use == "labels":
                raise changed_by_jpeg(path)
            return read_jpeg(path)
        with open_tiff(path, scene) as container:
            return container.values(use)
    except ArrayError as error:
        raise FileError(str(error)) from error
    except MemoryError as error:
        raise FileError(f"{path} does not fit in memory; crop it, or save it in parts.") from error


def read_numbers(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a mask, labels or a 3D object; see `read_pixels`."""
    return read_pixels(path, "labels")[0]


def read_greys(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an image; see `read_pixels`."""
    return read_pixels(path, "image")[0]


def open_source(path: str | os.PathLike[str], scene: int | str | None = None) -> Source | None:
    """Open an image of a format that is read in parts; None for others.

    These are OME-Zarr, CZI, ND2 and LIF.

    Raises
    ------
    FileError
        If it cannot be read.
    ConfigError
        If a package that it takes is not installed.
    """
    path = Path(path)
    kept = _kept.get()
    if kept is not None and (path, scene) in kept:
        return kept[path, scene]
    source = None
    if is_zarr(path):
        source = open_zarr(path, scene)
    elif path.suffix.lower() in MICROSCOPES:
        source = open_microscope(existing(path), scene)
    if kept is not None and source is not None:
        kept[path, scene] = source
    return source


@contextlib.contextmanager
def opened_once() -> Iterator[None]:
    """Open images that are read in parts once in the block, for pixels, size and names together."""
    if _kept.get() is not None:
        yield
        return
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def damaged_parts(path: Path) -> AbstractContextManager[None]:
    """Turn what packages raise for damaged parts of an image into one sentence."""
    return as_damaged(f"{path} is damaged: a part cannot be read; copy it again.")


def look(
    path: str | os.PathLike[str], scene: int | str | None = None
) -> tuple[tuple[int, ...], np.dtype, str]:
    """Give shape, type and axes of what `read_pixels` would read, where possible without reading.

    Raises
    ------
    FileError
        As `read_pixels`.
    """
    source = open_source(path, scene)
    if source is not None:
        return tuple(source.array.shape), np.dtype(source.array.dtype), source.axes
    path = existing(path)
    kind = kind_of(path)
    if kind == "PNG":
        header = read_header(path)
        if len(header.shape) == 2 and header.colour == 0:
            return header.shape, np.dtype(np.uint16 if header.bits == 16 else np.uint8), "YX"
    elif kind == "TIFF":
        with open_tiff(path, scene) as container:
            if "S" not in container.axes and int(container.page.photometric) != 3:
                return container.shape, np.dtype(container.page.dtype), container.axes
    array, axes = read_pixels(path, scene=scene)
    return array.shape, array.dtype, axes


def is_jpeg(path: str | os.PathLike[str], scene: int | str | None = None) -> bool:
    """Tell whether JPEG compression has changed the values of an image, also inside TIFF.

    Raises
    ------
    FileError
        As `read_pixels`.
    """
    path = Path(path)
    if is_zarr(path) or path.suffix.lower() not in PICTURES:
        return False
    kind = kind_of(existing(path))
    if kind != "TIFF":
        return kind == "JPEG"
    with open_tiff(path, scene) as container:
        return container.jpeg


def read_size(path: str | os.PathLike[str], scene: int | str | None = None) -> StatedSize:
    """Read the voxel size that a file states: in OME-XML or in ImageJ's own way; else none.

    Parameters
    ----------
    path : path
        The file.
    scene : int or str, optional
        Which image of a file of several.

    Raises
    ------
    FileError
        As `read_pixels`.
    """
    return _stated(path, scene)[0]


def channel_names(path: str | os.PathLike[str], scene: int | str | None = None) -> tuple[str, ...]:
    """Read the names of the channels of an image; none where the file does not state them.

    Parameters
    ----------
    path : path
        The file.
    scene : int or str, optional
        Which image of a file of several.

    Raises
    ------
    FileError
        As `read_pixels`.
    """
    return _stated(path, scene)[1]


def _stated(
    path: str | os.PathLike[str], scene: int | str | None
) -> tuple[StatedSize, tuple[str, ...]]:
    """Give the voxel size and the names of the channels that a file states."""
    source = open_source(path, scene)
    if source is not None:
        return source.size, source.channels
    path = existing(path)
    if path.suffix.lower() not in PICTURES or kind_of(path) != "TIFF":
        return StatedSize(), ()
    with open_tiff(path, scene) as container:
        return container.size, container.channels


def existing(path: str | os.PathLike[str]) -> Path:
    """Make sure that a path is that of a file, and that it is as the program wrote it.

    Raises
    ------
    FileError
        If there is none, or its checksum differs (`dispr.checksums`).
    """
    path = Path(path)
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError) as error:  # too long a name, or with zero bytes
        raise missing(path) from error
    if is_folder:
        refuse_zarr(path)
        raise FileError(f"{path} is a folder; give a file.")
    if not exists:
        raise missing(path)
    check(path)
    return path

"""Read the image and the labels of a field or stack from TIFF, PNG, NPY or Cellpose files."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError, as_file_errors
from dispr.images.read import (
    channel_names,
    damaged_parts,
    existing,
    is_jpeg,
    look,
    open_source,
    read_pixels,
)
from dispr.labelled.cellpose import check_npy, holds_objects, read_cellpose
from dispr.labelled.channels import ANY, FIELD, Taken, only_labels, take
from dispr.labelled.selection import Selection
from dispr.names import PICTURES, TIFF

FORMATS = "TIFF, OME-TIFF, OME-Zarr, CZI, ND2, LIF, PNG, JPEG or NPY"


def read_image(path: Path, which: Selection = ANY, wanted: str = FIELD) -> np.ndarray:
    """Read one section or stack; see `read_section`."""
    return read_section(path, which, wanted).array


def read_section(path: Path, which: Selection = ANY, wanted: str = FIELD) -> Taken:
    """Read one section or stack, and say which it is of several.

    Parameters
    ----------
    path : Path
        TIFF, OME-TIFF, OME-Zarr, PNG, JPEG or NPY; or a `_seg.npy` of Cellpose that holds its
        image.
    which : Selection
        Which, of an image that has several channels, planes or time points.
    wanted : "YX" or "ZYX"
        Whether this is to be a section or a stack.

    Returns
    -------
    Taken
        With an array (Y, X) or (Z, Y, X), finite real numbers, in the values of the file.

    Raises
    ------
    FileError
        If the file cannot be read, or does not hold one section or stack; if a choice must be
        made, or what is chosen does not exist.
    """
    array, axes = read_array(path, "img", which.scene)
    names = functools.partial(channel_names, path, which.scene)
    with as_file_errors(), damaged_parts(path):
        taken = take(array, axes, which, str(path), wanted, names)
    if taken.array.dtype.kind == "b":
        raise FileError(f"{path} is boolean, like a mask; give an image with grey values.")
    if taken.array.dtype.kind == "f" and not np.isfinite(taken.array).all():
        raise FileError(f"{path} contains NaN or infinite values; replace them by numbers.")
    return taken


def jpeg_note(path: Path, scene: int | str | None = None) -> str:
    """Say that the values of an image were changed by its compression; empty if not.

    Raises
    ------
    FileError
        If the file cannot be read.
    """
    if not is_jpeg(path, scene):
        return ""
    return (
        f"{path} has JPEG compression, which changes grey values; prefer TIFF or PNG without loss, "
        "such as LZW or Deflate."
    )


def read_labels(path: Path, wanted: str = FIELD, section: Taken | None = None) -> np.ndarray:
    """Read the labels of a field or stack, one whole number a cell, 0 for the background.

    Parameters
    ----------
    path : Path
        TIFF, PNG, NPY; or a `_seg.npy` of Cellpose.
    wanted : "YX" or "ZYX"
        Whether these are to be of a section or of a stack.
    section : Taken, optional
        The section that the labels are of: of labels with as many planes as its file has, the same
        plane is taken.

    Returns
    -------
    ndarray
        (Y, X) or (Z, Y, X), integers or bool, in the values of the file.

    Raises
    ------
    FileError
        If the file cannot be read, or does not hold labels.
    """
    return checked_labels(*read_array(path, "masks"), path, wanted, section)


def checked_labels(
    array: Any, axes: str, path: Path, wanted: str = FIELD, section: Taken | None = None
) -> np.ndarray:
    """Check what `read_array` read of a file of labels; see `read_labels`."""
    with as_file_errors(), damaged_parts(path):
        return only_labels(array, axes, str(path), wanted, section)


def read_array(path: Path, key: str = "img", scene: int | str | None = None) -> tuple[Any, str]:
    """Read an array and the names of its axes; "?" where the file does not say.

    That of a format that is read in parts is not read yet (`dispr.images.source`).

    Parameters
    ----------
    path : Path
        TIFF, OME-TIFF, PNG or NPY; or a `_seg.npy` of Cellpose.
    key : "img" or "masks"
        Which of its arrays, of a file of Cellpose.
    scene : int or str, optional
        Which image of a file of several.

    Raises
    ------
    FileError
        If the file cannot be read.
    """
    source = open_source(path, scene)
    if source is not None:
        return source.array, source.axes
    path = existing(path)
    if path.suffix.lower() in PICTURES:
        return read_pixels(path, "image" if key == "img" else "labels", scene)
    if scene not in (None, 0):
        raise FileError(f"{path} contains one image; omit --scene.")
    if path.suffix.lower() == ".npy":
        return _read_npy(path, key)
    raise FileError(f"{path} has an unsupported format; save it as {FORMATS}.")


def _read_npy(path: Path, key: str) -> tuple[np.ndarray, str]:
    if holds_objects(path):
        array = read_cellpose(path, key)
    else:
        try:
            check_npy(path)
            array = np.load(path, allow_pickle=False)
        except Exception as error:  # numpy raises many types for a damaged header
            if isinstance(error, FileError):
                raise
            raise FileError(
                f"{path} cannot be read as NPY: it is damaged or in another format; save it again."
            ) from error
    if not array.size:
        raise FileError(f"{path} contains no pixels; save it again.")
    return np.asarray(array, array.dtype.newbyteorder("=")), "?" * array.ndim


def look_array(path: Path, key: str = "img", scene: int | str | None = None) -> tuple[Any, str]:
    """Give an array of the shape and type of that in a file, and its axes; see `read_array`."""
    if path.suffix.lower() not in TIFF:
        return read_array(path, key, scene)
    shape, dtype, axes = look(path, scene)
    return np.broadcast_to(np.zeros((), dtype), shape), axes

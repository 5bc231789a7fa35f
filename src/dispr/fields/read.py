"""Read the image and the labels of a field of view from TIFF, PNG, NPY or Cellpose files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dispr.cells.metadata import read_voxel_size
from dispr.cells.spacing import as_pixel_size
from dispr.errors import ArrayError, ConfigError, FileError
from dispr.fields.cellpose import holds_objects, read_cellpose
from dispr.fields.channels import one_channel, one_label_image
from dispr.files import read_tiff

TIFF = (".tif", ".tiff")
FORMATS = "TIFF, OME-TIFF, PNG or NPY"


def read_field(path: Path, channel: int | None = None) -> np.ndarray:
    """Read the image of a field.

    Parameters
    ----------
    path : Path
        TIFF, OME-TIFF, PNG or NPY; or a `_seg.npy` of Cellpose that holds its image.
    channel : int, optional
        Which channel, from 0, of an image that has several.

    Returns
    -------
    ndarray
        (Y, X), in the values of the file.

    Raises
    ------
    FileError
        If the file cannot be read, or does not hold one section.
    ConfigError
        If there is no such channel, or a choice must be made.
    """
    array, axes = read_array(path, "img")
    try:
        return one_channel(array, axes, channel, str(path))
    except ArrayError as error:
        raise FileError(str(error)) from error


def read_labels(path: Path) -> np.ndarray:
    """Read the labels of a field, one whole number a cell, 0 for the background.

    Parameters
    ----------
    path : Path
        TIFF, PNG, NPY; or a `_seg.npy` of Cellpose.

    Returns
    -------
    ndarray
        (Y, X), integers or bool, in the values of the file.

    Raises
    ------
    FileError
        If the file cannot be read, or does not hold labels.
    """
    array, axes = read_array(path, "masks")
    try:
        return one_label_image(array, axes, str(path))
    except ArrayError as error:
        raise FileError(str(error)) from error


def read_field_pixel_size(path: Path, pixel_size: float | None = None) -> float | None:
    """Give the edge of a field's pixels in um: the given one, or what a TIFF file states.

    Raises
    ------
    FileError
        If the file cannot be read, or states pixels that are not square.
    ConfigError
        If the given size is no positive number.
    """
    given = as_pixel_size(pixel_size)
    if given is not None or path.suffix.lower() not in TIFF:
        return given
    try:
        return read_voxel_size(path).pixel_size(str(path))
    except ConfigError as error:
        raise FileError(str(error)) from error


def read_array(path: Path, key: str = "img") -> tuple[np.ndarray, str]:
    """Read an array and the names of its axes; "?" where the file does not say.

    Parameters
    ----------
    path : Path
        TIFF, OME-TIFF, PNG or NPY; or a `_seg.npy` of Cellpose.
    key : "img" or "masks"
        Which of its arrays, of a file of Cellpose.

    Raises
    ------
    FileError
        If the file cannot be read.
    """
    if path.is_dir():
        raise FileError(f"{path} is a folder; name a file.")
    if not path.exists():
        raise FileError(f"{path} does not exist; check the name.")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise FileError(f"{path} has a format that is not read here; save it as {FORMATS}.")
    return reader(path, key)


def _read_tiff(path: Path, key: str) -> tuple[np.ndarray, str]:
    import tifffile

    array = read_tiff(path)
    with tifffile.TiffFile(path) as tiff:
        axes = tiff.series[0].axes
    return array, axes if len(axes) == array.ndim else "?" * array.ndim


def _read_png(path: Path, key: str) -> tuple[np.ndarray, str]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            if picture.mode == "P" and key == "img":
                picture = picture.convert("RGB")
            # The indices of a palette are labels, as Cellpose and others write them.
            array = np.asarray(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FileError(
            f"{path} cannot be read as PNG: it is damaged, too large or of another format; "
            "export it again, or as TIFF."
        ) from error
    return array, "YXS"[: array.ndim]


def _read_npy(path: Path, key: str) -> tuple[np.ndarray, str]:
    if holds_objects(path):
        array = read_cellpose(path, key)
    else:
        try:
            array = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise FileError(
                f"{path} cannot be read as NPY: it is damaged or of another format; save it again."
            ) from error
    return array, "?" * array.ndim


_READERS: dict[str, Callable[[Path, str], tuple[np.ndarray, str]]] = {
    ".tif": _read_tiff,
    ".tiff": _read_tiff,
    ".png": _read_png,
    ".npy": _read_npy,
}

"""Read one cell, and refuse what is not one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from dispr.cells.arrays import SECTION, SIZE, as_image, as_mask, as_obj, same_shape
from dispr.cells.classes import parse_name
from dispr.cells.folder import CellFiles
from dispr.cells.framing import Crop, shown
from dispr.cells.metadata import find_pixel_size
from dispr.cells.spacing import resized_pixel_size
from dispr.cells.square import Grid, Square, whole_square
from dispr.errors import as_file_errors
from dispr.images.read import look, read_greys, read_numbers


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell.

    Attributes
    ----------
    name : str
        File name without extension.
    image, mask : array, (64, 64), uint8
        Section through the middle of the cell and its segmentation, 0 to 255.
    obj : array, (64, 64, 64), uint8, or None
        The 3D cell, ZYX, 0 to 255; its plane 32 is the mask.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    obj: np.ndarray | None = None


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a microscopy image as (64, 64) uint8; see `dispr.cells.prepare.as_image`.

    Raises
    ------
    FileError
        If the file cannot be read or is not one 2D image of one channel.
    """
    return _checked(as_image, read_greys(path), path)


def read_mask(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a segmentation as (64, 64) uint8; see `dispr.cells.prepare.as_mask`.

    Raises
    ------
    FileError
        If the file cannot be read or is not a 2D mask of one cell.
    """
    return _checked(as_mask, read_numbers(path), path)


def read_obj(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a 3D cell as (64, 64, 64) uint8, ZYX; see `dispr.cells.prepare.as_obj`.

    Raises
    ------
    FileError
        If the file cannot be read or is not a volume of 64 x 64 x 64 that holds a cell.
    """
    return _checked(as_obj, read_numbers(path), path)


def read_crop(files: CellFiles, pixel_size: float | None = None) -> Crop:
    """Read the image and the mask of a cell as they are, with the size of their pixels.

    Parameters
    ----------
    files : CellFiles
        The cell.
    pixel_size : float, optional
        Edge of a pixel in um, instead of what the metadata say.

    Raises
    ------
    FileError
        If a file cannot be read or is refused, or image and mask differ in shape.
    """
    return _crop(files, read_original_pixel_size(files, pixel_size))


def _crop(files: CellFiles, pixel_size: float | None) -> Crop:
    image, mask = read_greys(files.image), read_numbers(files.mask)
    names = str(files.image), str(files.mask)
    with as_file_errors():
        same_shape(image, mask, *names)
    cluster = parse_name(files.name).cell_class == "cell_clusters"
    return Crop(image, mask, pixel_size, *names, cluster)


def read_framed(files: CellFiles, square: Square | None) -> Cell:
    """Read a cell without its object, as a model was shown it; whole without a square.

    Raises
    ------
    FileError
        If a file cannot be read or is refused.
    """
    crop = _crop(files, None)
    with as_file_errors():
        return Cell(files.name, *shown(crop, square or whole_square(crop.shape)))


def read_framed_obj(path: str | os.PathLike[str], grid: Grid | None) -> np.ndarray:
    """Read a 3D cell on the grid of its prediction, (64, 64, 64) uint8.

    Parameters
    ----------
    path : path
        File of the 3D cell.
    grid : (float, float, float) or None
        Where the prediction stands on the grid of the 3D cell; None where it is the same grid.

    Raises
    ------
    FileError
        If the file cannot be read, or the cell lies beyond the prediction.
    """
    obj = read_obj(path)
    if grid is None:
        return obj
    from scipy.ndimage import affine_transform

    y, x, edge = grid
    step = edge / SIZE
    # The plane of the section is one and the same.
    start = (SECTION * (1 - step), *(first + (step - 1) / 2 for first in (y, x)))
    moved: np.ndarray = affine_transform(obj.astype(np.float32), (step,) * 3, start, order=1)
    return _checked(as_obj, np.rint(moved).astype(np.uint8), path)


def read_cell(files: CellFiles) -> Cell:
    """Read the image, the mask and, where there is one, the 3D shape of a cell.

    Raises
    ------
    FileError
        If a file cannot be read or is refused, or image and mask differ in shape.
    """
    raw_image, raw_mask = read_greys(files.image), read_numbers(files.mask)
    image = _checked(as_image, raw_image, files.image)
    mask = _checked(as_mask, raw_mask, files.mask)
    with as_file_errors():
        same_shape(raw_image, raw_mask, str(files.image), str(files.mask))
    obj = None if files.obj is None else read_obj(files.obj)
    return Cell(files.name, image, mask, obj)


def read_pixel_size(files: CellFiles, pixel_size: float | None = None) -> float | None:
    """Find the size of the pixels of a cell's section at 64 x 64, and so of its voxels.

    Parameters
    ----------
    files : CellFiles
        The cell. Its image's metadata say the size of its pixels; its mask's, where these do not.
    pixel_size : float, optional
        Edge of a pixel of the image as it is in the file, in um, instead of what the metadata say.

    Returns
    -------
    float or None
        Edge in um of a pixel once the image is padded to a square and resized; None if nobody
        knows.

    Raises
    ------
    FileError
        If a file cannot be read, image and mask state different sizes, or pixels are not square.
    ConfigError
        If the given size is not a positive number.
    """
    found = read_original_pixel_size(files, pixel_size)
    return None if found is None else resized_pixel_size(found, look(files.image)[0])


def read_original_pixel_size(files: CellFiles, pixel_size: float | None = None) -> float | None:
    """Find the size of the pixels of a cell's section as it is in its file; see above."""
    return find_pixel_size(files.image, files.mask, pixel_size)


def _checked(check: Any, array: np.ndarray, path: str | os.PathLike[str]) -> np.ndarray:
    with as_file_errors():
        return check(array, os.fspath(path))

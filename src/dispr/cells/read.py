"""Read one cell, and refuse what is not one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from dispr.cells.arrays import as_image, as_mask, as_obj, same_shape
from dispr.cells.folder import CellFiles
from dispr.errors import ArrayError, FileError
from dispr.files import read_tiff


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
    return _checked(as_image, read_tiff(path), path)


def read_mask(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a segmentation as (64, 64) uint8; see `dispr.cells.prepare.as_mask`.

    Raises
    ------
    FileError
        If the file cannot be read or is not a 2D mask of one cell.
    """
    return _checked(as_mask, read_tiff(path), path)


def read_obj(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a 3D cell as (64, 64, 64) uint8, ZYX; see `dispr.cells.prepare.as_obj`.

    Raises
    ------
    FileError
        If the file cannot be read or is not a volume of 64 x 64 x 64 that holds a cell.
    """
    return _checked(as_obj, read_tiff(path), path)


def read_cell(files: CellFiles) -> Cell:
    """Read the image, the mask and, where there is one, the 3D shape of a cell.

    Raises
    ------
    FileError
        If a file cannot be read or is refused, or image and mask differ in shape.
    """
    raw_image, raw_mask = read_tiff(files.image), read_tiff(files.mask)
    image = _checked(as_image, raw_image, files.image)
    mask = _checked(as_mask, raw_mask, files.mask)
    try:
        same_shape(raw_image, raw_mask, str(files.image), str(files.mask))
    except ArrayError as error:
        raise FileError(str(error)) from error
    obj = None if files.obj is None else read_obj(files.obj)
    return Cell(files.name, image, mask, obj)


def _checked(check: Any, array: np.ndarray, path: str | os.PathLike[str]) -> np.ndarray:
    try:
        return check(array, os.fspath(path))
    except ArrayError as error:
        raise FileError(str(error)) from error

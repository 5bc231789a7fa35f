"""The voxel size that a TIFF file states, in OME-XML or in ImageJ's own way."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dispr.cells.spacing import Spacing, VoxelSize, as_pixel_size, as_spacing, close
from dispr.errors import ConfigError, FileError
from dispr.images.read import read_size


def read_voxel_size(path: str | os.PathLike[str], scene: int | str | None = None) -> VoxelSize:
    """Read the voxel size from the metadata of a TIFF file.

    OME-TIFF says PhysicalSizeX, Y and Z with their units; where it describes several images, those
    of the one that is in this file. ImageJ says the unit and the distance of planes in the image
    description, and the number of pixels to the unit in the resolution. Of other files the
    resolution is ignored: it is the printer's, 72 dots to the inch, more often than the
    microscope's. ImageJ leaves out the distance of planes where it is 1; so do programs that do not
    know it, therefore it counts as unknown. A distance of planes may be negative: the sign is the
    direction in which they were taken.

    Parameters
    ----------
    path : path
        A file that can be read as TIFF, or an OME-Zarr.
    scene : int or str, optional
        Which image of a file of several.

    Returns
    -------
    VoxelSize
        In um; None for what is not stated, or stated in pixels or in an unknown unit.

    Raises
    ------
    FileError
        If the file is missing, no TIFF file, or holds several images.
    """
    size = read_size(path, scene)
    return VoxelSize(size.z, size.y, size.x, size.wrong)


def find_pixel_size(
    image: Path,
    other: Path | None = None,
    given: float | None = None,
    scene: int | str | None = None,
) -> float | None:
    """Find the edge of the pixels of a section in um; None if nobody knows.

    Parameters
    ----------
    image : Path
        The image.
    other : Path, optional
        Its mask or labels, which are asked where the image does not say.
    given : float, optional
        The size, instead of what the files say.
    scene : int or str, optional
        Which image of a file of several.

    Raises
    ------
    FileError
        If a file cannot be read, states pixels that are not square or a size that is none, or the
        two state different sizes.
    ConfigError
        If the given size is not a positive number.
    """
    edge = as_pixel_size(given)
    return edge if edge is not None else _stated(image, other, "yx", scene).pixel_size(str(image))


def find_spacing(
    image: Path,
    labels: Path,
    given: float | Sequence[float] | None = None,
    scene: int | str | None = None,
) -> Spacing:
    """Find the edges of a stack's voxels along Z, Y and X in um.

    Parameters
    ----------
    image, labels : Path
        The files; the metadata of the labels are asked where those of the image do not say.
    given : float or (float, float, float), optional
        The edges, instead of what the files say.
    scene : int or str, optional
        Which image of a file of several.

    Raises
    ------
    FileError
        If nobody states the size, the two files state different ones, or pixels are not square.
    ConfigError
        If the given edges are not positive numbers, or not square in Y and X.
    """
    edges = as_spacing(given)
    if edges is not None:
        VoxelSize(*edges).pixel_size("--voxel-size")
        return edges
    stated = _stated(image, labels, "zyx", scene)
    if stated.spacing is None:
        lacking = next(axis for axis in "zyx" if getattr(stated, axis) is None)
        raise FileError(
            f"{image} does not state its voxel size along {lacking.upper()}; give --voxel-size "
            "Z,Y,X in um."
        )
    return stated.spacing


def _stated(
    image: Path, other: Path | None, axes: str, scene: int | str | None = None
) -> VoxelSize:
    """Give what an image and its labels state of the size of their pixels or voxels."""
    stated = {image: read_voxel_size(image, scene)}
    if other is not None and other != image:
        stated[other] = read_voxel_size(other)
    what, option = "pixels", "--pixel-size in um"
    if axes == "zyx":
        what, option = "voxels", "--voxel-size Z,Y,X in um"
    found: dict[str, float | None] = {}
    for axis in axes:
        along = f" along {axis.upper()}" if axes == "zyx" else ""
        known = [edge for size in stated.values() if (edge := getattr(size, axis)) is not None]
        wrong = [(path, size.wrong[axis]) for path, size in stated.items() if axis in size.wrong]
        if wrong and not known:
            raise FileError(
                f"{wrong[0][0]} states {what} of {wrong[0][1]}{along}, which is not a valid size; "
                f"correct the metadata, or give {option}."
            )
        if known and not close(known[0], known[-1]):
            raise FileError(
                f"{image} states {what} of {known[0]:.6g} um{along} but {other} of "
                f"{known[-1]:.6g} um; correct the metadata, or give {option}."
            )
        found[axis] = known[0] if known else None
    both = VoxelSize(found.get("z"), found["y"], found["x"])
    try:
        for path, size in (*stated.items(), (image, both)):
            size.pixel_size(str(path))
    except ConfigError as error:
        raise FileError(str(error)) from error
    return both

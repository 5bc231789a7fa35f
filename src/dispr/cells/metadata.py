"""The voxel size that a TIFF file states, in OME-XML or in ImageJ's own way."""

from __future__ import annotations

import os
from pathlib import Path

from dispr.cells.spacing import VoxelSize, close
from dispr.errors import ConfigError, FileError
from dispr.images.read import read_size


def read_voxel_size(path: str | os.PathLike[str]) -> VoxelSize:
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
        A file that can be read as TIFF.

    Returns
    -------
    VoxelSize
        In um; None for what is not stated, or stated in pixels or in an unknown unit.

    Raises
    ------
    FileError
        If the file is missing, no TIFF file, or holds several images.
    """
    size = read_size(path)
    return VoxelSize(size.z, size.y, size.x, size.wrong)


def stated_pixel_size(image: Path, other: Path | None = None) -> float | None:
    """Give the edge of the pixels of a section in um, as its files state it; None if they do not.

    Parameters
    ----------
    image : Path
        The image.
    other : Path, optional
        Its mask or labels, which are asked where the image does not say.

    Raises
    ------
    FileError
        If a file cannot be read, states pixels that are not square or a size that is none, or the
        two state different sizes.
    """
    found: dict[Path, float] = {}
    for path in (image, other):
        if path is None:
            continue
        size = read_voxel_size(path)
        wrong = size.wrong.get("x") or size.wrong.get("y")
        if wrong:
            raise FileError(
                f"{path} states pixels of {wrong}, which is not a size; correct the metadata, or "
                "give --pixel-size in um."
            )
        try:
            edge = size.pixel_size(str(path))
        except ConfigError as error:
            raise FileError(str(error)) from error
        if edge is not None:
            found[path] = edge
    edges = list(found.values())
    if len(edges) == 2 and not close(*edges):
        raise FileError(
            f"{image} states pixels of {edges[0]:.6g} um but {other} of {edges[1]:.6g} um; correct "
            "the metadata, or give --pixel-size in um."
        )
    return edges[0] if edges else None

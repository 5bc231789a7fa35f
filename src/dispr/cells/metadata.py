"""The voxel size that a TIFF file states, in OME-XML or in ImageJ's own way."""

from __future__ import annotations

import os

from dispr.cells.spacing import VoxelSize
from dispr.images.read import read_size


def read_voxel_size(path: str | os.PathLike[str]) -> VoxelSize:
    """Read the voxel size from the metadata of a TIFF file.

    OME-TIFF says PhysicalSizeX, Y and Z with their units; where it describes several images, those
    of the one that is in this file. ImageJ says the unit and the distance of planes in the image
    description, and the number of pixels to the unit in the resolution. Of other files the
    resolution is not believed: it is the printer's, 72 dots to the inch, more often than the
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

"""What files say of a z-stack: its shape and planes, and the size of its voxels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dispr.cells.metadata import read_voxel_size
from dispr.cells.spacing import Spacing, VoxelSize, as_spacing, close
from dispr.errors import ConfigError, FileError, as_file_errors
from dispr.images.read import look
from dispr.labelled.channels import CALLED, STACK, one_channel, with_planes, without_ones
from dispr.labelled.read import read_array
from dispr.names import TIFF


def stack_shape(path: Path, channel: int | None = None) -> tuple[int, ...]:
    """Give the shape of a stack, without reading the whole file where possible.

    Raises
    ------
    FileError, ConfigError
        As `dispr.labelled.read.read_image`.
    """
    with as_file_errors():
        return one_channel(*_look(path), channel, str(path), STACK).shape


def planes_note(path: Path, channel: int | None = None) -> str:
    """Say that planes are called otherwise in a file, and were taken for planes; empty if not.

    Raises
    ------
    FileError
        If the file cannot be read.
    """
    if path.suffix.lower() not in TIFF or channel is not None:
        return ""
    stack, axes = without_ones(*_look(path), STACK)
    if with_planes(axes, STACK) == axes:
        return ""
    return f"{path} calls its {len(stack)} planes {CALLED[axes[0]]}; they were taken for planes."


def _look(path: Path) -> tuple[np.ndarray, str]:
    """Give an array of the shape and type of that in a file, and its axes."""
    if path.suffix.lower() not in TIFF:
        return read_array(path, "img")
    shape, dtype, axes = look(path)
    return np.broadcast_to(np.zeros((), dtype), shape), axes


def read_spacing(
    image: Path, labels: Path, given: float | Sequence[float] | None = None
) -> Spacing:
    """Find the edges of a stack's voxels.

    Parameters
    ----------
    image, labels : Path
        The files; the metadata of the labels are asked where those of the image do not say.
    given : float or (float, float, float), optional
        Edges along Z, Y and X in um, instead of what the files say.

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
    stated = [read_voxel_size(path) for path in (image, labels) if path.suffix.lower() in TIFF]
    found = []
    for axis in "zyx":
        known = [size for size in (getattr(one, axis) for one in stated) if size is not None]
        wrong = [one.wrong[axis] for one in stated if axis in one.wrong]
        if not known and wrong:
            raise FileError(
                f"{image} or its labels state {wrong[0]} along {axis.upper()}, which is not a size "
                "of a voxel; give it by --voxel-size Z,Y,X in um."
            )
        if not known:
            raise FileError(
                f"{image} does not state the size of its voxels along {axis.upper()}; give it by "
                "--voxel-size Z,Y,X in um."
            )
        if not close(known[0], known[-1]):
            raise FileError(
                f"{image} states voxels of {known[0]:.6g} um along {axis.upper()} but {labels} of "
                f"{known[-1]:.6g} um; correct the metadata, or give --voxel-size Z,Y,X."
            )
        found.append(known[0])
    try:
        VoxelSize(*found).pixel_size(str(image))
    except ConfigError as error:
        raise FileError(str(error)) from error
    return found[0], found[1], found[2]

"""Read a z-stack and its 3D labels from TIFF or NPY, and the size of their voxels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dispr.cells.metadata import read_voxel_size
from dispr.cells.spacing import Spacing, VoxelSize, as_spacing, close
from dispr.errors import ArrayError, ConfigError, FileError, as_file_errors
from dispr.images.read import look
from dispr.labelled.channels import MOST_CHANNELS, whole_numbers, without_ones
from dispr.labelled.read import read_array
from dispr.names import TIFF

CALLED = {"C": "channels", "T": "times"}
"""What files call the planes of a stack that some programs write without the names of its axes."""


def read_stack(path: Path, channel: int | None = None) -> np.ndarray:
    """Read one channel of a stack.

    Parameters
    ----------
    path : Path
        TIFF, OME-TIFF or NPY.
    channel : int, optional
        Which channel, from 0, of a stack that has several.

    Returns
    -------
    ndarray
        (Z, Y, X), real numbers, in the values of the file.

    Raises
    ------
    FileError
        If the file cannot be read, or does not hold one stack.
    ConfigError
        If there is no such channel, or a choice must be made.
    """
    array, axes = read_array(path, "img")
    with as_file_errors():
        stack = one_stack(array, axes, channel, str(path))
    if stack.dtype.kind == "b":
        raise FileError(f"{path} is boolean, as masks are; give the stack of grey values.")
    if stack.dtype.kind == "f" and not np.isfinite(stack).all():
        raise FileError(f"{path} holds NaN or infinite values; replace them by numbers.")
    return stack


def stack_shape(path: Path, channel: int | None = None) -> tuple[int, ...]:
    """Give the shape that `read_stack` would, without reading the whole file where possible.

    Raises
    ------
    FileError, ConfigError
        As `read_stack`.
    """
    shape, dtype, axes = _about(path)
    nothing = np.broadcast_to(np.zeros((), dtype), shape)
    with as_file_errors():
        return one_stack(nothing, axes, channel, str(path)).shape


def _about(path: Path) -> tuple[tuple[int, ...], np.dtype, str]:
    """Give shape, type and axes of an array in a file."""
    if path.suffix.lower() in TIFF:
        return look(path)
    array, axes = read_array(path, "img")
    return array.shape, array.dtype, axes


def read_label_stack(path: Path) -> np.ndarray:
    """Read the 3D labels of a stack, one whole number a cell, 0 for the background.

    Parameters
    ----------
    path : Path
        TIFF, NPY, or a `_seg.npy` of Cellpose.

    Returns
    -------
    ndarray
        (Z, Y, X), integers or bool, in the values of the file.

    Raises
    ------
    FileError
        If the file cannot be read, or does not hold labels in 3D.
    """
    array, axes = read_array(path, "masks")
    with as_file_errors():
        return whole_numbers(one_stack(array, axes, None, str(path), labels=True), str(path))


def one_stack(
    array: np.ndarray,
    axes: str = "",
    channel: int | None = None,
    name: str = "stack",
    labels: bool = False,
) -> np.ndarray:
    """Take one channel of a stack.

    Where there is one axis beside Y and X, it is that of planes, whatever the file calls it: many
    programs write the planes of a stack as channels or times.

    Parameters
    ----------
    array : ndarray
        (Z, Y, X), or with channels; axes of length 1 do not matter.
    axes : str
        A letter for each axis, as `dispr.images.read` names them; "?" where it is not known.
    channel : int, optional
        Which, from 0.
    name : str
        What errors call the array.
    labels : bool
        Whether these are labels, which have no channels.

    Returns
    -------
    ndarray
        (Z, Y, X).

    Raises
    ------
    ArrayError
        If this is not a stack of real numbers.
    ConfigError
        If the channel must be chosen, or does not exist.
    """
    if array.dtype.kind not in "buif":
        raise ArrayError(f"{name} has the type {array.dtype}; give a stack of real numbers.")
    array, letters = without_ones(array, axes, 3)
    if array.ndim == 3 and letters[0] in CALLED and channel is None:
        letters = "Z" + letters[1:]
    if "T" in letters:
        raise ArrayError(
            f"{name} has {array.shape[letters.index('T')]} times; save each time as a stack of its "
            "own, (Z, Y, X)."
        )
    place = _channel_axis(array, letters, name)
    if place is not None:
        count = array.shape[place]
        if labels:
            raise ArrayError(
                f"{name} has {count} channels beside its planes, and labels have none; save the "
                "labels alone, (Z, Y, X), one whole number a cell."
            )
        if channel is None:
            raise ConfigError(
                f"{name} has {count} channels; choose the one that shows the cells by --channel, "
                f"0 to {count - 1}."
            )
        if not 0 <= channel < count:
            raise ConfigError(f"{name} has no channel {channel}; choose 0 to {count - 1}.")
        array = np.moveaxis(array, place, 0)[channel]
        letters = letters[:place] + letters[place + 1 :]
    elif channel not in (None, 0):
        raise ConfigError(f"{name} has one channel; leave --channel out.")
    if array.ndim != 3 or letters[0] not in "Z?":
        raise ArrayError(
            f"{name} has the shape {array.shape}; give a stack of planes, (Z, Y, X), with or "
            "without channels."
        )
    return array


def planes_note(path: Path, channel: int | None = None) -> str:
    """Say that planes are called otherwise in a file, and were taken for planes; empty if not.

    Raises
    ------
    FileError
        If the file cannot be read.
    """
    if path.suffix.lower() not in TIFF or channel is not None:
        return ""
    shape, _, axes = look(path)
    long = [(n, axis) for n, axis in zip(shape, axes, strict=True) if n > 1 or axis in "YX"]
    if len(long) != 3 or long[0][1] not in CALLED:
        return ""
    return f"{path} calls its {long[0][0]} planes {CALLED[long[0][1]]}; they were taken for planes."


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


def _channel_axis(array: np.ndarray, letters: str, name: str) -> int | None:
    for letter in "CS":
        if letter in letters:
            return letters.index(letter)
    if array.ndim != 4:
        return None
    # Nobody says which axis is which: channels are few, and no others are.
    few = [k for k in (0, 1, 3) if array.shape[k] <= MOST_CHANNELS]
    if len(few) != 1:
        raise ArrayError(
            f"{name} has the shape {array.shape}, and does not say which axis is which; save it as "
            "OME-TIFF, or as a stack of one channel, (Z, Y, X)."
        )
    return few[0]

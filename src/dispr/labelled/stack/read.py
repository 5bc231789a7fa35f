"""What files say of a z-stack: its shape, and its planes."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from dispr.errors import as_file_errors
from dispr.images.read import channel_names, look
from dispr.labelled.channels import ANY, CALLED, STACK, take, with_planes
from dispr.labelled.part import whole
from dispr.labelled.read import read_array
from dispr.labelled.selection import Selection
from dispr.names import TIFF


def stack_shape(path: Path, which: Selection = ANY) -> tuple[int, ...]:
    """Give the shape of a stack, without reading the whole file where possible.

    Raises
    ------
    FileError
        As `dispr.labelled.read.read_image`.
    """
    with as_file_errors():
        array, axes = _look(path)
        names = functools.partial(channel_names, path)
        return take(array, axes, which, str(path), STACK, names).array.shape


def planes_note(path: Path, which: Selection = ANY) -> str:
    """Say that planes are called otherwise in a file, and were taken for planes; empty if not.

    Raises
    ------
    FileError
        If the file cannot be read.
    """
    if path.suffix.lower() not in TIFF or which.channel is not None:
        return ""
    stack = whole(*_look(path)).without_ones(len(STACK))
    if with_planes(stack.axes, STACK) == stack.axes:
        return ""
    called = CALLED[stack.axes[0]]
    return f"{path} calls its {stack.shape[0]} planes {called}; they were read as planes."


def _look(path: Path) -> tuple[np.ndarray, str]:
    """Give an array of the shape and type of that in a file, and its axes."""
    if path.suffix.lower() not in TIFF:
        return read_array(path, "img")
    shape, dtype, axes = look(path)
    return np.broadcast_to(np.zeros((), dtype), shape), axes

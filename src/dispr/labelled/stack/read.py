"""What files say of a z-stack: its shape, and its planes."""

from __future__ import annotations

import functools
from pathlib import Path

from dispr.errors import as_file_errors
from dispr.images.read import channel_names
from dispr.labelled.channels import ANY, CALLED, STACK, take, with_planes
from dispr.labelled.part import whole
from dispr.labelled.read import look_array
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
        array, axes = look_array(path)
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
    stack = whole(*look_array(path)).without_ones(len(STACK))
    if with_planes(stack.axes, STACK) == stack.axes:
        return ""
    called = CALLED[stack.axes[0]]
    return f"{path} calls its {stack.shape[0]} planes {called}; they were read as planes."

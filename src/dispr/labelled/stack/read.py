"""What files say of a z-stack: its shape, and its planes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dispr.errors import as_file_errors
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
    return f"{path} calls its {len(stack)} planes {CALLED[axes[0]]}; they were read as planes."


def _look(path: Path) -> tuple[np.ndarray, str]:
    """Give an array of the shape and type of that in a file, and its axes."""
    if path.suffix.lower() not in TIFF:
        return read_array(path, "img")
    shape, dtype, axes = look(path)
    return np.broadcast_to(np.zeros((), dtype), shape), axes

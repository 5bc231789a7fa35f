"""Pictures of Pillow in memory, by the same rules as those in files."""

from __future__ import annotations

from typing import Any

import numpy as np

from dispr.errors import ArrayError
from dispr.images.values import Use, by_palette, without_colour, without_opacity

PLAIN = ("1", "L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Modes of Pillow that are grey values alone."""


def is_picture(given: Any) -> bool:
    """Tell whether this is a picture of Pillow, without importing it."""
    return any(kind.__module__.startswith("PIL.") for kind in type(given).__mro__)


def picture_values(picture: Any, name: str, use: Use) -> np.ndarray:
    """Take the values of a picture of Pillow.

    Parameters
    ----------
    picture : PIL.Image.Image
        The picture.
    name : str
        What errors call it.
    use : "image" or "labels"
        What it shows; see `dispr.images.values`.

    Returns
    -------
    ndarray
        (Y, X), or (Y, X, 3) in colours.

    Raises
    ------
    ArrayError
        If it has several frames, or its mode is not read.
    """
    if getattr(picture, "n_frames", 1) > 1:
        raise ArrayError(f"{name} has {picture.n_frames} frames; give a single frame.")
    array = np.asarray(picture)
    if picture.mode == "P":
        palette = np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
        array = by_palette(array, palette, name, use)
    elif picture.mode in ("LA", "RGBA"):
        array = without_opacity(array[..., :-1], array[..., -1], name, use)
    elif picture.mode not in (*PLAIN, "RGB"):
        raise ArrayError(f'{name} has the mode "{picture.mode}"; convert it to "L" or "I;16".')
    return without_colour(array) if array.ndim == 3 else array

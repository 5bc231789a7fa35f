"""What stored numbers mean: grey values, colours, masks and labels.

The same numbers mean different things by what the file says beside them: a palette, that 0 is
white, that a channel is opacity. An image means what viewers show; labels mean their numbers.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from dispr.errors import ArrayError

Use = Literal["image", "labels"]
"""Grey values, or numbers that tell cells from each other and from the background (masks too)."""


def without_opacity(colours: np.ndarray, opacity: np.ndarray, name: str, use: Use) -> np.ndarray:
    """Drop the opacity of a picture.

    Parameters
    ----------
    colours : ndarray
        (..., Y, X, channels).
    opacity : ndarray
        (..., Y, X).
    name : str
        What errors call it.
    use : "image" or "labels"
        What it shows.

    Raises
    ------
    ArrayError
        If transparent pixels hold values that viewers do not show.
    """
    hidden = opacity != opacity.flat[0]
    if hidden.any():
        seen_through = opacity < opacity.max()
        if use == "image" or colours[seen_through].any():
            raise ArrayError(
                f"{name} is partly transparent, so its values there are uncertain; save it "
                "without an alpha channel (opacity)."
            )
    return colours


def without_colour(array: np.ndarray) -> np.ndarray:
    """Make a grey picture of one that was saved in colours (last axis), all of them alike."""
    first = array[..., 0]
    alike = all(np.array_equal(first, array[..., k]) for k in range(1, array.shape[-1]))
    return np.ascontiguousarray(first) if alike else array


def by_palette(indices: np.ndarray, palette: np.ndarray, name: str, use: Use) -> np.ndarray:
    """Say what the indices of a palette mean.

    A palette of greys is a way to store a grey picture, in whatever order the greys are. Of a
    palette of colours, the colours are the picture, but the indices are the labels, as
    segmentation programs write them.

    Parameters
    ----------
    indices : ndarray
        (Y, X), or with more axes; whole numbers.
    palette : ndarray
        (colours, 3), uint8.
    name : str
        What errors call it.
    use : "image" or "labels"
        What it shows.

    Returns
    -------
    ndarray
        Grey values or labels of the same shape; or colours, with an axis more.

    Raises
    ------
    ArrayError
        If there are indices without a colour, or a mask may be meant either way.
    """
    if not indices.size or indices.min() < 0 or indices.max() >= len(palette):
        raise ArrayError(f"{name} has pixels without a colour in its palette; save it again.")
    indices = indices.astype(np.intp, copy=False)
    used = np.bincount(indices.ravel()).nonzero()[0]
    if _all_grey(palette):
        return palette[:, 0][indices]
    if use == "image":
        return palette[indices]
    shown = palette[used]
    if len(used) > 1 and _all_grey(shown) and (np.diff(shown[:, 0].astype(int)) <= 0).any():
        raise ArrayError(
            f"{name} stores its grey values as a colour palette in another order; save it as a "
            "grey image."
        )
    return indices.astype(np.uint16 if used[-1] > 255 else np.uint8)


def turned_over(array: np.ndarray, bits: int, name: str, use: Use, own_rule: bool) -> np.ndarray:
    """Say what numbers mean in a file whose 0 is white (MinIsWhite).

    Parameters
    ----------
    array : ndarray
        As stored.
    bits : int
        Bits of a value.
    name : str
        What errors call it.
    use : "image" or "labels"
        Images are turned over, as viewers show them. Labels are numbers, whichever way they are
        shown: of the two readings, the one in which there is a background (0).
    own_rule : bool
        Whether the program that wrote it means the values as they are stored, as ImageJ does in
        masks that it shows black on white.

    Raises
    ------
    ArrayError
        If both readings are possible, or the values have no largest one.
    """
    if array.dtype.kind not in "bu":
        raise ArrayError(
            f"{name} states that its smallest value is white (MinIsWhite), but its values can be "
            "negative; save it with 0 as black (MinIsBlack)."
        )
    largest = 2**bits - 1
    other = ~array if array.dtype == bool else (array.dtype.type(largest) - array)
    if use == "image":
        return other
    as_stored, as_shown = not array.all(), not other.all()
    if own_rule or not as_shown:
        return array
    if not as_stored:
        return other
    raise ArrayError(
        f"{name} states that 0 is white (MinIsWhite), so programs disagree about which pixels are "
        "cells; save it with 0 as black, outside the cells."
    )


def _all_grey(palette: np.ndarray) -> bool:
    return bool((palette == palette[:, :1]).all())

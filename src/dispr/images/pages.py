"""Read pages of TIFF: by tifffile, and by Pillow what tifffile leaves to another package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError
from dispr.files import needs_package

USUAL = (1, 8, 16, 32, 64)
"""Bits of a value that tifffile reads by itself."""

BY_PILLOW = {
    (1, 1, "1"),
    (1, 2, "L"),
    (1, 4, "L"),
    (1, 8, "L"),
    (1, 12, "I;16"),
    (1, 16, "I;16"),
    (1, 16, "I;16B"),
    (1, 32, "I"),
    (2, 16, "I"),
    (2, 32, "I"),
    (3, 32, "F"),
}
"""Format (unsigned, signed, floating point) and bits of a value, and the mode of Pillow for it."""


def decoded(
    path: Path, numbers: Sequence[int], page: Any, read: Callable[[], np.ndarray]
) -> np.ndarray:
    """Read pages as they are stored.

    Parameters
    ----------
    path : Path
        The file.
    numbers : sequence of int
        Numbers of the pages; none where these are in several files.
    page : tifffile page
        One of them.
    read : callable
        Reads them by tifffile.

    Returns
    -------
    ndarray
        What `read` returns, or (pages, Y, X).

    Raises
    ------
    FileError
        If the bits of the values are not read here.
    Exception
        What `read` raises, also where the compression needs another package.
    """
    if page.bitspersample in USUAL:
        try:
            return read()
        except Exception as error:  # tifffile raises several types where a package is missing
            if not needs_package(error):
                raise
            found = _by_pillow(path, numbers, page)
            if found is None:
                raise
            return found
    found = _by_pillow(path, numbers, page)
    if found is None:
        raise FileError(
            f"{path} stores {page.bitspersample} bits per value in an unsupported way; save it "
            "with 8 or 16 bits."
        )
    return found


def _by_pillow(path: Path, numbers: Sequence[int], page: Any) -> np.ndarray | None:
    """Read pages as they are stored, (pages, *shape of a page); None where that fails."""
    from PIL import TiffImagePlugin

    if not numbers:
        return None
    arrays = []
    edges = tuple(page.shape[page.axes.index(axis)] for axis in "XY")
    try:
        # Not Image.open, which has a limit of its own.
        with open(path, "rb") as file, TiffImagePlugin.TiffImageFile(file) as picture:
            for number in numbers:
                picture.seek(number)
                if picture.size != edges:  # before it is expanded
                    return None
                array = _stored(np.asarray(picture), picture.mode, page)
                if array is None or array.shape != page.shape:
                    return None
                arrays.append(array)
    except (OSError, ValueError, SyntaxError, EOFError):
        return None
    return np.stack(arrays)


def _stored(array: np.ndarray, mode: str, page: Any) -> np.ndarray | None:
    """Turn what Pillow gives into the values that are stored; None where that is impossible."""
    bits, kind, white = page.bitspersample, int(page.sampleformat), int(page.photometric) == 0
    if page.samplesperpixel == 3:
        plain = mode == "RGB" and bits == 8 and kind == 1
        # Planes of colours one after the other come first.
        return np.moveaxis(array, -1, page.axes.index("S")) if plain else None
    if page.samplesperpixel != 1:
        return None
    if mode == "P":
        return array
    if (kind, bits, mode) not in BY_PILLOW or (white and bits > 8):
        return None
    # Pillow turns over what is white at 0, and stretches few bits to 8.
    array = ~array if white else array
    if mode == "L":
        return array // np.uint8(255 // (2**bits - 1))
    return array.astype(page.dtype) if mode == "I" else array

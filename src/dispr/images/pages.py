"""Read pages of TIFF: by tifffile, and by Pillow what tifffile leaves to another package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError

USUAL = (1, 8, 16, 32, 64)
"""Bits of a value that tifffile reads by itself."""

BY_PILLOW = {(1, "1"), (2, "L"), (4, "L"), (8, "L"), (12, "I;16"), (16, "I;16"), (16, "I;16B")}
"""Bits of a stored value, and the mode in which Pillow gives it."""


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
        except Exception as error:  # tifffile raises several types where imagecodecs is missing
            if "imagecodecs" not in str(error):
                raise
            found = _by_pillow(path, numbers, page)
            if found is None:
                raise
            return found
    found = _by_pillow(path, numbers, page)
    if found is None:
        raise FileError(
            f"{path} stores {page.bitspersample} bits a value in a way that is not read here; save "
            "it with 8 or 16 bits."
        )
    return found


def _by_pillow(path: Path, numbers: Sequence[int], page: Any) -> np.ndarray | None:
    """Read pages of one channel as they are stored, (pages, Y, X); None where that fails."""
    from PIL import Image

    bits, white = page.bitspersample, int(page.photometric) == 0
    if page.samplesperpixel != 1 or int(page.sampleformat) != 1 or not numbers:
        return None
    arrays = []
    try:
        with Image.open(path) as picture:
            for number in numbers:
                picture.seek(number)
                mode = picture.mode
                array = np.asarray(picture)
                if array.shape != (page.imagelength, page.imagewidth):
                    return None
                if mode != "P" and ((bits, mode) not in BY_PILLOW or (white and bits > 8)):
                    return None
                # Pillow turns over what is white at 0, and stretches few bits to 8.
                array = ~array if white and mode != "P" else array
                arrays.append(array // np.uint8(255 // (2**bits - 1)) if mode == "L" else array)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return None
    return np.stack(arrays)

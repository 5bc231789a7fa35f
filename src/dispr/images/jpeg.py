"""JPEG pictures: images alone, since the compression changes values."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dispr.errors import FileError, as_damaged
from dispr.files import check_size
from dispr.images.values import without_colour

MODES = {"L": (), "RGB": (3,)}
"""Grey and colours; others are of print."""

ORIENTATION = 0x0112
"""The tag of Exif that says how a picture is turned; 1 is upright."""


def read_jpeg(path: Path) -> tuple[np.ndarray, str]:
    """Read a JPEG picture.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    array : ndarray
        uint8, (Y, X), or (Y, X, 3) in colours.
    axes : str
        "YX" or "YXS".

    Raises
    ------
    FileError
        If it is damaged or cut off, too large, of other colours, or to be turned before it is
        shown, in which masks drawn on it would not fit.
    """
    from PIL import JpegImagePlugin

    # Not Image.open, which has a limit of its own.
    with (
        as_damaged(f"{path} cannot be read as JPEG: it is damaged; export it again, or as TIFF."),
        open(path, "rb") as file,
        JpegImagePlugin.JpegImageFile(file) as picture,
    ):
        if picture.mode not in MODES:
            raise FileError(
                f"{path} is a JPEG picture with the colours {picture.mode}; save it in grey or RGB."
            )
        check_size(path, (picture.height, picture.width, *MODES[picture.mode]), 1)
        turned = picture.getexif().get(ORIENTATION, 1)
        array = np.array(picture)
    if turned not in (0, 1):
        raise FileError(
            f"{path} is to be turned when it is shown (its Exif orientation is {turned}), so masks "
            "may not fit it; save it upright, as TIFF or PNG."
        )
    if array.ndim == 3:
        array = without_colour(array)
    return array, "YXS"[: array.ndim]

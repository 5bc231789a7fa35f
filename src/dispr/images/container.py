"""What a TIFF file says of its image, and its values as they are meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError
from dispr.images.sizes import StatedSize
from dispr.images.values import Use, by_palette, turned_over, without_colour, without_opacity

WHITE, BLACK, RGB, PALETTE, MASK, YCBCR = 0, 1, 2, 3, 4, 6
"""Photometric interpretations of TIFF that are read; others are of print and cameras."""

JPEG = (6, 7, 33007, 34892)
"""Compressions of TIFF that change values: all codes of JPEG."""

OPACITY = (1, 2)
"""Codes of extra samples that are opacity; 0 is anything."""


@dataclass(frozen=True, eq=False)
class Container:
    """What a TIFF file says of its image.

    Attributes
    ----------
    path : Path
        The file.
    shape : tuple of int
        Of the image as stored.
    axes : str
        A letter for each axis: Y, X, Z, T, C (channels), S (colours), or "?" where the file does
        not say.
    page : tifffile page
        The first, which says how values are stored.
    imagej : bool
        Whether ImageJ's own metadata say what is what.
    size : StatedSize
        Of its voxels.
    stored : callable
        Reads the values as they are stored.
    channels : tuple of str
        Names of its channels, where the file states them.
    """

    path: Path
    shape: tuple[int, ...]
    axes: str
    page: Any
    imagej: bool
    size: StatedSize
    stored: Callable[[], np.ndarray]
    channels: tuple[str, ...] = ()

    @property
    def jpeg(self) -> bool:
        """Whether the values were changed by JPEG compression."""
        return int(self.page.compression) in JPEG

    def values(self, use: Use) -> tuple[np.ndarray, str]:
        """Read the values as they are meant, with the letters of their axes.

        Raises
        ------
        FileError, ArrayError
            If they cannot be read, or not be understood.
        """
        page, name = self.page, str(self.path)
        # Of a file that does not say, 0 is black: tifffile has 0 for white there.
        photometric = int(page.photometric) if "PhotometricInterpretation" in page.tags else BLACK
        compressed = self.jpeg and photometric == YCBCR  # JPEG decodes it
        if photometric > MASK and not compressed:
            raise FileError(
                f"{name} uses an unsupported colour type "
                f"({page.photometric.name}); save it in grey or RGB."
            )
        if use == "labels" and self.jpeg:
            raise changed_by_jpeg(self.path)
        array, axes = self.stored(), self.axes
        if not array.size:
            raise FileError(f"{name} contains no pixels; export it again.")
        if array.dtype.byteorder not in "=|":
            array = array.astype(array.dtype.newbyteorder("="))
        if photometric == PALETTE and not self.imagej and page.colormap is not None:
            # The look-up table of ImageJ is for display; the values are the image.
            palette = _eight_bits(page.colormap)
            array = by_palette(array, palette, name, use)
            axes = axes + "S" * (array.ndim - len(axes))
        elif photometric == WHITE:
            array = turned_over(array, int(page.bitspersample), name, use, self.imagej)
        if page.bitspersample in (2, 4) and use == "image" and photometric != PALETTE:
            array = array * np.uint8(255 // (2 ** int(page.bitspersample) - 1))
        if "S" not in axes:
            return array, axes
        place = axes.index("S")
        array, axes = np.moveaxis(array, place, -1), axes.replace("S", "") + "S"
        extra = [int(code) for code in page.extrasamples]
        if len(extra) == 1 and extra[0] in OPACITY and array.shape[-1] > 1:
            array = without_opacity(array[..., :-1], array[..., -1], name, use)
        elif extra or photometric not in (RGB, PALETTE, YCBCR):
            axes = axes.replace("S", "C")  # channels of a microscope, kept side by side
        if axes[-1] == "S":
            array = without_colour(array)
            axes = axes if array.ndim == len(axes) else axes[:-1]
        return array, axes


def changed_by_jpeg(path: Path) -> FileError:
    """Make the error about labels or a mask in JPEG."""
    return FileError(
        f"{path} uses JPEG compression, which changes labels and masks; save it with lossless "
        "compression, as TIFF or PNG."
    )


def _eight_bits(colormap: np.ndarray) -> np.ndarray:
    """Bring a colour map of TIFF, (3, colours) of 16 bits, to (colours, 3) of 8 bits."""
    # Some programs write 8 bits into it.
    scale = 1 if colormap.max() < 256 else 257
    return np.rint(colormap.T / scale).astype(np.uint8)

"""Arrays as text, small enough for a page.

The page makes meshes and sections from the volumes themselves: five samples of 64^3 voxels take
about 10 KB, which is a tenth of their meshes, and nothing is decimated.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

BLOCK = 2
"""Edge in voxels of the blocks that the spread is kept for; it is smooth."""

LEVELS = 63
"""Steps of the spread, up to a cell's largest."""

REACH = 2
"""Blocks around the surfaces for which the spread is kept."""


def packed(parts: Sequence[bytes]) -> str:
    """Put bytes one after the other, deflate them (zlib), and give base64."""
    return base64.b64encode(zlib.compress(b"".join(parts), 9)).decode("ascii")


def shape_planes(shapes: Sequence[np.ndarray]) -> bytes:
    """Code boolean volumes: bit i of a byte of plane j is the voxel of shape 8 j + i.

    Neighbouring samples agree on most voxels, so runs of equal bytes are long.
    """
    planes = []
    for start in range(0, len(shapes), 8):
        plane = np.zeros(shapes[start].shape, np.uint8)
        for i, shape in enumerate(shapes[start : start + 8]):
            plane |= shape.astype(np.uint8) << i
        planes.append(plane.tobytes())
    return b"".join(planes)


def mask_bits(mask: np.ndarray) -> bytes:
    """Code a boolean array as bits, the first of a byte highest."""
    return np.packbits(mask).tobytes()


def probability_bytes(probability: np.ndarray, samples: np.ndarray) -> bytes:
    """Code a probability as bytes of 1/255, or as nothing where it is the mean of the samples.

    What exceeds one half does so afterwards, and nothing else.
    """
    if np.abs(probability - samples.mean(axis=0)).max() < 0.004:
        return b""
    grey = np.round(np.clip(probability, 0, 1) * 255)
    grey = np.where(probability > 0.5, np.maximum(grey, 128), np.minimum(grey, 127))
    return np.asarray(grey, np.uint8).tobytes()


def spread_bytes(spread: np.ndarray, shapes: Sequence[np.ndarray]) -> tuple[bytes, float]:
    """Code the spread near the surfaces, in blocks of 2 x 2 x 2 voxels.

    Parameters
    ----------
    spread : ndarray
        (Z, Y, X), 0 or more.
    shapes : sequence of ndarray
        bool, (Z, Y, X): whose surfaces are shown.

    Returns
    -------
    bytes, float
        A byte for each block, and what one step of it is worth.
    """
    near = np.zeros(_blocks(spread).shape, bool)
    for shape in shapes:
        share = _blocks(shape.astype(np.float32))
        near |= ndimage.maximum_filter(share, 3) != ndimage.minimum_filter(share, 3)
    near = ndimage.binary_dilation(near, np.ones((3, 3, 3)), REACH - 1)
    # What the voxels' grid adds to distances is smoothed away.
    values = np.where(near, _blocks(ndimage.gaussian_filter(spread, 1.0)), 0.0)
    step = float(values.max()) / LEVELS or 1.0
    return np.round(values / step).astype(np.uint8).tobytes(), step


def _blocks(volume: np.ndarray) -> np.ndarray:
    z, y, x = (size // BLOCK for size in volume.shape)
    return np.asarray(volume.reshape(z, BLOCK, y, BLOCK, x, BLOCK).mean(axis=(1, 3, 5)))

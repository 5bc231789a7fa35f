"""What a network sees of one cell."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from dispr.prediction.planes import Planes


@dataclass(frozen=True, eq=False)
class Section:
    """What a network sees of one cell.

    Attributes
    ----------
    image, mask : ndarray
        (64, 64), uint8.
    cell_class : str or None
        Its class, for a model with class labels.
    voxel_size : float or None
        Edge of a voxel of its shapes in um: that of a pixel at 64 x 64.
    planes : mapping of int to ndarray
        Its masks in further planes, (64, 64) uint8, by their numbers, 0 to 63.
    """

    image: np.ndarray
    mask: np.ndarray
    cell_class: str | None = None
    voxel_size: float | None = None
    planes: Planes = field(default_factory=dict)


def cell_digest(image: np.ndarray, mask: np.ndarray, planes: Planes | None = None) -> str:
    """Give a checksum of what the network sees of a cell.

    That is the mask, the image inside it, and the further known planes.
    """
    seen = np.where(mask > 0, image, 0).astype(np.uint8)
    digest = hashlib.sha256(mask.tobytes() + seen.tobytes())
    for number, plane in sorted((planes or {}).items()):
        digest.update(bytes([number]) + plane.tobytes())
    return digest.hexdigest()

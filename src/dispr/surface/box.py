"""The box around a body of voxels."""

from __future__ import annotations

import numpy as np


def bounding_box(body: np.ndarray, margin: int = 0) -> tuple[slice, ...]:
    """Give the slices of a body (Z, Y, X), not empty, with a margin as far as the volume goes."""
    over_z, over_x = np.any(body, axis=0), np.any(body, axis=2)
    found = []
    for occupied in (np.any(over_x, axis=1), np.any(over_x, axis=0), np.any(over_z, axis=0)):
        places = np.flatnonzero(occupied)
        found.append(slice(int(places[0]), int(places[-1]) + 1))
    return widened(tuple(found), margin, body.shape)


def widened(box: tuple[slice, ...], margin: int, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Widen a box as far as the volume goes."""
    return tuple(
        slice(max(part.start - margin, 0), min(part.stop + margin, size))
        for part, size in zip(box, shape, strict=True)
    )

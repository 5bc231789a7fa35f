"""The separate pieces of a body: pixels or voxels that touch by a corner are of one piece."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def pieces_of(body: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each piece of a body, of any number of axes, a number.

    Returns
    -------
    numbers : ndarray
        As large as the body: the number of each piece, from 1; 0 outside.
    sizes : ndarray
        Pixels or voxels of each piece.
    """
    numbers, count = ndimage.label(body, np.ones((3,) * body.ndim, bool))
    return numbers, np.bincount(numbers.ravel(), minlength=count + 1)[1:]

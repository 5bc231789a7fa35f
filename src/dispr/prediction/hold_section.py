"""Shapes that hold the mask of their section, in operations that every graph format has.

The same as `dispr.prediction.planes.hold_planes` for the section alone, digit by digit: the squared
distance between two pixels is a whole number, and what follows from it is looked up in a table that
numpy made.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dispr.prediction.planes import DEPTH, REACH, SECTION

REACHED = int(DEPTH)
"""Pixels along an axis within which a distance counts; beyond it is `DEPTH` or more."""

FARTHEST = (REACHED + 1) ** 2
"""The squared distance of what is farther than that."""


def depth_table() -> Tensor:
    """Give the depth of a pixel by its squared distance to the other side, (82,) float32."""
    roots = np.sqrt(np.arange(FARTHEST + 1)) - 0.5
    return torch.from_numpy(roots.astype(np.float32).clip(-DEPTH, DEPTH))


def hold_section(shapes: Tensor, mask: Tensor, table: Tensor) -> Tensor:
    """Give shapes the mask of their section, and let the planes beside it follow.

    Parameters
    ----------
    shapes : Tensor
        (N, Z, Y, X) bool.
    mask : Tensor
        (N, Y, X) bool.
    table : Tensor
        What `depth_table` gave.

    Returns
    -------
    Tensor
        (N, Z, Y, X) bool.
    """
    # At a distance of `REACH` planes nothing is moved.
    first, last = SECTION - REACH + 1, SECTION + REACH - 1
    planes = torch.cat([mask[:, None], shapes[:, first : last + 1]], dim=1)
    depth = _depth(planes, table)
    move = depth[:, :1] - depth[:, 1 + SECTION - first, None]
    shares = [1 - abs(z - SECTION) / REACH for z in range(first, last + 1)]
    share = torch.tensor(shares, dtype=torch.float32).to(depth.device, non_blocking=True)
    moved = depth[:, 1:] + move * share[:, None, None] > 0
    below, above = moved[:, : SECTION - first], moved[:, SECTION - first + 1 :]
    return torch.cat([shapes[:, :first], below, mask[:, None], above, shapes[:, last + 1 :]], dim=1)


def _depth(planes: Tensor, table: Tensor) -> Tensor:
    """Give the distance of pixels from the outline, positive inside, (N, Z, Y, X) float32."""
    inside = planes.float()
    full = F.pad(inside, (REACHED,) * 4)  # beyond the image all is outside
    depth = table[_squared_distance(1 - full)] * inside
    return depth - table[_squared_distance(full)] * (1 - inside)


def _squared_distance(target: Tensor) -> Tensor:
    """Give the squared distance to the nearest pixel of a target, at most `FARTHEST`.

    Exact: the least along X, then of these the least along Y (Felzenszwalb and Huttenlocher,
    Theory of Computing 8, 2012, section 2.1, by trying all pixels in reach).

    Parameters
    ----------
    target : Tensor
        (N, Z, Y + 2 reach, X + 2 reach), 1 on the target and 0 elsewhere.

    Returns
    -------
    Tensor
        (N, Z, Y, X), long.
    """
    squares = (1 - target) * FARTHEST
    for axis in (-1, -2):
        length = squares.shape[axis] - 2 * REACHED
        least = squares.narrow(axis, REACHED, length)
        for step in range(1, REACHED + 1):
            both = torch.minimum(
                squares.narrow(axis, REACHED - step, length),
                squares.narrow(axis, REACHED + step, length),
            )
            least = torch.minimum(least, both + step**2)
        squares = least
    return squares.clamp(max=FARTHEST).long()

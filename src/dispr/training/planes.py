"""Where a training cell is, so that planes of it can be chosen (`dispr.cells.planes`)."""

from __future__ import annotations

import torch
from torch import Tensor


def extent(obj: Tensor) -> tuple[int, int]:
    """First and last plane of a shape (Z, Y, X), bool; the middle one if it is empty."""
    filled = torch.nonzero(obj.flatten(1).any(1))[:, 0]
    if not len(filled):
        return len(obj) // 2, len(obj) // 2
    return int(filled[0]), int(filled[-1])

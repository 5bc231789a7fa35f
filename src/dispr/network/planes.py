"""Known planes of a shape, as networks see them.

What is known of a shape is a volume of its own: (N, Z, Y, X) float32, the occupancy (0 to 1) in the
planes that were imaged and segmented, and `UNKNOWN` in all others. The plane of the section is
always among them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dispr.network.unet import fold

UNKNOWN = -1.0
"""Value of a voxel that nothing is known of."""


def known_planes(occupancy: Tensor, chosen: Tensor) -> Tensor:
    """Keep the chosen planes of a shape, and make the others unknown.

    Parameters
    ----------
    occupancy : Tensor
        (N, Z, Y, X), 0 to 1.
    chosen : Tensor
        (N, Z) bool.
    """
    return torch.where(chosen[:, :, None, None], occupancy, UNKNOWN)


def section_planes(mask: Tensor, size: int) -> Tensor:
    """Give what a section alone says: its mask in the middle plane.

    Parameters
    ----------
    mask : Tensor
        (N, size, size), 0 to 1; what is above 0.5 is inside.
    size : int
        Edge of the volume in voxels.
    """
    known = mask.new_full((mask.shape[0], size, size, size), UNKNOWN)
    known[:, size // 2] = (mask > 0.5).to(known.dtype)
    return known


def has_further(known: Tensor) -> Tensor:
    """Say of which cells (N, Z, Y, X) other planes than the section are known, (N,) bool."""
    return (known[:, :, 0, 0] >= 0).sum(1) > 1


def keep_known(occupancy: Tensor, known: Tensor) -> Tensor:
    """Give a shape (N, Z, Y, X) the values that are known of it."""
    return torch.where(known >= 0, known.to(occupancy.dtype), occupancy)


def coarse_channels(known: Tensor, factor: int) -> Tensor:
    """Describe the known planes on a grid `factor` times as coarse.

    Each of the `factor` planes that a coarse voxel holds has two channels: whether it is known (0
    or 1), and the mean of its occupancy over the coarse voxel, from -1 (empty) to 1 (full), 0 where
    it is not known.

    Returns
    -------
    Tensor
        (N, 2 factor, Z / factor, Y / factor, X / factor).
    """
    n, z, y, x = known.shape
    flag, value = _coded(known)
    pooled = F.avg_pool2d(torch.cat([flag, value], dim=1), factor)
    pooled = pooled.view(n, 2, z // factor, factor, y // factor, x // factor)
    return pooled.transpose(2, 3).flatten(1, 2)


def fine_channels(known: Tensor, patch: int) -> Tensor:
    """Describe the known voxels exactly: cubes of `patch` voxels folded into channels.

    Returns
    -------
    Tensor
        (N, 2 patch^3, Z / patch, Y / patch, X / patch): whether each is known (0 or 1), and its
        occupancy from -1 to 1, 0 where it is not known.
    """
    return fold(torch.stack(_coded(known), dim=1), patch)


def _coded(known: Tensor) -> tuple[Tensor, Tensor]:
    flag = (known >= 0).to(known.dtype)
    return flag, flag * (2 * known - 1)

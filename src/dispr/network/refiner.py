"""Refiners: from a coarse volume to the logit of the occupancy on the full grid, in one pass."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dispr.network.config import CascadeConfig
from dispr.network.layers import zero
from dispr.network.memory_format import GroupNorm
from dispr.network.planes import coarse_channels, fine_channels
from dispr.network.residual import Residual, along_z
from dispr.network.unet import height_above_section, unfold

SHARPNESS = 10.0  # logit per unit of occupancy, of the interpolation that refinement begins with


class Features(NamedTuple):
    """What the 2D encoder says of each cell.

    Attributes
    ----------
    coarse : Tensor
        (N, features, coarse, coarse).
    fine : Tensor
        (N, fine_channels, size / 2, size / 2).
    """

    coarse: Tensor
    fine: Tensor

    def rows(self, rows: Tensor | slice) -> Features:
        """Choose cells: numbers (n,) long, or a slice."""
        return Features(self.coarse[rows], self.fine[rows])


class Refiner(nn.Module):
    """From a coarse volume and the features of its cell to the logit on the full grid."""

    def __init__(self, config: CascadeConfig) -> None:
        super().__init__()
        self.config = config
        wide, fine = config.features, config.fine_channels
        self.patch = config.factor // 2
        self.first = nn.Conv3d(wide + 2, wide, 3, padding=1)
        self.coarse = Residual(3, wide, wide)
        self.spread = nn.Conv3d(wide, fine * self.patch**3, 1)
        self.fine = nn.Sequential(Residual(3, 2 * fine, fine), Residual(3, fine, fine))
        self.out = nn.Sequential(
            GroupNorm(8, fine), nn.SiLU(), zero(nn.Conv3d(fine, 8, 3, padding=1))
        )

    def forward(self, coarse: Tensor, features: Features) -> Tensor:
        """Refine (N, 1, coarse, coarse, coarse), mean occupancy, to the logit, float32."""
        planes = along_z(features.coarse, self.config.coarse)
        h = self.first(torch.cat([planes, coarse, height_above_section(coarse)], dim=1))
        h = unfold(self.spread(self.coarse(h)), self.patch)
        h = self.fine(torch.cat([h, along_z(features.fine, h.shape[2])], dim=1))
        return unfold(self.out(h), 2).float() + _interpolated(coarse, self.config.factor)


class PlaneRefiner(nn.Module):
    """A leaner refiner that sees the known planes, and draws the grain of a shape from noise.

    The known voxels are given exactly, folded into channels on half the full grid. What the coarse
    volume does not tell of the surface is drawn: noise enters on the same grid.
    """

    def __init__(self, config: CascadeConfig) -> None:
        super().__init__()
        self.config = config
        wide, fine = config.refiner_features, config.refiner_channels
        self.patch = config.factor // 2
        seen = config.features + 2 * config.factor + 2
        self.first = nn.Conv3d(seen, wide, 3, padding=1)
        self.coarse = Residual(3, wide, wide)
        self.spread = nn.Conv3d(wide, fine * self.patch**3, 1)
        self.section = nn.Conv2d(config.fine_channels, fine, 1)
        self.known = nn.Conv3d(16, fine, 1)
        self.grain = zero(nn.Conv3d(1, fine, 1, bias=False))
        self.fine = Residual(3, fine, fine)
        self.out = nn.Sequential(
            GroupNorm(8, fine), nn.SiLU(), zero(nn.Conv3d(fine, 8, 3, padding=1))
        )

    @property
    def grain_shape(self) -> tuple[int, int, int, int]:
        """Shape of the noise of one sample: (1, size / 2, size / 2, size / 2)."""
        half = self.config.size // 2
        return (1, half, half, half)

    def forward(self, coarse: Tensor, features: Features, known: Tensor, grain: Tensor) -> Tensor:
        """Refine the mean occupancy of a coarse volume.

        Parameters
        ----------
        coarse : Tensor
            (N, 1, coarse, coarse, coarse).
        features : Features
            Of the same cells.
        known : Tensor
            Their known planes, (N, size, size, size) (`dispr.network.planes`).
        grain : Tensor
            Standard normal noise, (N, *grain_shape).

        Returns
        -------
        Tensor
            Logit of the occupancy, (N, 1, size, size, size), float32.
        """
        planes = along_z(features.coarse, self.config.coarse)
        given = coarse_channels(known, self.config.factor).to(coarse.dtype)
        h = self.first(torch.cat([planes, given, coarse, height_above_section(coarse)], dim=1))
        h = unfold(self.spread(self.coarse(h)), self.patch)
        h = h + along_z(self.section(features.fine), h.shape[2])
        h = h + self.known(fine_channels(known, 2).to(h.dtype)) + self.grain(grain.to(h.dtype))
        return unfold(self.out(self.fine(h)), 2).float() + _interpolated(coarse, self.config.factor)


def _interpolated(coarse: Tensor, factor: int) -> Tensor:
    """Give the logit that refinement begins with: trilinear interpolation, sharpened."""
    full = F.interpolate(coarse, scale_factor=float(factor), mode="trilinear", align_corners=False)
    return SHARPNESS * (full.float() - 0.5)

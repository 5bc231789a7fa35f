"""Residual block without a time, and features repeated along Z: shared by encoder and refiners."""

from __future__ import annotations

from torch import Tensor, nn

from dispr.network.layers import zero
from dispr.network.memory_format import GroupNorm


class Residual(nn.Module):
    """Two convolutions, in 2D or 3D, added to the input."""

    def __init__(self, dimensions: int, channels: int, out_channels: int) -> None:
        super().__init__()
        convolution = {2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
        self.layers = nn.Sequential(
            GroupNorm(8, channels),
            nn.SiLU(),
            convolution(channels, out_channels, 3, padding=1),
            GroupNorm(8, out_channels),
            nn.SiLU(),
            zero(convolution(out_channels, out_channels, 3, padding=1)),
        )
        self.skip = (
            nn.Identity() if channels == out_channels else convolution(channels, out_channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, ...)."""
        return self.layers(x) + self.skip(x)  # a sum has the layout of its first part


def along_z(features: Tensor, depth: int) -> Tensor:
    """Repeat features (N, C, Y, X) at each of `depth` heights, (N, C, Z, Y, X)."""
    return features[:, :, None].expand(-1, -1, depth, -1, -1)

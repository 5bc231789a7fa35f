"""SHAPR, the deterministic network that the published method was compared with.

Waibel et al., SHAPR predicts 3D cell shapes from 2D microscopic images, iScience 25:105298 (2022):
419,720 parameters. Its adversarial part is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from dispr.network.network import Network, NetworkConfig, require

FLAT, CUBE = (2, 1, 1), (2, 2, 2)
"""What a step upwards doubles: Z alone, or all axes."""


@dataclass(frozen=True)
class ShaprConfig(NetworkConfig):
    """SHAPR (see `dispr.network.shapr`); the defaults are the published one.

    Attributes
    ----------
    size : int
        Edge of the image and of the volume in pixels and voxels: 64.
    channels : int
        Channels of the finest level.
    """

    channels: int = 10

    def __post_init__(self) -> None:
        require(self.channels > 0, "channels must be positive.")
        require(self.size == 64, f"SHAPR needs a size of 64 pixels and voxels, not {self.size}.")


class Shapr(Network):
    """Predict one 3D shape from a 2D image and its mask.

    The image, a volume of one plane, is halved twice in the plane. Six transposed convolutions then
    double Z each time, and twice Y and X too. All convolutions are of one plane, (1, 3, 3), but for
    the last.
    """

    def __init__(self, config: ShaprConfig) -> None:
        super().__init__()
        self.config = config
        n = config.channels
        layers: list[nn.Module] = [_pair(2, n)]
        for before, after in ((n, 2 * n), (2 * n, 4 * n)):
            layers += [nn.MaxPool3d((1, 2, 2)), _pair(before, after)]
        layers += [nn.Conv3d(4 * n, 8 * n, (1, 3, 3), padding="same", bias=False), nn.Sigmoid()]
        widths = (8, 8, 4, 4, 2, 1)
        before = 8 * n
        for width, factor in zip(widths, (FLAT, FLAT, CUBE, FLAT, FLAT, CUBE), strict=True):
            after = width * n
            layers += [_pair(before, after), nn.ConvTranspose3d(after, after, factor, factor)]
            before = after
        layers.append(_pair(n, n))
        self.layers = nn.Sequential(*layers)
        self.out = nn.Conv3d(n, 1, 3, padding="same", bias=False)

    def forward(self, condition: Tensor) -> Tensor:
        """Give the logit of the occupancy.

        Parameters
        ----------
        condition : Tensor
            Mask and masked image, (N, 2, 64, 64), 0 to 1.

        Returns
        -------
        Tensor
            (N, 1, 64, 64, 64), float32.
        """
        return self.out(self.layers(condition[:, :, None])).float()

    def regress(self, condition: Tensor) -> Tensor:
        """Give the logit of the occupancy, as `forward`."""
        return self(condition)


def _pair(before: int, after: int) -> nn.Sequential:
    """Convolve twice in the plane, each time with batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for channels in (before, after):
        convolution = nn.Conv3d(channels, after, (1, 3, 3), padding="same", bias=False)
        layers += [convolution, nn.BatchNorm3d(after), nn.ReLU()]
    return nn.Sequential(*layers)

"""A deterministic network, 2D encoder and 3D decoder, in the manner of SHAPR."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from dispr.network.memory_format import GroupNorm
from dispr.network.network import Network, NetworkConfig, require

MOST_LEVELS = 30
"""A file may state so many that 2 to their power takes the computer's memory."""


@dataclass(frozen=True)
class ShapeDecoderConfig(NetworkConfig):
    """A deterministic 2D encoder and 3D decoder, similar to SHAPR.

    Attributes
    ----------
    size : int
        Edge of the image and of the volume in pixels and voxels.
    channels : int
        Channels of the finest 2D level; they double at each coarser level.
    levels : int
        Number of levels: how often the image is downsampled and the volume upsampled by 2.
    dropout : float
        Share of features dropped in training.
    """

    channels: int = 8
    levels: int = 4
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require(self.channels > 0 and self.levels > 0, "channels and levels must be positive.")
        require(
            self.levels <= MOST_LEVELS and self.size % 2**self.levels == 0,
            f"size {self.size} cannot be halved {self.levels} times.",
        )
        require(0 <= self.dropout < 1, f"dropout must be in [0, 1), not {self.dropout}.")


class ShapeDecoder(Network):
    """Predict one 3D shape from a 2D image and its mask.

    The image is halved `levels` times by 2D convolutions, the coarsest features are spread over
    the heights, and 3D transposed convolutions double the volume as many times.
    """

    def __init__(self, config: ShapeDecoderConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.channels * 2**level for level in range(config.levels + 1)]
        self.depth = config.size // 2**config.levels
        encoder: list[nn.Module] = []
        for before, after in zip([2, *widths[:-1]], widths, strict=True):
            if encoder:
                encoder.append(nn.MaxPool2d(2))
            encoder += [_convolution(2, before, after), _convolution(2, after, after)]
        self.encoder = nn.Sequential(*encoder)
        self.spread = nn.Conv2d(widths[-1], widths[-1] * self.depth, 1)
        decoder: list[nn.Module] = []
        for before, after in zip(widths[:0:-1], widths[-2::-1], strict=True):
            decoder += [
                nn.ConvTranspose3d(before, after, 2, stride=2),
                _convolution(3, after, after),
                nn.Dropout(config.dropout),
                _convolution(3, after, after),
            ]
        self.decoder = nn.Sequential(*decoder)
        self.out = nn.Conv3d(widths[0], 1, 1)
        # Begin at the share of voxels that cells fill, which would take hundreds of steps to learn.
        nn.init.constant_(self.out.bias, -2.0)  # type: ignore[arg-type]

    def forward(self, condition: Tensor) -> Tensor:
        """Give the logit of the occupancy.

        Parameters
        ----------
        condition : Tensor
            Mask and masked image, (N, 2, size, size), 0 to 1.

        Returns
        -------
        Tensor
            (N, 1, size, size, size), float32.
        """
        features = self.encoder(condition)
        n, c, y, x = features.shape
        volume = self.spread(features).view(n, c, self.depth, y, x)
        return self.out(self.decoder(volume)).float()

    def regress(self, condition: Tensor) -> Tensor:
        """Give the logit of the occupancy, as `forward`."""
        return self(condition)


def _convolution(dimensions: int, before: int, after: int) -> nn.Sequential:
    convolution = {2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
    # Groups, not batches: the training for a cell must not depend on its neighbours.
    # Of four channels at least: normalised one by one, they forget how much of a cell there is.
    groups = next(g for g in (8, 4, 2, 1) if after % (4 * g) == 0 or g == 1)
    return nn.Sequential(
        convolution(before, after, 3, padding=1), GroupNorm(groups, after), nn.LeakyReLU(0.01)
    )

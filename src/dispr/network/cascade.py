"""The fast network: a coarse volume is denoised in a few steps, and refined once.

The noise is taken from a volume of 16 x 16 x 16 mean occupancies, which holds the shape to a
fraction of a voxel where the surface is smooth, at a hundredth of the arithmetic of the full grid.
A second network then gives the 64 x 64 x 64 voxels in one pass, as in cascaded diffusion (Ho et
al., arXiv 2106.15282), with noise on its coarse input in training ("conditioning augmentation").
Image and mask are encoded once, in 2D, for both.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dispr.network.config import CascadeConfig
from dispr.network.layers import zero
from dispr.network.unet import UNet, height_above_section, unfold

SHARPNESS = 10.0  # logit per unit of occupancy, of the interpolation that refinement begins with


class Features:
    """What the 2D encoder says of each cell.

    Attributes
    ----------
    coarse : Tensor
        (N, features, coarse, coarse).
    fine : Tensor
        (N, fine_channels, size / 2, size / 2).
    """

    def __init__(self, coarse: Tensor, fine: Tensor) -> None:
        self.coarse = coarse
        self.fine = fine


class Cascade(nn.Module):
    """2D encoder, coarse 3D denoiser, and refiner to the full grid.

    Parameters
    ----------
    config : CascadeConfig
        What they are made of.
    """

    def __init__(self, config: CascadeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.denoiser = UNet(config.denoiser)
        self.refiner = Refiner(config)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Apply encoder and denoiser.

        Parameters
        ----------
        x : Tensor
            Condition planes repeated along Z and the noisy coarse volume repeated to full size,
            (N, 3, size, size, size), so that the network is called as any other.
        t : Tensor
            Steps of the diffusion, (N,).

        Returns
        -------
        Tensor
            Logit of the coarse occupancy, (N, 1, coarse, coarse, coarse), float32.
        """
        given = self.given(x[:, :2, x.shape[2] // 2])
        return given(F.avg_pool3d(x[:, 2:], self.config.factor), t)

    def given(self, condition: Tensor, y: Tensor | None = None) -> GivenCells:
        """Fix the condition, which is encoded here, once.

        Parameters
        ----------
        condition : Tensor
            Mask and masked image, (N, 2, size, size), 0 to 1.
        y : None
            The network is not told of classes.
        """
        return GivenCells(self, self.encoder(condition))


class GivenCells:
    """The cascade for cells that are encoded already: `(x_t, t)` to the coarse logit."""

    def __init__(self, cascade: Cascade, features: Features) -> None:
        self.features = features
        self._denoise = cascade.denoiser.given(features.coarse)
        self._refine = cascade.refiner
        self.draw_noise = cascade.config.draw_noise

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Denoise (N, 1, coarse, coarse, coarse) at the steps t (N,)."""
        return self._denoise(x_t, t)

    def refine(self, coarse: Tensor, rows: Tensor | None = None) -> Tensor:
        """Give the logit of the occupancy on the full grid.

        Parameters
        ----------
        coarse : Tensor
            Mean occupancy, (n, 1, coarse, coarse, coarse), of these cells.
        rows : Tensor, optional
            Which of the cells, (n,) long; all if not given.

        Returns
        -------
        Tensor
            (n, 1, size, size, size), float32.
        """
        features = self.features
        if rows is not None:
            features = Features(features.coarse[rows], features.fine[rows])
        return self._refine(coarse, features)


class Encoder(nn.Module):
    """2D U-Net from the condition to features on the coarse grid and on half the full grid."""

    def __init__(self, config: CascadeConfig) -> None:
        super().__init__()
        width = config.encoder_channels
        self.first = nn.Conv2d(2, width, 3, padding=1)
        widths = [width]
        down: list[nn.Module] = [Residual(2, width, width)]
        size = config.size
        while size > config.coarse // 2:
            size //= 2
            after = min(2 * widths[-1], 4 * width)
            down.append(nn.Sequential(nn.AvgPool2d(2), Residual(2, widths[-1], after)))
            widths.append(after)
        self.down = nn.ModuleList(down)
        self.middle = Residual(2, widths[-1], widths[-1])
        up: list[nn.Module] = []
        before, size = widths[-1], config.coarse
        for skip in widths[-2:0:-1]:
            after = (
                config.features
                if size == config.coarse
                else config.fine_channels
                if size == config.size // 2
                else before
            )
            up.append(Residual(2, before + skip, after))
            before, size = after, size * 2
        self.up = nn.ModuleList(up)

    def forward(self, condition: Tensor) -> Features:
        """Encode (N, 2, size, size), 0 to 1."""
        h = self.first(condition)
        skips = []
        for layer in self.down:
            h = layer(h)
            skips.append(h)
        h = self.middle(skips.pop())
        levels = []
        for layer in self.up:
            h = layer(torch.cat([F.interpolate(h, scale_factor=2.0), skips.pop()], dim=1))
            levels.append(h)
        return Features(levels[0], levels[-1])


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
            nn.GroupNorm(8, fine), nn.SiLU(), zero(nn.Conv3d(fine, 8, 3, padding=1))
        )

    def forward(self, coarse: Tensor, features: Features) -> Tensor:
        """Refine (N, 1, coarse, coarse, coarse), mean occupancy, to the logit, float32."""
        planes = _along_z(features.coarse, self.config.coarse)
        h = self.first(torch.cat([planes, coarse, height_above_section(coarse)], dim=1))
        h = unfold(self.spread(self.coarse(h)), self.patch)
        h = self.fine(torch.cat([h, _along_z(features.fine, h.shape[2])], dim=1))
        interpolated = F.interpolate(
            coarse, scale_factor=float(self.config.factor), mode="trilinear", align_corners=False
        )
        return unfold(self.out(h), 2).float() + SHARPNESS * (interpolated.float() - 0.5)


class Residual(nn.Module):
    """Two convolutions, in 2D or 3D, added to the input."""

    def __init__(self, dimensions: int, channels: int, out_channels: int) -> None:
        super().__init__()
        convolution = {2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
        self.layers = nn.Sequential(
            nn.GroupNorm(8, channels),
            nn.SiLU(),
            convolution(channels, out_channels, 3, padding=1),
            nn.GroupNorm(8, out_channels),
            nn.SiLU(),
            zero(convolution(out_channels, out_channels, 3, padding=1)),
        )
        self.skip = (
            nn.Identity() if channels == out_channels else convolution(channels, out_channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform (N, C, ...)."""
        return self.skip(x) + self.layers(x)


def _along_z(features: Tensor, depth: int) -> Tensor:
    return features[:, :, None].expand(-1, -1, depth, -1, -1)

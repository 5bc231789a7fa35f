"""The follower: lets answers that were given for the section alone follow further planes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dispr.network.config import CascadeConfig
from dispr.network.planes import coarse_channels, has_further
from dispr.network.refiner import Features
from dispr.network.residual import along_z
from dispr.network.unet import UNet


class Follower(nn.Module):
    """A small network beside the denoiser, which corrects its answers.

    It works on cubes of 2 x 2 x 2 coarse voxels, with residual blocks and attention. Its last layer
    begins at zero: without training the answers stay as they are. Those for cells of which the
    section alone is known always do. It is thus trained beside a network that stays as it was, as
    in ControlNet (Zhang et al., arXiv 2302.05543).
    """

    def __init__(self, config: CascadeConfig) -> None:
        super().__init__()
        self.config = config
        self.section = nn.Conv2d(config.features, config.follower_features, 1)
        self.unet = UNet(config.follower)

    def forward(
        self, logit: Tensor, x_t: Tensor, t: Tensor, features: Features, known: Tensor
    ) -> Tensor:
        """Correct the logit of the coarse occupancy.

        Parameters
        ----------
        logit : Tensor
            Answer of the denoiser, (N, 1, coarse, coarse, coarse).
        x_t : Tensor
            What it answered for, (N, 1, coarse, coarse, coarse).
        t : Tensor
            Steps of the diffusion, (N,).
        features : Features
            Of the cells.
        known : Tensor
            Their known planes, (N, size, size, size) (`dispr.network.planes`).

        Returns
        -------
        Tensor
            (N, 1, coarse, coarse, coarse), float32.
        """
        planes = along_z(self.section(features.coarse), self.config.coarse)
        given = coarse_channels(known, self.config.factor).to(planes.dtype)
        drawn = torch.tanh(logit / 2).to(planes.dtype)  # -1 to 1, as the known planes are
        h = torch.cat([planes, given, drawn, x_t.to(planes.dtype)], dim=1)
        rows = has_further(known).view(-1, 1, 1, 1, 1)
        return torch.where(rows, logit + self.unet(h, t), logit)

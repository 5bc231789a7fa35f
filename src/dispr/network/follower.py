"""The follower: lets answers that were given for the section alone follow further planes."""

from __future__ import annotations

from collections.abc import Callable

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

    def given(
        self, features: Features, known: Tensor
    ) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        """Fix the cells; give what corrects answers for them, `(logit, x_t, t)` to the logit.

        Parameters
        ----------
        features : Features
            Of the cells.
        known : Tensor
            Their known planes, (N, size, size, size) (`dispr.network.planes`).

        Returns
        -------
        callable
            From the answer of the denoiser and what it answered for, both
            (N, 1, coarse, coarse, coarse), and the steps of the diffusion, (N,), to the corrected
            logit of the coarse occupancy, (N, 1, coarse, coarse, coarse), float32.
        """
        planes = along_z(self.section(features.coarse), self.config.coarse)
        given = coarse_channels(known, self.config.factor).to(planes.dtype)
        condition = torch.cat([planes, given], dim=1)
        rows = has_further(known).view(-1, 1, 1, 1, 1)

        def correct(logit: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
            drawn = torch.tanh(logit / 2)  # -1 to 1, as the known planes are
            h = torch.cat([condition, drawn.to(condition.dtype), x_t.to(condition.dtype)], dim=1)
            return torch.where(rows, logit + self.unet(h, t), logit)

        return correct

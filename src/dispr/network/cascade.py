"""The fast network: a coarse volume is denoised in a few steps, and refined once.

The noise is taken from a volume of 16 x 16 x 16 mean occupancies, which holds the shape to a
fraction of a voxel where the surface is smooth, at a hundredth of the arithmetic of the full grid.
A second network then gives the 64 x 64 x 64 voxels in one pass, as in cascaded diffusion (Ho et
al., arXiv 2106.15282), with noise on its coarse input in training ("conditioning augmentation").
Image and mask are encoded once, in 2D, for both.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dispr.network.config import CascadeConfig
from dispr.network.follower import Follower
from dispr.network.network import Given, Holds, Network
from dispr.network.planes import coarse_channels, keep_known, section_planes
from dispr.network.refiner import Features, PlaneRefiner, Refiner
from dispr.network.residual import Residual, along_z
from dispr.network.unet import UNet


class Cascade(Network):
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
        self.refiner: nn.Module = PlaneRefiner(config) if config.planes else Refiner(config)
        self.follower = Follower(config) if config.follower_channels else None

    def forward(self, condition: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Encode the condition and denoise.

        Parameters
        ----------
        condition : Tensor
            Mask and masked image, (N, 2, size, size), 0 to 1.
        x_t : Tensor
            Noisy coarse volume, (N, 1, coarse, coarse, coarse).
        t : Tensor
            Steps of the diffusion, (N,).

        Returns
        -------
        Tensor
            Logit of the coarse occupancy, (N, 1, coarse, coarse, coarse), float32.
        """
        return self.given(condition)(x_t, t)

    def parts(self) -> list[nn.Module]:
        """List what can be compiled: not the follower, which few cells need."""
        return [self.encoder, self.denoiser, self.refiner]

    def given(
        self, condition: Tensor, y: Tensor | None = None, known: Tensor | None = None
    ) -> GivenCells:
        """Fix the condition, which is encoded here, once.

        Parameters
        ----------
        condition : Tensor
            Mask and masked image, (N, 2, size, size), 0 to 1.
        y : None
            The network has no classes.
        known : Tensor, optional
            Known planes, (N, size, size, size) (`dispr.network.planes`), for a network that sees
            them: by default the mask of the section.
        """
        seen = known
        if self.config.planes and (known is None or self.config.section_only):
            seen = section_planes(condition[:, 0], self.config.size)
        return GivenCells(self, self.encoder(condition), seen, known)


SURE = 1e-4
"""Nearest to 0 and 1 that a coarse occupancy is moved."""


class GivenCells(Given):
    """The cascade for cells that are encoded already: `(x_t, t)` to the coarse logit.

    Attributes
    ----------
    features : Features
        What the encoder says of them.
    known : Tensor or None
        Their known planes, (N, size, size, size), that denoiser and refiner see.
    draw_noise : float
        Standard deviation of the noise on the refiner's input when shapes are drawn.
    grain_shape : tuple of int or None
        Shape of the refiner's own noise of one sample, for a refiner that takes some.
    """

    def __init__(
        self,
        cascade: Cascade,
        features: Features,
        known: Tensor | None = None,
        further: Tensor | None = None,
    ) -> None:
        self.features = features
        self.known = known
        self.draw_noise = cascade.config.draw_noise
        self.grain_shape: tuple[int, int, int, int] | None = None
        self._refine = cascade.refiner
        self._follow = None
        if cascade.follower is not None and further is not None:
            self._follow = cascade.follower.given(features, further)
        self._factor = cascade.config.factor
        self._holds: Holds | None = None
        condition = features.coarse
        if known is not None:
            assert isinstance(cascade.refiner, PlaneRefiner)
            self.grain_shape = cascade.refiner.grain_shape
            given = coarse_channels(known, cascade.config.factor).to(condition.dtype)
            condition = torch.cat([along_z(condition, cascade.config.coarse), given], dim=1)
        super().__init__(cascade.denoiser.given(condition))

    def guided(self, holds: Holds) -> GivenCells:
        """Give a network whose answers follow further known planes.

        Each answer is refined to a shape, which is moved to the planes. By what this changes the
        mean occupancy of a coarse voxel, the answer is changed: the next step begins with it. As
        in inpainting by diffusion (RePaint, Lugmayr et al., arXiv 2201.09865), what is known thus
        shapes what is drawn beside it, though the network was not trained for it.
        """
        guided = copy.copy(self)
        guided._holds = holds
        return guided

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Answer for x_t at the steps t."""
        logit = super().__call__(x_t, t)
        if self._follow is not None:
            logit = self._follow(logit, x_t, t)
        return logit if self._holds is None else self._moved(logit, self._holds)

    def _moved(self, logit: Tensor, holds: Holds) -> Tensor:
        coarse = torch.sigmoid(logit.float())
        drawn = self.refine(coarse)[:, 0] > 0
        moved = holds.hold(drawn).float() - drawn.float()
        coarse = coarse + F.avg_pool3d(moved[:, None], self._factor)
        rows = holds.rows.view(-1, 1, 1, 1, 1)
        return torch.where(rows, torch.logit(coarse, eps=SURE).to(logit.dtype), logit)

    def finish(self, occupancy: Tensor, noise: Callable[..., Tensor]) -> Tensor:
        """Refine the coarse occupancy, and keep the known planes."""
        coarse = occupancy + self.draw_noise * noise()
        grain = None if self.grain_shape is None else noise(self.grain_shape)
        fine = torch.sigmoid(self.refine(coarse, grain=grain))[:, 0]
        return fine if self.known is None else keep_known(fine, self.known)

    def refine(
        self, coarse: Tensor, rows: Tensor | None = None, grain: Tensor | None = None
    ) -> Tensor:
        """Give the logit of the occupancy on the full grid.

        Parameters
        ----------
        coarse : Tensor
            Mean occupancy, (n, 1, coarse, coarse, coarse), of these cells.
        rows : Tensor, optional
            Which of the cells, (n,) long; all if not given.
        grain : Tensor, optional
            Standard normal noise, (n, *grain_shape), for a refiner that takes some; none if not
            given.

        Returns
        -------
        Tensor
            (n, 1, size, size, size), float32.
        """
        features, known = self.features, self.known
        if rows is not None:
            features = features.rows(rows)
        if known is None or self.grain_shape is None:
            return self._refine(coarse, features)
        if rows is not None:
            known = known[rows]
        if grain is None:
            grain = coarse.new_zeros((len(coarse), *self.grain_shape))
        return self._refine(coarse, features, known, grain)


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

"""What a model asks of a network, and of its configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from torch import Tensor, nn

from dispr.errors import ConfigError

Config = TypeVar("Config", bound="NetworkConfig")

CONDITION_CHANNELS = 2
"""Channels that networks see of a cell: mask, and image x mask."""


def require(condition: bool, message: str) -> None:
    """Refuse settings of a network.

    Raises
    ------
    ConfigError
        With this message, unless the condition holds.
    """
    if not condition:
        raise ConfigError(message)


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """What a network is made of: a frozen dataclass with a size, and what follows from it.

    Attributes
    ----------
    size : int
        Edge of the cubic volume in voxels; 64 in a `ModelConfig`.
    """

    size: int = 64

    num_classes = 0
    """Number of class labels that it takes."""

    planes = False
    """Whether it is given known planes: that of the section, and perhaps others."""

    section_only = False
    """Whether its shapes contain no other known plane than that of the section."""

    follower_channels = 0
    """Channels of a follower (`dispr.network.follower`); 0 for none."""

    keeps_section = False
    """Whether its shapes hold the mask of the section, voxel by voxel."""

    refine_share = 0.0
    """Share of the samples that train a refiner; 0 for a network without."""

    @property
    def sees_planes(self) -> bool:
        """Whether it, or a follower beside it, sees known planes other than the section."""
        return self.keeps_planes or self.follower_channels > 0

    @property
    def keeps_planes(self) -> bool:
        """Whether its shapes contain all known planes, voxel by voxel."""
        return self.planes and not self.section_only

    @property
    def follows_planes(self) -> bool:
        """Whether what it draws depends on further known planes, seen or not (`Given.guided`)."""
        return self.sees_planes

    @property
    def noise_edge(self) -> int:
        """Edge of the volume that noise is added to and taken from."""
        return self.size

    def check(self, prediction: str | None, channels: int) -> None:
        """Refuse a diffusion that does not suit the network.

        Parameters
        ----------
        prediction : str or None
            What the diffusion wants of it (`dispr.diffusion.config`); None for no diffusion.
        channels : int
            Channels that this takes.

        Raises
        ------
        ConfigError
            If it does not suit.
        """
        if prediction is not None:
            raise ConfigError("this network is deterministic and cannot be used with diffusion.")

    def for_model(self: Config, prediction: str | None, channels: int, classes: int) -> Config:
        """Give the configuration that suits a diffusion and a number of classes.

        Raises
        ------
        ConfigError
            If the network is not told of classes.
        """
        if classes:
            raise ConfigError("this network takes no class labels; omit --class-cond.")
        return self


class Holds(NamedTuple):
    """Further known planes, which the network does not see, and which shapes are moved to.

    Attributes
    ----------
    rows : Tensor
        Which shapes there are any of, (N,) bool.
    hold : callable
        Moves shapes (N, size, size, size), bool, to the known planes; leaves other rows.
    """

    rows: Tensor
    hold: Callable[[Tensor], Tensor]


class Given:
    """A network for cells whose condition is fixed: `(x_t, t)` to what it predicts.

    Parameters
    ----------
    denoise : callable
        From x_t (N, 1, edge, edge, edge) and t (N,) to the network's output.
    """

    def __init__(self, denoise: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._denoise = denoise

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Answer for x_t at the steps t."""
        return self._denoise(x_t, t)

    def guided(self, holds: Holds) -> Given:
        """Give a network whose answers follow further known planes, where that can be done.

        This network has no coarse volume, and is given back.
        """
        return self

    def finish(self, occupancy: Tensor, noise: Callable[..., Tensor]) -> Tensor:
        """Give the shapes that follow from what was sampled.

        Parameters
        ----------
        occupancy : Tensor
            (N, 1, edge, edge, edge), 0 to 1.
        noise : callable
            Draws the next standard normal noise of each sample, of the shape of one sample where
            it is given one.

        Returns
        -------
        Tensor
            Occupancy, (N, size, size, size), 0 to 1.
        """
        return occupancy[:, 0]


class Network(nn.Module):
    """A network of this package. One of a diffusion has `given`, a deterministic one `regress`."""

    def given(
        self, condition: Tensor, y: Tensor | None = None, known: Tensor | None = None
    ) -> Given:
        """Fix what is known of cells.

        Parameters
        ----------
        condition : Tensor
            Mask and masked image, (N, 2, size, size), 0 to 1.
        y : Tensor, optional
            Classes, (N,) long, for a network with class labels.
        known : Tensor, optional
            Known planes, (N, size, size, size) (`dispr.network.planes`), for a network that sees
            them: by default the mask of the section.
        """
        raise NotImplementedError(f"{type(self).__name__} is deterministic")

    def parts(self) -> list[nn.Module]:
        """List what is called as a whole, and can be compiled: by default, the network."""
        return [self]

    def regress(self, condition: Tensor) -> Tensor:
        """Give the logit of the occupancy, (N, 1, size, size, size), from the condition alone."""
        raise NotImplementedError(f"{type(self).__name__} is of a diffusion")

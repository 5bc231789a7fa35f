"""What the U-Net and the cascade are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from dispr.arguments import one_of
from dispr.errors import ConfigError
from dispr.network.network import CONDITION_CHANNELS, NetworkConfig, require

Pooling = Literal["in-plane", "isotropic"]


@dataclass(frozen=True)
class UNetConfig(NetworkConfig):
    """A 3D U-Net with residual blocks and attention (Dhariwal and Nichol, arXiv 2105.05233).

    The defaults are the published network: 9,772,802 parameters.

    Attributes
    ----------
    size : int
        Edge of the cubic volume in voxels; 64 in a `ModelConfig`.
    in_channels, out_channels : int
        Channels of the input (condition and noisy volume) and of the output.
    channels : int
        Channels of the finest level; a multiple of 32, for group normalisation.
    channel_mult : tuple of int
        Channels of each level as multiples of `channels`, finest first.
    num_res_blocks : int
        Residual blocks per level.
    attention_levels : tuple of int
        Levels with self-attention; 0 is the finest.
    num_heads : int
        Number of attention heads.
    num_heads_upsample : int
        Number of attention heads of the upsampling path; -1 for num_heads.
    num_head_channels : int
        Channels per attention head, which then determine the number of heads; -1 to use num_heads.
    scale_shift_norm : bool
        Let the time embedding scale and shift the normalised features (FiLM) instead of being
        added.
    resblock_updown : bool
        Resample inside residual blocks instead of by a strided convolution.
    new_attention_order : bool
        Split the channels into queries, keys and values before splitting them into heads.
    num_classes : int
        Number of class labels; 0 for none.
    dropout : float
        Dropout rate in each residual block.
    checkpoint : bool
        Recompute blocks in the backward pass to save memory.
    pooling : "in-plane" or "isotropic"
        Downsample only Y and X, as published (in-plane), or also Z (isotropic).
    patch : int
        Edge of the cubes that a space-to-depth step moves into channels; 1 for none.
    position : bool
        Add an input channel with the height of each voxel above the section.
    convolve_coarse : bool
        In upsampling, convolve before the resolution is doubled, not after it as published; this
        takes an eighth of the operations.
    """

    in_channels: int = 3
    out_channels: int = 2
    channels: int = 32
    channel_mult: tuple[int, ...] = (1, 2, 3, 4)
    num_res_blocks: int = 1
    attention_levels: tuple[int, ...] = (2,)
    num_heads: int = 1
    num_heads_upsample: int = -1
    num_head_channels: int = -1
    scale_shift_norm: bool = False
    resblock_updown: bool = False
    new_attention_order: bool = False
    num_classes: int = 0
    dropout: float = 0.0
    checkpoint: bool = False
    pooling: Pooling = "in-plane"
    patch: int = 1
    position: bool = False
    convolve_coarse: bool = False

    def __post_init__(self) -> None:
        levels = len(self.channel_mult)
        require(
            levels > 0 and all(mult > 0 for mult in self.channel_mult),
            f"channel_mult must have a positive multiple for each level, not {self.channel_mult}.",
        )
        require(
            self.channels > 0 and self.channels % 32 == 0,
            f"channels must be a positive multiple of 32, not {self.channels}.",
        )
        require(self.num_res_blocks > 0, "num_res_blocks must be at least 1.")
        require(
            self.patch > 0 and self.size % (self.patch * 2 ** (levels - 1)) == 0,
            f"size {self.size} cannot be halved {levels - 1} times after folding by {self.patch}.",
        )
        require(
            all(0 <= level < levels for level in self.attention_levels),
            f"attention_levels {self.attention_levels} must be levels from 0 to {levels - 1}.",
        )
        require(0 <= self.dropout < 1, f"dropout must be in [0, 1), not {self.dropout}.")
        one_of(self.pooling, ("in-plane", "isotropic"), "pooling")
        require(
            self.num_head_channels == -1 or self.num_head_channels > 0,
            f"num_head_channels must be positive, or -1, not {self.num_head_channels}.",
        )
        for mult in {self.channel_mult[-1], *(self.channel_mult[i] for i in self.attention_levels)}:
            width = mult * self.channels
            for heads in (self.heads(width), self.heads(width, upward=True)):
                require(
                    heads > 0 and width % heads == 0,
                    f"{width} channels cannot be shared among {heads} attention heads.",
                )

    def heads(self, width: int, *, upward: bool = False) -> int:
        """Give the number of attention heads of a block with `width` channels."""
        if self.num_head_channels != -1:
            return width // self.num_head_channels if width % self.num_head_channels == 0 else 0
        if upward and self.num_heads_upsample != -1:
            return self.num_heads_upsample
        return self.num_heads

    def check(self, prediction: str | None, channels: int) -> None:
        """Refuse other channels than the condition and the diffusion have."""
        wanted = (CONDITION_CHANNELS + (prediction is not None), channels)
        if (self.in_channels, self.out_channels) != wanted:
            raise ConfigError(
                f"the network of this model needs {wanted[0]} input and {wanted[1]} output "
                f"channels, not {self.in_channels} and {self.out_channels}."
            )

    def for_model(self, prediction: str | None, channels: int, classes: int) -> UNetConfig:
        """Give the configuration with the channels of a diffusion, and these classes."""
        return replace(
            self,
            in_channels=CONDITION_CHANNELS + (prediction is not None),
            out_channels=channels,
            num_classes=classes or self.num_classes,
        )


@dataclass(frozen=True)
class CascadeConfig(NetworkConfig):
    """A coarse denoiser and a refiner (see `dispr.network.cascade`).

    Attributes
    ----------
    size : int
        Edge of the image and of the volume in pixels and voxels.
    coarse : int
        Edge of the volume that is denoised.
    encoder_channels : int
        Channels of the finest level of the 2D encoder; they double twice.
    features : int
        Number of features of the cell on the coarse grid.
    fine_channels : int
        Number of features at half resolution, of the cell and of the refiner.
    channels, channel_mult, num_res_blocks, attention_levels, num_head_channels, dropout : as there
        Of the denoiser: see `UNetConfig`.
    refine_share : float
        Fraction of the training samples that the refiner is trained on.
    refine_noise : float
        Largest standard deviation of the noise added to the refiner's input in training.
    draw_noise : float
        Standard deviation of the noise added to the refiner's input in sampling. Without noise,
        shapes are smoother than real cells.
    planes : bool
        Give denoiser and refiner the known planes of a shape (`dispr.network.planes`); the drawn
        shapes then match them voxel by voxel. The refiner is then a smaller one with its own noise
        input (`dispr.network.refiner.PlaneRefiner`).
    section_only : bool
        Of the known planes, give them that of the section only. Others then guide what is drawn
        (`dispr.network.cascade.GivenCells.guided`), and drawn shapes are moved to them
        (`dispr.prediction.planes.hold_planes`).
    follower_channels : int
        With `section_only`: channels of a network that corrects the answers of the denoiser where
        other planes are known (`dispr.network.follower`); 0 for none.
    refiner_features, refiner_channels : int
        Channels of the smaller refiner on the coarse grid and at half resolution.
    """

    coarse: int = 16
    encoder_channels: int = 32
    features: int = 64
    fine_channels: int = 32
    channels: int = 32
    channel_mult: tuple[int, ...] = (1, 4)
    num_res_blocks: int = 1
    attention_levels: tuple[int, ...] = ()
    num_head_channels: int = 32
    dropout: float = 0.0
    refine_share: float = 0.125
    refine_noise: float = 0.1
    draw_noise: float = 0.1
    planes: bool = False
    section_only: bool = False
    follower_channels: int = 0
    refiner_features: int = 48
    refiner_channels: int = 24

    def __post_init__(self) -> None:
        factor = self.size // self.coarse if self.coarse > 0 else 0
        require(
            factor >= 4 and factor * self.coarse == self.size and factor & (factor - 1) == 0,
            f"coarse must be size {self.size} divided by 4, 8, ..., not {self.coarse}.",
        )
        for name in (
            "encoder_channels",
            "features",
            "fine_channels",
            "refiner_features",
            "refiner_channels",
        ):
            width = getattr(self, name)
            require(
                width > 0 and width % 8 == 0,
                f"{name} must be a positive multiple of 8, for group normalisation, not {width}.",
            )
        require(
            0 < self.refine_share <= 1 and abs(1 / self.refine_share % 1) < 1e-9,
            f"refine_share must be 1, 1/2, 1/3, ..., not {self.refine_share}.",
        )
        require(
            self.planes or not self.section_only,
            "section_only needs planes: without, the network is given no known plane.",
        )
        require(
            self.section_only or not self.follower_channels,
            "follower_channels needs section_only: otherwise the denoiser sees all known planes.",
        )
        for name in ("refine_noise", "draw_noise"):
            noise = getattr(self, name)
            require(noise >= 0, f"{name} must be 0 or more, not {noise}.")
        _ = self.denoiser  # checks the rest
        if self.follower_channels:
            _ = self.follower

    @property
    def factor(self) -> int:
        """Voxels along the edge of a coarse voxel."""
        return self.size // self.coarse

    @property
    def denoiser(self) -> UNetConfig:
        """The coarse network, which sees the features of the cell and the noisy volume."""
        return UNetConfig(
            size=self.coarse,
            in_channels=self.features + 2 * self.factor * self.planes + 1,
            out_channels=1,
            channels=self.channels,
            channel_mult=self.channel_mult,
            num_res_blocks=self.num_res_blocks,
            attention_levels=self.attention_levels,
            num_head_channels=self.num_head_channels,
            scale_shift_norm=True,
            dropout=self.dropout,
            pooling="isotropic",
            position=True,
            convolve_coarse=True,
        )

    follower_features = 8
    """Features of the cell that the follower sees."""

    @property
    def follower(self) -> UNetConfig:
        """The network that corrects the answers of the denoiser by known planes."""
        return replace(
            self.denoiser,
            in_channels=self.follower_features + 2 * self.factor + 2,
            channels=self.follower_channels,
            channel_mult=(1,),
            num_res_blocks=1,
            attention_levels=(),
            num_head_channels=32,
            dropout=0.0,
            patch=2,
        )

    keeps_section = True
    follows_planes = True

    @property
    def noise_edge(self) -> int:
        """Edge of the coarse volume."""
        return self.coarse

    def check(self, prediction: str | None, channels: int) -> None:
        """Refuse a diffusion that does not predict the occupancy."""
        if prediction != "occupancy":
            raise ConfigError('a cascade needs a diffusion with the prediction "occupancy".')

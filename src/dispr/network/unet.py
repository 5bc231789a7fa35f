"""The 3D U-Net, which by default is the published one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dispr.network.config import UNetConfig
from dispr.network.layers import (
    GROUPS,
    AttentionBlock,
    Downsample,
    ResBlock,
    TimestepSequential,
    Upsample,
    time_embedding,
    zero,
)
from dispr.network.memory_format import GroupNorm, is_channels_last
from dispr.network.network import Given, Network


class UNet(Network):
    """3D U-Net with residual blocks, attention and skip connections (arXiv 2105.05233).

    Parameters keep the names of the published program: `time_embed`, `label_emb`, `input_blocks`,
    `middle_block`, `output_blocks`, `out`.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        embedding = 4 * config.channels
        self.time_embed = nn.Sequential(
            nn.Linear(config.channels, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        if config.num_classes:
            self.label_emb = nn.Embedding(config.num_classes, embedding)

        def block(c: int, out: int, resample: type | None = None) -> ResBlock:
            return ResBlock(
                c,
                out,
                embedding,
                dropout=config.dropout,
                scale_shift_norm=config.scale_shift_norm,
                use_checkpoint=config.checkpoint,
                resample=resample,
                pooling=config.pooling,
            )

        def attention(c: int, *, upward: bool = False) -> AttentionBlock:
            return AttentionBlock(
                c,
                config.heads(c, upward=upward),
                new_order=config.new_attention_order,
                use_checkpoint=config.checkpoint,
            )

        fold = config.patch**3
        width = config.channels * config.channel_mult[0]
        first = nn.Conv3d(config.in_channels * fold + config.position, width, 3, padding=1)
        self.input_blocks = nn.ModuleList([TimestepSequential(first)])
        skips = [width]
        last_level = len(config.channel_mult) - 1
        for level, mult in enumerate(config.channel_mult):
            for _ in range(config.num_res_blocks):
                layers: list[nn.Module] = [block(width, mult * config.channels)]
                width = mult * config.channels
                if level in config.attention_levels:
                    layers.append(attention(width))
                self.input_blocks.append(TimestepSequential(*layers))
                skips.append(width)
            if level != last_level:
                self.input_blocks.append(
                    TimestepSequential(
                        block(width, width, Downsample)
                        if config.resblock_updown
                        else Downsample(width, config.pooling, learned=True)
                    )
                )
                skips.append(width)

        self.middle_block = TimestepSequential(
            block(width, width), attention(width), block(width, width)
        )

        self.output_blocks = nn.ModuleList()
        for level, mult in reversed(list(enumerate(config.channel_mult))):
            for i in range(config.num_res_blocks + 1):
                layers = [block(width + skips.pop(), mult * config.channels)]
                width = mult * config.channels
                if level in config.attention_levels:
                    layers.append(attention(width, upward=True))
                if level and i == config.num_res_blocks:
                    layers.append(
                        block(width, width, Upsample)
                        if config.resblock_updown
                        else Upsample(
                            width,
                            config.pooling,
                            learned=True,
                            convolve_coarse=config.convolve_coarse,
                        )
                    )
                self.output_blocks.append(TimestepSequential(*layers))

        self.out = nn.Sequential(
            GroupNorm(GROUPS, width),
            nn.SiLU(),
            zero(nn.Conv3d(width, config.out_channels * fold, 3, padding=1)),
        )

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Apply the network.

        Parameters
        ----------
        x : Tensor
            Condition planes repeated along Z and the noisy volume,
            (N, in_channels, size, size, size).
        t : Tensor
            Steps of the diffusion, (N,).
        y : Tensor, optional
            Classes, (N,) long, for a network with classes.

        Returns
        -------
        Tensor
            (N, out_channels, size, size, size), float32.
        """
        # On a CPU contiguous features: channels-last ones are no faster there and lose a digit to
        # its group normalisation.
        embedding = self.time_embed(time_embedding(t, self.config.channels))
        if self.config.num_classes:
            if y is None:
                raise ValueError("a network with classes needs the class of each cell")
            embedding = embedding + self.label_emb(y)
        h = fold(x, self.config.patch)
        if self.config.position:
            h = torch.cat([h, height_above_section(h)], dim=1)
        skips = []
        for module in self.input_blocks:
            h = module(h, embedding)
            skips.append(h)
        h = self.middle_block(h, embedding)
        for module in self.output_blocks:
            h = module(torch.cat([h, skips.pop()], dim=1), embedding)
        return unfold(self.out(h), self.config.patch).float()

    def given(
        self, condition: Tensor, y: Tensor | None = None, known: Tensor | None = None
    ) -> Given:
        """Fix the condition.

        Parameters
        ----------
        condition : Tensor
            Planes that are the same at every height, (N, in_channels - 1, size, size); or
            volumes, (N, in_channels - 1, size, size, size).
        y : Tensor, optional
            Classes, (N,) long.
        known : None
            The network sees no other planes.
        """
        if condition.ndim == 4:
            condition = condition[:, :, None].expand(-1, -1, self.config.size, -1, -1)

        def denoise(x_t: Tensor, t: Tensor) -> Tensor:
            return self(torch.cat([condition, x_t.to(condition.dtype)], dim=1), t, y)

        return Given(denoise)

    def regress(self, condition: Tensor) -> Tensor:
        """Answer without noise, for a network whose input is the condition alone.

        Parameters
        ----------
        condition : Tensor
            (N, in_channels, size, size), the same at every height.

        Returns
        -------
        Tensor
            Logit of the occupancy, (N, out_channels, size, size, size).
        """
        planes = condition[:, :, None].expand(-1, -1, self.config.size, -1, -1)
        return self(planes, condition.new_zeros(condition.shape[0]))


def fold(x: Tensor, patch: int) -> Tensor:
    """Fold cubes of `patch` voxels into channels: (N, C, Z, Y, X) to (N, C p^3, Z/p, Y/p, X/p)."""
    if patch == 1:
        return x
    n, c, *edges = x.shape
    z, y, w = (edge // patch for edge in edges)
    x = x.reshape(n, c, z, patch, y, patch, w, patch)
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(n, c * patch**3, z, y, w)


def unfold(x: Tensor, patch: int) -> Tensor:
    """Undo `fold`: (N, C p^3, Z, Y, X) to (N, C, Z p, Y p, X p)."""
    if patch == 1:
        return x
    n, c, z, y, w = x.shape
    if is_channels_last(x):
        x = x.permute(0, 2, 3, 4, 1).reshape(n, z, y, w, c // patch**3, patch, patch, patch)
        x = x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(n, z * patch, y * patch, w * patch, -1)
        return x.permute(0, 4, 1, 2, 3)
    x = x.reshape(n, c // patch**3, patch, patch, patch, z, y, w)
    return x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(
        n, c // patch**3, z * patch, y * patch, w * patch
    )


def height_above_section(like: Tensor) -> Tensor:
    """Give each voxel's height above the middle plane in half edges, -1 to 1, (N, 1, Z, Y, X)."""
    n, _, z, y, x = like.shape
    height = (torch.arange(z, device=like.device, dtype=like.dtype) - z / 2) / (z / 2)
    return height.view(1, 1, z, 1, 1).expand(n, 1, z, y, x)

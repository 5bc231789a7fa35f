"""Building blocks of the U-Net.

Names of modules and parameters are those of the published program, so that its checkpoints load by
name (Dhariwal and Nichol, arXiv 2105.05233, appendix A).
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from dispr.network.config import Pooling
from dispr.network.memory_format import GroupNorm, repeated

GROUPS = 32

FACTORS: dict[Pooling, tuple[int, int, int]] = {"in-plane": (1, 2, 2), "isotropic": (2, 2, 2)}


Layer = TypeVar("Layer", bound=nn.Module)


def zero(module: Layer) -> Layer:
    """Set all parameters to zero, so that a residual branch begins as nothing."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def time_embedding(t: Tensor, width: int) -> Tensor:
    """Embed times (N,) in cosines and sines of geometric frequencies, (N, width)."""
    half = width // 2
    # In this order of operations, so that the rates round as in the published program: at time
    # 1000 their last digit shows in the phase.
    exponents = torch.arange(half, dtype=torch.float32, device=t.device)
    rates = torch.exp(-math.log(10000) * exponents / half)
    phase = t[:, None].float() * rates
    return torch.cat([phase.cos(), phase.sin()], dim=1)


class Downsample(nn.Module):
    """Halve the resolution by a strided convolution, or by a mean where `learned` is false."""

    def __init__(self, channels: int, pooling: Pooling, *, learned: bool) -> None:
        super().__init__()
        self.factor = FACTORS[pooling]
        self.op = (
            nn.Conv3d(channels, channels, 3, stride=self.factor, padding=1)
            if learned
            else nn.AvgPool3d(self.factor)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Halve (N, C, Z, Y, X) along the axes of the pooling."""
        return self.op(x)


class Upsample(nn.Module):
    """Double the resolution by repetition, and convolve where `learned`: after, or before."""

    def __init__(
        self, channels: int, pooling: Pooling, *, learned: bool, convolve_coarse: bool = False
    ) -> None:
        super().__init__()
        self.factor = FACTORS[pooling]
        self.convolve_coarse = convolve_coarse
        self.conv = nn.Conv3d(channels, channels, 3, padding=1) if learned else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Double (N, C, Z, Y, X) along the axes of the pooling."""
        if self.convolve_coarse:
            return repeated(self.conv(x), self.factor)
        return self.conv(repeated(x, self.factor))


class ResBlock(nn.Module):
    """Two convolutions around the time embedding, added to the input; may resample."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        embedding: int,
        *,
        dropout: float,
        scale_shift_norm: bool,
        use_checkpoint: bool,
        resample: type[Downsample] | type[Upsample] | None = None,
        pooling: Pooling = "in-plane",
    ) -> None:
        super().__init__()
        self.scale_shift_norm = scale_shift_norm
        self.use_checkpoint = use_checkpoint
        self.in_layers = nn.Sequential(
            GroupNorm(GROUPS, channels), nn.SiLU(), nn.Conv3d(channels, out_channels, 3, padding=1)
        )
        self.resample = resample(channels, pooling, learned=False) if resample else None
        self.emb_layers = nn.Sequential(
            nn.SiLU(), nn.Linear(embedding, (2 if scale_shift_norm else 1) * out_channels)
        )
        self.out_layers = nn.Sequential(
            GroupNorm(GROUPS, out_channels),
            nn.SiLU(),
            nn.Dropout(dropout),
            zero(nn.Conv3d(out_channels, out_channels, 3, padding=1)),
        )
        self.skip_connection = (
            nn.Identity() if channels == out_channels else nn.Conv3d(channels, out_channels, 1)
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Transform (N, C, Z, Y, X) under the embedding (N, E)."""
        if self.use_checkpoint and self.training and torch.is_grad_enabled():
            return checkpoint(self._forward, x, embedding, use_reentrant=False)
        return self._forward(x, embedding)

    def _forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.in_layers[1](self.in_layers[0](x))
        if self.resample is not None:
            h, x = self.resample(h), self.resample(x)
        h = self.in_layers[2](h)
        shift = self.emb_layers(embedding).to(h.dtype)[:, :, None, None, None]
        if self.scale_shift_norm:
            scale, shift = shift.chunk(2, dim=1)
            h = self.out_layers[1:](self.out_layers[0](h) * (1 + scale) + shift)
        else:
            h = self.out_layers(h + shift)
        return h + self.skip_connection(x)  # a sum has the layout of its first part


class AttentionBlock(nn.Module):
    """Self-attention among all voxels, added to the input.

    Mathematically the published block. Scaled-dot-product attention never forms the matrix of all
    pairs of voxels, which at 64 x 16 x 16 voxels would have 16,384 x 16,384 entries.
    """

    def __init__(self, channels: int, heads: int, *, new_order: bool, use_checkpoint: bool) -> None:
        super().__init__()
        self.heads = heads
        self.new_order = new_order
        self.use_checkpoint = use_checkpoint
        self.norm = GroupNorm(GROUPS, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = zero(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Attend over (N, C, Z, Y, X)."""
        if self.use_checkpoint and self.training and torch.is_grad_enabled():
            return checkpoint(self._forward, x, use_reentrant=False)
        return self._forward(x)

    def _forward(self, x: Tensor) -> Tensor:
        n, c = x.shape[:2]
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        qkv = F.linear(tokens, self.qkv.weight[..., 0], self.qkv.bias)
        width = c // self.heads
        if self.new_order:
            q, k, v = qkv.view(n, -1, 3, self.heads, width).permute(2, 0, 3, 1, 4)
        else:
            q, k, v = qkv.view(n, -1, self.heads, 3, width).permute(3, 0, 2, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v)
        h = h.transpose(1, 2).reshape(n, -1, c)
        h = F.linear(h, self.proj_out.weight[..., 0], self.proj_out.bias)
        return x + h.transpose(1, 2).reshape(x.shape)


class TimestepSequential(nn.Sequential):
    """Layers in order, of which the residual blocks are also given the embedding."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:  # type: ignore[override]
        """Apply the layers to (N, C, Z, Y, X)."""
        for layer in self:
            x = layer(x, embedding) if isinstance(layer, ResBlock) else layer(x)
        return x

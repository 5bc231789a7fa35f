"""Channels-last features: the layout in which GPUs convolve fastest.

Convolutions keep a layout, but the group normalisation of PyTorch gives back contiguous features on
GPUs, so that each convolution after one would first copy them. `GroupNorm` and `repeated` keep the
layout there.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}
"""By the number of axes."""

KEEPS = ("cpu",)
"""Devices on which the group normalisation of PyTorch keeps the layout."""


class GroupNorm(nn.GroupNorm):
    """Group normalisation (Wu and He, arXiv 1803.08494) that keeps channels-last features so.

    On a CPU it is that of PyTorch, which keeps the layout there.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, ...)."""
        if x.device.type not in KEEPS and is_channels_last(x):
            return normalised(x, self.num_groups, self.weight, self.bias, self.eps)
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


def normalised(x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Normalise groups of channels without a change of the layout, in float32.

    Parameters
    ----------
    x : Tensor
        (N, C, ...), channels-last.
    groups : int
        Number of groups of channels.
    weight, bias : Tensor
        Of each channel, (C,).
    eps : float
        Added to the variance.

    Returns
    -------
    Tensor
        (N, C, ...), float32, channels-last.
    """
    n, channels = x.shape[:2]
    rows = x.movedim(1, -1).reshape(n, -1, groups, channels // groups)  # a view
    variance, mean = torch.var_mean(rows.float(), dim=(1, 3), correction=0)
    scale = weight.float().view(groups, -1) * torch.rsqrt(variance + eps)[:, :, None]
    shift = bias.float().view(groups, -1) - mean[:, :, None] * scale
    each = (n, channels, *(1 for _ in x.shape[2:]))
    return torch.addcmul(shift.view(each), x.float(), scale.view(each))


def repeated(x: Tensor, factor: tuple[int, int, int]) -> Tensor:
    """Repeat each voxel of (N, C, Z, Y, X) along the axes, without a change of the layout.

    The interpolation of PyTorch gives contiguous features on GPUs.
    """
    if x.device.type in KEEPS or not is_channels_last(x):
        return F.interpolate(x, scale_factor=tuple(map(float, factor)), mode="nearest")
    n, channels, *edges = x.shape
    rows = x.permute(0, 2, 3, 4, 1)[:, :, None, :, None, :, None]
    pairs = [length for pair in zip(edges, factor, strict=True) for length in pair]
    longer = [edge * times for edge, times in zip(edges, factor, strict=True)]
    return rows.expand(n, *pairs, channels).reshape(n, *longer, channels).movedim(-1, 1)


def is_channels_last(x: Tensor) -> bool:
    """Tell whether features are channels-last, and not contiguous as well."""
    layout = FORMATS.get(x.ndim)
    return layout is not None and x.is_contiguous(memory_format=layout) and not x.is_contiguous()


def channels_last(network: nn.Module) -> None:
    """Store the kernels of all convolutions channels-last, so that they give such features."""
    for part in network.modules():
        if isinstance(part, (nn.Conv2d, nn.Conv3d)):
            layout = FORMATS[part.weight.ndim]
            part.weight.data = part.weight.detach().contiguous(memory_format=layout)

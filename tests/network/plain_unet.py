"""The published network's forward pass once more, plainly, to test and to time the network against.

Written from the papers (arXiv 2105.05233, arXiv 2006.11239), not from `dispr.network`: one function
of a state dict, with group normalisation as sums and attention as a matrix of all pairs of voxels.
"""

import math

import torch
import torch.nn.functional as F


def plain_unet(state, x, t, config, y=None):
    """Apply the network.

    Parameters
    ----------
    state : mapping of str to Tensor
        Parameters under the published names.
    x : Tensor
        (N, in_channels, Z, Y, X).
    t : Tensor
        Steps of the diffusion, (N,).
    config : UNetConfig
        The configuration; only what is published (in-plane pooling, no folding, no position).
    y : Tensor, optional
        Classes, (N,) long.

    Returns
    -------
    Tensor
        (N, out_channels, Z, Y, X).
    """
    assert (config.pooling, config.patch, config.position) == ("in-plane", 1, False)
    width = config.channels
    rates = torch.exp(
        -math.log(10000)
        * torch.arange(width // 2, dtype=torch.float32, device=t.device)
        / (width // 2)
    )
    angles = t[:, None].float() * rates
    features = torch.cat([torch.cos(angles), torch.sin(angles)], 1).to(x.dtype)
    time = linear(state, "time_embed.2", silu(linear(state, "time_embed.0", features)))
    if config.num_classes:
        time = time + state["label_emb.weight"][y]

    def residual(name, h, resize=lambda volume: volume):
        return residual_block(state, name, h, time, config.scale_shift_norm, resize)

    def attend(name, h, heads):
        return attention(state, name, h, heads, split_first=config.new_attention_order)

    def count(channels, own):
        if config.num_head_channels != -1:
            return channels // config.num_head_channels
        return own if own != -1 else config.num_heads

    h = conv(state, "input_blocks.0.0", x)
    saved = [h]
    last = len(config.channel_mult) - 1
    for level in range(last + 1):
        for _ in range(config.num_res_blocks):
            name = f"input_blocks.{len(saved)}"
            h = residual(f"{name}.0", h)
            if level in config.attention_levels:
                h = attend(f"{name}.1", h, count(h.shape[1], config.num_heads))
            saved.append(h)
        if level < last:
            name = f"input_blocks.{len(saved)}.0"
            if config.resblock_updown:
                h = residual(name, h, halve)
            else:
                h = conv(state, f"{name}.op", h, stride=(1, 2, 2))
            saved.append(h)

    h = residual("middle_block.0", h)
    h = attend("middle_block.1", h, count(h.shape[1], config.num_heads))
    h = residual("middle_block.2", h)

    number = 0
    for level in range(last, -1, -1):
        for i in range(config.num_res_blocks + 1):
            parts = [f"output_blocks.{number}.{k}" for k in range(3)]
            h = residual(parts.pop(0), torch.cat([h, saved.pop()], 1))
            if level in config.attention_levels:
                h = attend(parts.pop(0), h, count(h.shape[1], config.num_heads_upsample))
            if level > 0 and i == config.num_res_blocks:
                if config.resblock_updown:
                    h = residual(parts.pop(0), h, double)
                else:
                    h = conv(state, f"{parts.pop(0)}.conv", double(h))
            number += 1
    return conv(state, "out.2", silu(norm(state, "out.0", h)))


def residual_block(state, name, x, time, scale_and_shift, resize):
    h = resize(silu(norm(state, f"{name}.in_layers.0", x)))
    h = conv(state, f"{name}.in_layers.2", h)
    told = linear(state, f"{name}.emb_layers.1", silu(time))[:, :, None, None, None]
    if scale_and_shift:
        scale, shift = told[:, : h.shape[1]], told[:, h.shape[1] :]
        h = norm(state, f"{name}.out_layers.0", h) * (1 + scale) + shift
    else:
        h = norm(state, f"{name}.out_layers.0", h + told)
    h = conv(state, f"{name}.out_layers.3", silu(h))
    x = resize(x)
    if f"{name}.skip_connection.weight" in state:
        x = conv(state, f"{name}.skip_connection", x)
    return x + h


def attention(state, name, x, heads, *, split_first):
    """Softmax(Q K^T / sqrt(width)) V in each head; the order of the channels of Q, K, V varies."""
    n, c = x.shape[:2]
    weight = state[f"{name}.qkv.weight"][:, :, 0]
    bias = state[f"{name}.qkv.bias"][None, :, None]
    mixed = torch.einsum("oc,ncv->nov", weight, norm(state, f"{name}.norm", x).flatten(2)) + bias
    if split_first:
        q, k, v = mixed.reshape(n, 3, heads, c // heads, -1).unbind(1)
    else:
        q, k, v = mixed.reshape(n, heads, 3, c // heads, -1).unbind(2)
    pairs = torch.einsum("nhwi,nhwj->nhij", q, k) / math.sqrt(c // heads)
    h = torch.einsum("nhij,nhwj->nhwi", torch.softmax(pairs, -1), v).reshape(n, c, -1)
    h = torch.einsum("oc,ncv->nov", state[f"{name}.proj_out.weight"][:, :, 0], h)
    return x + (h + state[f"{name}.proj_out.bias"][None, :, None]).reshape(x.shape)


def norm(state, name, x, groups=32):
    parts = x.reshape(len(x), groups, -1)
    centred = parts - parts.mean(-1, keepdim=True)
    h = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-5)
    across = (1, -1, 1, 1, 1) if x.ndim == 5 else (1, -1, 1)
    weight, bias = (state[f"{name}.{key}"].reshape(across) for key in ("weight", "bias"))
    return h.reshape(x.shape) * weight + bias


def conv(state, name, x, stride=1):
    weight = state[f"{name}.weight"]
    return F.conv3d(x, weight, state[f"{name}.bias"], stride, padding=weight.shape[-1] // 2)


def linear(state, name, x):
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def silu(x):
    return x * torch.sigmoid(x)


def halve(x):
    """Mean of 2 x 2 voxels in each plane."""
    n, c, z, height, width = x.shape
    return x.reshape(n, c, z, height // 2, 2, width // 2, 2).mean((4, 6))


def double(x):
    """Repeat each voxel 2 x 2 times in its plane."""
    return x.repeat_interleave(2, 3).repeat_interleave(2, 4)

"""Training losses, one value for each sample."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from dispr.diffusion.process import Process, at

Network = Callable[[Tensor, Tensor], Tensor]


def training_loss(
    process: Process, network: Network, x0: Tensor, t: Tensor, noise: Tensor
) -> dict[str, Tensor]:
    """Loss of the network on volumes noised to the steps t.

    Parameters
    ----------
    process : Process
        The diffusion; its configuration names the loss.
    network : callable
        From (x_t, time) to the network's output; the condition is fixed already.
    x0, noise : Tensor
        Clean volumes in the coding of the process, and standard normal noise,
        (N, 1, Z, Y, X) each.
    t : Tensor
        Places in the schedule, (N,) long.

    Returns
    -------
    dict of Tensor
        "loss" and the terms it is made of ("mse", "vb", "cross_entropy", "dice"), (N,) each.
        The variational bound "vb" is in bits a voxel.
    """
    config = process.config
    x_t = process.add_noise(x0, noise, t)
    output = network(x_t, process.network_time(t)).to(x0.dtype)
    if config.loss == "overlap":
        return overlap_loss(output, process.decode(x0))
    if config.loss == "cross-entropy":
        return {"loss": cross_entropy(output, process.decode(x0))}
    if config.loss in ("kl", "rescaled-kl"):
        vb = variational_bound(process, output, x0, x_t, t)
        return {"loss": vb * len(process.schedule) if config.loss == "rescaled-kl" else vb}

    target = {
        "epsilon": lambda: noise,
        "x0": lambda: x0,
        "v": lambda: process.velocity(x0, noise, t),
    }[config.prediction]()
    terms = {"mse": per_sample(F.mse_loss(output[:, :1], target, reduction="none"))}
    if config.learns_variance:
        # The bound teaches the variance alone: the mean it uses is held (arXiv 2102.09672, 3.1).
        held = torch.cat([output[:, :1].detach(), output[:, 1:]], dim=1)
        terms["vb"] = variational_bound(process, held, x0, x_t, t)
        if config.loss == "rescaled-mse":
            terms["vb"] = terms["vb"] * (len(process.schedule) / 1000)
    return {"loss": torch.stack(list(terms.values())).sum(0), **terms}


def variational_bound(
    process: Process, output: Tensor, x0: Tensor, x_t: Tensor, t: Tensor
) -> Tensor:
    """Term t of the variational bound in bits a voxel, (N,) (arXiv 2006.11239, eq. 5).

    A Kullback-Leibler divergence, except at t = 0 the negative log-likelihood of x0 in bins of
    1/255 either side, as for 8-bit images in [-1, 1].
    """
    estimate = process.estimate(output, x_t, t, clip=False)
    true_mean = process.posterior_mean(x0, x_t, t)
    true_log_variance = at(process.schedule.posterior_log_variance, t, x0)
    log_variance = estimate.log_variance
    kl = 0.5 * (
        log_variance
        - true_log_variance
        - 1
        + torch.exp(true_log_variance - log_variance)
        + (true_mean - estimate.mean).square() * torch.exp(-log_variance)
    )
    nll = -bin_log_likelihood(x0, estimate.mean, 0.5 * log_variance)
    return per_sample(torch.where(t.view(-1, 1, 1, 1, 1) == 0, nll, kl)) / math.log(2)


def bin_log_likelihood(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log-probability of the 8-bit bin around x in [-1, 1] (arXiv 2006.11239, eq. 13)."""
    scale = torch.exp(-log_std)
    above = _normal_cdf(scale * (x - mean + 1 / 255))
    below = _normal_cdf(scale * (x - mean - 1 / 255))
    probability = torch.where(x < -0.999, above, torch.where(x > 0.999, 1 - below, above - below))
    return probability.clamp(min=1e-12).log()


def _normal_cdf(x: Tensor) -> Tensor:
    # The published program's approximation: its losses are only equal with the same one.
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def overlap_loss(logits: Tensor, occupancy: Tensor) -> dict[str, Tensor]:
    """Cross-entropy + Dice loss of occupancy logits, as SHAPR is trained.

    Parameters
    ----------
    logits, occupancy : Tensor
        (N, 1, Z, Y, X); occupancy 0 to 1.
    """
    entropy = cross_entropy(logits, occupancy)
    p = torch.sigmoid(logits).flatten(1)
    q = occupancy.flatten(1)
    dice = 1 - 2 * (p * q).sum(1) / (p.sum(1) + q.sum(1)).clamp(min=1e-6)
    return {"loss": entropy + dice, "cross_entropy": entropy, "dice": dice}


def cross_entropy(logits: Tensor, occupancy: Tensor) -> Tensor:
    """Mean cross-entropy of occupancy logits in nats a voxel, (N,)."""
    return per_sample(F.binary_cross_entropy_with_logits(logits, occupancy, reduction="none"))


def per_sample(values: Tensor) -> Tensor:
    """Mean over all but the first axis."""
    return values.flatten(1).mean(1)

"""Samplers: from noise to a clean volume. Each is one generator function of x after each step.

They share one signature. `network` maps (x_t, time) to the network's output, the condition fixed
already; `process` holds the steps to take (respace it for fewer); `noise()` gives standard normal
noise of the shape of x, beginning with the start. The last x yielded is the sample, in the coding
of the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from dispr.arguments import one_of
from dispr.diffusion.process import Estimate, Process, at

Network = Callable[[Tensor, Tensor], Tensor]
Noise = Callable[[], Tensor]
Watch = Callable[[Tensor, Estimate], None]
"""Told x_t and what the network says of it, `x0` among it, at each step."""


class Sampler(Protocol):
    """What all samplers are called as."""

    def __call__(
        self, network: Network, process: Process, noise: Noise, watch: Watch | None = None
    ) -> Iterator[Tensor]:
        """Give x after each step."""
        ...


def ddpm(
    network: Network, process: Process, noise: Noise, watch: Watch | None = None
) -> Iterator[Tensor]:
    """Ancestral sampling (Ho et al., arXiv 2006.11239, algorithm 2)."""
    x = noise()
    for i, t in _descending(process, x):
        estimate = _ask(network, process, x, t, watch)
        fresh = noise()
        spread = torch.exp(0.5 * estimate.log_variance)
        x = estimate.mean + (spread * fresh if i > 0 else 0.0)
        yield x


def ddim(
    network: Network,
    process: Process,
    noise: Noise,
    watch: Watch | None = None,
    *,
    eta: float = 0.0,
) -> Iterator[Tensor]:
    """Denoising diffusion implicit model (Song et al., arXiv 2010.02502, eq. 12 and 16).

    `eta` is the share of ancestral noise: 0 is deterministic after the start.
    """
    x = noise()
    left, before = process.schedule.alphas_cumprod, process.schedule.alphas_cumprod_prev
    sigma = eta * np.sqrt((1 - before) / (1 - left) * (1 - left / before))
    for _, t in _descending(process, x):
        estimate = _ask(network, process, x, t, watch)
        x = (
            at(np.sqrt(before), t, x) * estimate.x0
            + at(np.sqrt(1 - before - sigma**2), t, x) * estimate.noise
        )
        if eta > 0:
            x = x + at(sigma, t, x) * noise()
        yield x


def dpm_solver(
    network: Network, process: Process, noise: Noise, watch: Watch | None = None
) -> Iterator[Tensor]:
    """DPM-Solver++(2M), deterministic after the start (Lu et al., arXiv 2211.01095, algorithm 2).

    The first and the last step are of first order; the last goes to the clean volume.
    """
    x = noise()
    left = process.schedule.alphas_cumprod
    alpha, sigma = np.sqrt(left), np.sqrt(1 - left)
    lam = np.log(alpha / sigma)
    previous: Tensor | None = None
    for i, t in _descending(process, x):
        x0 = _ask(network, process, x, t, watch).x0
        if i == 0:
            yield x0
            return
        h = lam[i - 1] - lam[i]
        direction = x0
        if previous is not None:
            r = (lam[i] - lam[i + 1]) / h
            direction = x0 + (x0 - previous) / (2 * r)
        x = float(sigma[i - 1] / sigma[i]) * x - float(alpha[i - 1] * np.expm1(-h)) * direction
        previous = x0
        yield x


SAMPLERS: dict[str, Sampler] = {"ddpm": ddpm, "ddim": ddim, "dpm-solver": dpm_solver}


def get_sampler(name: str) -> Sampler:
    """Find a sampler by name.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    return SAMPLERS[one_of(name, SAMPLERS, "sampler")]


def _descending(process: Process, x: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Give each place in the schedule, last to first, and the same for each sample, (N,)."""
    for i in reversed(range(len(process.schedule))):
        yield i, torch.full((x.shape[0],), i, dtype=torch.long, device=x.device)


def _ask(network: Network, process: Process, x: Tensor, t: Tensor, watch: Watch | None) -> Estimate:
    estimate = process.estimate(network(x, process.network_time(t)), x, t)
    if watch is not None:
        watch(x, estimate)
    return estimate

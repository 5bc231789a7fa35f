"""The Gaussian process: noise added, and what a network's output says of taking it away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dispr.diffusion.config import DiffusionConfig
from dispr.diffusion.schedule import Schedule, make_schedule, respacing


@dataclass(frozen=True)
class Estimate:
    """What the network says of one reverse step; tensors of the shape of x_t.

    Attributes
    ----------
    x0 : Tensor
        Estimate of the clean volume.
    noise : Tensor
        Estimate of the noise, consistent with `x0`.
    mean, log_variance : Tensor
        Of p(x_{t-1} | x_t).
    """

    x0: Tensor
    noise: Tensor
    mean: Tensor
    log_variance: Tensor


class Process:
    """A diffusion process on some schedule.

    Steps `t` given to its methods are places in its own schedule (0 to len(schedule) - 1);
    `network_time` translates them to what the network was trained with.
    """

    def __init__(self, config: DiffusionConfig, schedule: Schedule | None = None) -> None:
        self.config = config
        self.schedule = schedule or make_schedule(config.schedule, config.steps)

    def respaced(self, spec: str | int) -> Process:
        """Give the same process in fewer steps (see `respacing`)."""
        full = make_schedule(self.config.schedule, self.config.steps)
        return Process(self.config, full.respaced(respacing(self.config.steps, spec)))

    def encode(self, occupancy: Tensor) -> Tensor:
        """Turn occupancy (0 to 1) into the values that are noised."""
        return self.config.low + (self.config.high - self.config.low) * occupancy

    def decode(self, x0: Tensor) -> Tensor:
        """Turn clean values into occupancy (0 to 1; beyond where x0 is)."""
        return (x0 - self.config.low) / (self.config.high - self.config.low)

    def network_time(self, t: Tensor) -> Tensor:
        """Translate places in this schedule to the times that the network knows, (N,)."""
        original = _on_device(self.schedule.timesteps, t)[t]
        if self.config.rescale_timesteps:
            return original.float() * (1000.0 / self.config.steps)
        return original

    def add_noise(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Draw x_t from q(x_t | x_0) with the given noise (arXiv 2006.11239, eq. 4)."""
        left = self.schedule.alphas_cumprod
        return at(np.sqrt(left), t, x0) * x0 + at(np.sqrt(1 - left), t, x0) * noise

    def velocity(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Give v = sqrt(a) noise - sqrt(1 - a) x0 (arXiv 2202.00512, appendix D)."""
        left = self.schedule.alphas_cumprod
        return at(np.sqrt(left), t, x0) * noise - at(np.sqrt(1 - left), t, x0) * x0

    def posterior_mean(self, x0: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Mean of q(x_{t-1} | x_t, x_0) (arXiv 2006.11239, eq. 7)."""
        return (
            at(self.schedule.posterior_mean_x0, t, x0) * x0
            + at(self.schedule.posterior_mean_xt, t, x0) * x_t
        )

    def estimate(
        self, output: Tensor, x_t: Tensor, t: Tensor, *, clip: bool | None = None
    ) -> Estimate:
        """Read a network's output.

        Parameters
        ----------
        output : Tensor
            (N, 1, Z, Y, X), or (N, 2, Z, Y, X) where the variance is learned.
        x_t : Tensor
            The noisy volume that it answers to, (N, 1, Z, Y, X).
        t : Tensor
            Places in the schedule, (N,) long.
        clip : bool, optional
            Clamp x0 to [-1, 1]; as the configuration says if not given.
        """
        output = output.to(x_t.dtype)
        first = output[:, :1]
        left = self.schedule.alphas_cumprod
        signal, spread = at(np.sqrt(left), t, x_t), at(np.sqrt(1 - left), t, x_t)
        if self.config.prediction == "epsilon":
            # In the published program's arithmetic, which keeps more digits for small t.
            x0 = at(np.sqrt(1 / left), t, x_t) * x_t - at(np.sqrt(1 / left - 1), t, x_t) * first
        elif self.config.prediction == "x0":
            x0 = first
        elif self.config.prediction == "v":
            x0 = signal * x_t - spread * first
        else:
            x0 = self.encode(torch.sigmoid(first))
        if self.config.clip if clip is None else clip:
            x0 = x0.clamp(-1, 1)
        noise = (x_t - signal * x0) / spread
        return Estimate(x0, noise, self.posterior_mean(x0, x_t, t), self._log_variance(output, t))

    def _log_variance(self, output: Tensor, t: Tensor) -> Tensor:
        small = at(self.schedule.posterior_log_variance, t, output)
        if self.config.variance == "fixed-small":
            return small.expand_as(output[:, :1])
        if self.config.variance == "fixed-large":
            return at(self.schedule.fixed_large_log_variance, t, output).expand_as(output[:, :1])
        # arXiv 2102.09672, eq. 15; the network's -1 to 1 is the share 0 to 1.
        share = (output[:, 1:2] + 1) / 2
        return share * at(np.log(self.schedule.betas), t, output) + (1 - share) * small


def at(values: np.ndarray, t: Tensor, like: Tensor) -> Tensor:
    """Pick the value of each step t (N,), shaped to multiply `like` (N, ...)."""
    picked = _on_device(values, t)[t].to(like.dtype)
    return picked.reshape(-1, *[1] * (like.ndim - 1))


def _on_device(values: np.ndarray, like: Tensor) -> Tensor:
    """Copy a table to the device of a tensor; a GPU is not waited for."""
    return torch.as_tensor(values).to(like.device, non_blocking=True)

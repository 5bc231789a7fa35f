"""Every choice that the diffusion process is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from dispr.arguments import one_of
from dispr.errors import ConfigError

ScheduleName = Literal["linear", "cosine"]
Prediction = Literal["epsilon", "x0", "v", "occupancy"]
Variance = Literal["learned-range", "fixed-small", "fixed-large"]
Loss = Literal["mse", "rescaled-mse", "kl", "rescaled-kl", "overlap", "cross-entropy"]


@dataclass(frozen=True)
class DiffusionConfig:
    """The Gaussian diffusion of an occupancy volume. The defaults are the published method.

    Attributes
    ----------
    steps : int
        Number of steps T.
    schedule : "linear" or "cosine"
        Noise schedule (betas): linear (Ho et al., arXiv 2006.11239) or cosine (arXiv 2102.09672,
        eq. 17).
    prediction : "epsilon", "x0", "v" or "occupancy"
        What the first output channel of the network predicts: the noise, the clean volume, the
        velocity (arXiv 2202.00512, appendix D), or the logit of the occupancy.
    variance : "learned-range", "fixed-small" or "fixed-large"
        Variance of the reverse steps: interpolated between the posterior variance and beta by the
        second output channel of the network (learned-range; arXiv 2102.09672, eq. 15), the
        posterior variance (fixed-small), or beta (fixed-large).
    loss : "mse", "rescaled-mse", "kl", "rescaled-kl" or "overlap"
        Training loss: the mean squared error, plus the variational bound in bits if the variance is
        learned (the hybrid objective, eq. 16; "rescaled" multiplies the bound by T / 1000); only
        the bound ("rescaled" multiplies it by T); or cross-entropy + Dice of the occupancy.
    rescale_timesteps : bool
        Give the network the time on a scale of 0 to 1000, regardless of the number of steps.
    low, high : float
        Values that code empty and occupied voxels in the noisy volume; published: 0 and 1. The
        global shape of a volume remains visible in strong noise; a smaller difference, such as
        -0.15 and 0.15, spreads its emergence over more of the steps.
    clip : bool
        Clip the estimate of the clean volume to [-1, 1] in sampling.
    """

    steps: int = 1000
    schedule: ScheduleName = "linear"
    prediction: Prediction = "epsilon"
    variance: Variance = "learned-range"
    loss: Loss = "mse"
    rescale_timesteps: bool = False
    low: float = 0.0
    high: float = 1.0
    clip: bool = True

    def __post_init__(self) -> None:
        for name, kinds in (
            ("schedule", ScheduleName),
            ("prediction", Prediction),
            ("variance", Variance),
            ("loss", Loss),
        ):
            one_of(getattr(self, name), get_args(kinds), name)
        if self.steps < 2:
            raise ConfigError(f"steps must be at least 2, not {self.steps}.")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ConfigError(f"low ({self.low}) must be below high ({self.high}).")
        if (self.loss in ("overlap", "cross-entropy")) != (self.prediction == "occupancy"):
            raise ConfigError('loss "overlap" and prediction "occupancy" must be used together.')
        if self.learns_variance and self.prediction == "occupancy":
            raise ConfigError('prediction "occupancy" needs a fixed variance.')
        if self.loss in ("kl", "rescaled-kl") and self.prediction == "occupancy":
            raise ConfigError('prediction "occupancy" needs the loss "overlap".')

    @property
    def learns_variance(self) -> bool:
        """Whether the network gives the variance as its second channel."""
        return self.variance == "learned-range"

    @property
    def out_channels(self) -> int:
        """Channels that the network must give."""
        return 2 if self.learns_variance else 1
